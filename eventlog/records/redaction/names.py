"""Levels of secrecy: which names identify a secret, and how reliably."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product

from ...conf import conf, once_per_settings
from . import words
from .forms import looks_random

EXEMPT = -1  # listed in REDACT_EXCEPT: the value is kept unchanged
NONE = 0
BY_FORM = 1  # masked if the value looks random: account_key
WEAK = 2  # masked, but in a path only if the value looks random: key
IDENTIFIER = 3  # masked unless the text is a number: session_id
SECRET = 4  # masked, but numbers are kept: token
NUMERIC = 5  # numbers are masked as well: pin
WHOLE = 6  # listed in REDACT: everything is masked, booleans included

MAX_NAME_LENGTH = 200

_SEPARATOR = re.compile(r"[\W_]+")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2060\ufeff]")
# "apiKey" and "APIKey" have two words, "PINs" has one.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_UNSPLIT = words.ANYWHERE | words.ANYWHERE_NUMERIC  # in any case: "ToKen"
_MAX_COMPOUND_WORDS = 4  # as in "one time pass code"

_COMPOUNDS = {
    **{"".join(pair): SECRET for pair in product(words.KEY_SECRET, ("key",))},
    **{"".join(pair): NUMERIC for pair in product(words.CODE_SECRET, ("code",))},
    **{"".join(pair): SECRET for pair in product(words.URL_SECRET, ("url", "uri", "link"))},
    **dict.fromkeys(words.COMPOUND_SECRET, SECRET),
    **dict.fromkeys(words.COMPOUND_NUMERIC, NUMERIC),
}
_PLURALS = (
    words.ANYWHERE
    | words.ANYWHERE_NUMERIC
    | words.LAST
    | words.LAST_WEAK
    | words.LAST_NUMERIC
    | {"key", "code"}
)

_LAST = {
    **dict.fromkeys(words.LAST, SECRET),
    **dict.fromkeys(words.LAST_WEAK | words.ALONE, WEAK),
    **dict.fromkeys(words.LAST_BY_FORM, BY_FORM),
    **dict.fromkeys(words.LAST_NUMERIC, NUMERIC),
}

Classifier = Callable[[str], int]


@once_per_settings
def current_classifier() -> Classifier:
    """Return the function that maps a name to its level under the current settings."""
    own = tuple(part.lower() for part in conf.redact)
    exempt = frozenset("".join(_words(name)) for name in conf.redact_except)

    @lru_cache(maxsize=4096)
    def classify(name: str) -> int:
        parts = _words(name)
        if exempt and "".join(parts) in exempt:
            return EXEMPT
        lowered = name.lower()
        return WHOLE if any(part in lowered for part in own) else _secrecy(parts)

    return lambda name: classify(name[:MAX_NAME_LENGTH])


def is_secret(name: str) -> bool:
    """Return whether text under ``name`` is masked, of any form; see ``hides()``."""
    return current_classifier()(name) >= WEAK


def hides(level: int, text: str) -> bool:
    """Return whether ``text`` under a name of this level is masked."""
    if not text or (level == WEAK and text == "value"):  # as in "key=value pairs"
        return False
    if level <= BY_FORM:
        return level == BY_FORM and looks_random(text)
    return level != IDENTIFIER or not _is_number(text)


def hides_in_path(level: int, text: str) -> bool:
    """Return whether ``text`` that a URL pattern captured is masked."""
    return looks_random(text) if level in (BY_FORM, WEAK) else hides(level, text)


def _is_number(text: str) -> bool:
    return len(text) < 19 and text.isascii() and text.isdigit()


def _words(name: str) -> list[str]:
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    name = _INVISIBLE.sub("", name.replace("OAuth", "Oauth"))
    parts = (_split(part) for part in _SEPARATOR.split(name))
    return [part for split in parts for part in split if part]


def _split(part: str) -> list[str]:
    """Return the words of a part in camel case, in small letters."""
    lowered = part.lower()
    return [lowered] if lowered in _UNSPLIT else _CAMEL.sub("_", part).lower().split("_")


def _secrecy(parts: Sequence[str]) -> int:
    whole = [part.rstrip("0123456789") or part for part in parts]
    parts = [*map(_singular, whole)]
    if not parts or (len(parts) > 1 and parts[0] in words.QUANTITIES):
        return NONE
    level, rest = _compound(parts)
    if not level:
        level, rest = _word_anywhere(parts)
    if not level:
        level, rest = _last_word(parts), ()
    if rest and rest[-1] in words.DESCRIPTIONS:
        return NONE
    if level == NUMERIC:
        is_count = parts[-1] != whole[-1] and parts[-1] != "code"  # "pins", not "backup_codes"
        return NUMERIC if not is_count and words.NEUTRAL.issuperset(rest) else SECRET
    return level


def _singular(part: str) -> str:
    return part[:-1] if part[-1:] == "s" and part[:-1] in _PLURALS else part


def _compound(parts: Sequence[str]) -> tuple[int, Sequence[str]]:
    """Return the level of the last compound among ``parts``, and the words after it."""
    for end in range(len(parts), 0, -1):
        for start in range(max(0, end - _MAX_COMPOUND_WORDS), end):
            joined = "".join(parts[start:end])
            level = _COMPOUNDS.get(joined) or _COMPOUNDS.get(joined.removesuffix("s"))
            if level:
                return level, parts[end:]
    return NONE, ()


def _word_anywhere(parts: Sequence[str]) -> tuple[int, Sequence[str]]:
    """Return the level of the last word that is secret anywhere, and the words after it."""
    for number in range(len(parts) - 1, -1, -1):
        part = parts[number]
        if part in words.ANYWHERE_NUMERIC or part.endswith(words.ENDINGS_NUMERIC):
            return NUMERIC, parts[number + 1 :]
        secret = part in words.ANYWHERE or part.endswith(words.ENDINGS)
        if secret or part.startswith(words.BEGINNINGS):
            return SECRET, parts[number + 1 :]
    return NONE, ()


def _last_word(parts: Sequence[str]) -> int:
    """Return the level of a name by a word that counts only at the end, such as "key"."""
    end = len(parts)
    while end > 1 and parts[end - 1] in words.NEUTRAL:
        end -= 1
    last, before, after = parts[end - 1], parts[end - 2] if end > 1 else "", parts[end:]
    is_id = after[:1] in (["id"], ["ids"])
    if before in words.PLAIN_BEFORE.get(last, ()):
        return NONE
    if last == "key":
        return BY_FORM if before or after else WEAK
    if last == "session" and after:
        return IDENTIFIER if is_id else SECRET
    if is_id or (last in words.ALONE and len(parts) > 1):
        return NONE
    return _LAST.get(last, NONE)
