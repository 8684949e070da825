"""Masking in other text than JSON: ``Cookie: a=S``, ``login(password: "S")``, a repr.

Truncated JSON belongs to this text.
"""

import re

from .forms import MASK
from .names import BY_FORM, SECRET, WEAK, Classifier, hides
from .notations import OPENING_QUOTE, end_of_quoted, end_of_string, is_exempt, mask_notations

_SEPARATOR = re.compile(r"={1,3}>?|!={1,2}|\+=|\?{1,2}=|\|\|=|:=|:(?!//)|%(?:25)*+3[dDaA]")
# Matches the name before a separator in reversed text, so that only separators cost time.
_NAME_BACKWARDS = re.compile(
    r"""(?:\s{0,40}+(?=["'`])|[ \t]{0,40}+)(?:\](?=["'`]))?+(["'`]?+\\*+)([\w$.\[\]-]++)"""
)
_ESCAPED = re.compile(r"\\u00([2-7][0-9a-fA-F])")  # ASCII in JSON
_MAX_NAME_LENGTH = 260
_SPACE = re.compile(r"[ \t\r\n+]{0,100}+(?:%20)*+")
_TO_END_OF_LINE = re.compile(r"[^\r\n]*+")
_TO_END_OF_CLAUSE = re.compile(r"[^\r\n,;\"'<>{}]*+")
_TO_SPACE = re.compile(r"[^\s&\"'`<>]*+")
_TO_DELIMITER = re.compile(r"[^\s&,;\"'`<>)\]}]*+")
_EQUALS = re.compile(r"[ \t]{0,4}+=[ \t]{0,4}+")
_SCHEMES = re.compile(
    r"(?:(?i:bearer|basic|token|digest|api-?key|negotiate|ntlm|hawk|oauth|jwt|mac|signature"
    r"|aws4-hmac-sha256|scram-sha-(?:1|256)|dpop|gnap|vapid)[ \t+:]++){1,2}"
    r"(?=[\"'`]?[\w+/=.-])"
)
_ANY_SCHEME = re.compile(r"[A-Za-z][\w-]{1,40}+[ \t+:]++(?=[^\s&,;<>)\]}])")
_SCHEMES_WITH_PARAMETERS = ("digest", "hawk", "oauth", "mac", "signature", "aws4", "scram", "vapid")
# Words that begin a requirement, as in "Password: at least 8 characters".
_REQUIREMENT = re.compile(
    r"(?:at (?:least|most)|must|should|cannot|may not|is|was|too|minimum|maximum|required"
    r"|this field)(?:\s|\Z)",
    re.IGNORECASE,
)
_CONTAINER = re.compile(r"""["'{}\[\]()]""")
_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2")
)
_LAST_OF_PHRASE = frozenset(("key", "keys", "code", "number", "no", "id", "link", "url", "answer"))
_PHRASE_END = re.compile(r"[^\w \-]")
_MASKED = re.compile(r"(?:%2[27])*+" + re.escape(MASK) + r"(?!\w)")
_MAX_VALUE_LENGTH = 300  # characters of a value that is masked only if it looks random
_MAX_PHRASE_LENGTH = 24  # characters before the last word of a name such as "API key"


def mask_assignments(text: str, classify: Classifier) -> str:
    """Return ``text`` with the values of secret names masked."""
    plain = _ESCAPED.sub(_unescape, text) if "\\u00" in text else text
    masked = _mask_named(mask_notations(plain, classify), classify)
    return text if masked == plain else masked


def _unescape(found: "re.Match[str]") -> str:
    character = chr(int(found[1], 16))
    return character if character.isalnum() or character in "_-" else found[0]


def _mask_named(text: str, classify: Classifier) -> str:
    kept, position = [], 0
    for separator in _SEPARATOR.finditer(text):
        start = separator.start()
        if start < position:
            continue  # inside a masked value
        window = text[max(0, start - _MAX_NAME_LENGTH) : start]
        name = _NAME_BACKWARDS.match(window[::-1])
        if name is None or (not (level := classify(name[2][::-1])) and not _may_be_phrase(name)):
            continue
        span = _secret_span(text, separator, name, level, classify)
        if span is not None:
            kept += [text[position : span[0]], MASK]
            position = span[1]
    return "".join([*kept, text[position:]]) if kept else text


def _may_be_phrase(name: "re.Match[str]") -> bool:
    return not name[1] and name[2][::-1].lower() in _LAST_OF_PHRASE


def _secret_span(
    text: str, separator: "re.Match[str]", found: "re.Match[str]", level: int, classify: Classifier
) -> tuple[int, int] | None:
    quote, name = found[1], found[2][::-1]
    begin = separator.start() - found.end()
    is_prose = separator[0] == ":" and not quote
    if is_prose and level < SECRET:
        level = max(level, _level_of_phrase(text, begin, begin + len(name), classify))
    if level <= 0:
        return None
    if is_prose and level == WEAK:
        level = BY_FORM  # "Session: Keynote" is as likely to be a heading
    # Limited, because a value that is kept is examined again for the next name.
    limit = len(text) if level >= WEAK else separator.end() + _MAX_VALUE_LENGTH
    start, end, is_quoted = _value_span(text, limit, separator, name, begin, is_prose)
    value = text[start:end]
    if not is_quoted and is_exempt(value, level):
        return None
    if level == WEAK and name.lower() == "key" and _is_name(value, classify):
        return None  # the name of another value, as in <entry key="password">
    if not value or not hides(level, value):
        return None
    if level < WEAK:
        start, end, _ = _value_span(text, len(text), separator, name, begin, is_prose)
    return start, end


def _is_name(value: str, classify: Classifier) -> bool:
    return len(value) <= _MAX_PHRASE_LENGTH and classify(value) >= WEAK


def _level_of_phrase(text: str, begin: int, end: int, classify: Classifier) -> int:
    """Return the level of the words before a colon, as in "API key: …"."""
    return classify(_PHRASE_END.split(text[max(0, begin - _MAX_PHRASE_LENGTH) : end])[-1])


def _value_span(
    text: str, limit: int, separator: "re.Match[str]", name: str, begin: int, is_prose: bool
) -> tuple[int, int, bool]:
    """Return where the value begins and ends, and whether quotes or brackets enclose it."""
    space = _SPACE.match(text, separator.end())
    start = separator.end() if space is None else space.end()
    opening = OPENING_QUOTE.match(text, start)
    if _MASKED.match(text, start if opening is None else opening.end()):
        return start, start, False
    if opening is not None:
        return opening.end(), end_of_string(text, limit, opening), True
    if text[start : start + 1] in ("{", "["):
        # Under a weak name, the content of a container is examined by itself.
        if limit < len(text):
            return start, start, True
        end = _end_of_container(text, start)
        return start, _end_of_default(text, limit, start, end), True
    if is_prose and _REQUIREMENT.match(text, start):
        return start, start, False
    is_header = name.lower() in _HEADERS and "cookie" not in name.lower()
    schemes = _SCHEMES.match(text, start) or (_ANY_SCHEME.match(text, start) if is_header else None)
    pattern = _pattern_of_value(text, separator, name, begin, is_prose, start)
    if schemes is not None and schemes[0].lower().startswith(_SCHEMES_WITH_PARAMETERS):
        pattern = _TO_END_OF_LINE if pattern is not _TO_END_OF_CLAUSE else pattern
    begin_of_rest = start if schemes is None else schemes.end()
    rest = pattern.match(text, begin_of_rest, limit)
    end = start if rest is None else rest.end()
    opening = OPENING_QUOTE.match(text, begin_of_rest, limit)
    if schemes is not None and opening is not None:
        end = max(end, min(limit, end_of_string(text, limit, opening) + len(opening[0])))
    if separator[0] == ":" and pattern is not _TO_END_OF_LINE:
        end = _end_of_default(text, limit, start, end)
    return start, end, False


def _pattern_of_value(
    text: str, separator: "re.Match[str]", name: str, begin: int, is_prose: bool, start: int
) -> "re.Pattern[str]":
    """Return the pattern of an unquoted value after this name and separator."""
    before = text[begin - 1 : begin] if begin else "\n"
    if name.lower() in _HEADERS and is_prose:
        # A quoted header, as in a command line, ends at the quote.
        return _TO_END_OF_CLAUSE if before in "\"'" else _TO_END_OF_LINE
    if is_prose and before in "\r\n":
        return _TO_END_OF_CLAUSE
    if separator[0] != ":" and start == separator.end():
        return _TO_SPACE
    return _TO_DELIMITER


def _end_of_default(text: str, limit: int, start: int, end: int) -> int:
    """Return the end of a type and its default, as in ``password: String = "…"``."""
    equals = _EQUALS.match(text, end, limit)
    if equals is not None:
        rest = _TO_DELIMITER.match(text, equals.end(), limit)
        end = equals.end() if rest is None else rest.end()
    typed = text[start:end].rstrip("\\")
    opening = OPENING_QUOTE.match(text, start + len(typed), limit)
    if opening is None or not typed.rstrip().endswith("="):
        return end
    return min(limit, end_of_string(text, limit, opening) + len(opening[0]))


def _end_of_container(text: str, start: int) -> int:
    """Return the end of the container at ``start``; the end of the text if it is not closed."""
    depth, position = 0, start
    while (found := _CONTAINER.search(text, position)) is not None:
        position = found.end()
        character = found[0]
        if character in "\"'":
            position = end_of_quoted(text, character, position, len(text)) + 1
        elif character in "{[(":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return position
    return len(text)
