"""Secrets that are recognised by their form, under any name.

The patterns follow the documents of the issuers. Each begins with a literal, because ``re`` finds
literals quickly. A look-behind requires the beginning of a word, so that searches take linear time.
"""

import re
from base64 import b64decode
from itertools import pairwise

MASK = "********"

_MIN_KEY_LENGTH = 20  # characters of the shortest key without a scheme such as "Bearer"


def _key(prefix: str, rest: str) -> str:
    return rf"{re.escape(prefix)}(?<![A-Za-z0-9]{re.escape(prefix)}){rest}"


_JWT = (
    r"eyJ(?<![\w-]eyJ)(?:[\w-]{4,}+[.:](?:[\w-]{4,}+|\.[\w-]{4,}+)(?:[.:][\w-]*+){0,3}+"
    # Only the header, if the text was cut.
    r"|(?:hbGci|0eXAi|raWQi|lbmMi|jdHki|4NXQi|qa3Ui)[\w-]*+\Z)"
)
_AMAZON = "[A-Z0-9]{16}(?![A-Za-z0-9])"
_GITHUB = "[A-Za-z0-9]{20,}+"
_STRIPE = "k_(?:live|test|prod)_[A-Za-z0-9]{8,}+"

# Grouped by a character that the key contains: the beginning of a key, and its pattern. ``re``
# compiles a pattern when the beginning is found, because the start of a process compiled all of
# them (benchmarks.start).
_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "_",
        (
            *((f"gh{kind}_", _key(f"gh{kind}_", _GITHUB)) for kind in "pousr"),
            ("github_pat_", _key("github_pat_", r"\w{20,}+")),
            ("sk_", _key("s", _STRIPE)),
            ("rk_", _key("r", _STRIPE)),
            ("whsec_", _key("whsec_", r"[\w+/=-]{16,}+")),
            ("npm_", _key("npm_", "[A-Za-z0-9]{30,}+")),
            ("hf_", _key("hf_", "[A-Za-z0-9]{30,}+")),
            ("dop_v1_", _key("dop_v1_", "[a-f0-9]{40,}+")),
            ("shp", _key("shp", "(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}+")),
        ),
    ),
    (
        "-",
        (
            ("xox", _key("xox", r"[a-z](?:\.xox[a-z])?-[\w-]{10,}+")),
            ("xapp-", _key("xapp-", r"[\w-]{16,}+")),
            (
                "gl",
                _key("gl", r"(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-[\w-]{16,}+(?:\.\w++)*+"),
            ),
            ("GOCSPX-", _key("GOCSPX-", r"[\w-]{20,}+")),
            ("sk-", _key("sk-", r"(?:(?:proj|ant|svcacct|admin)-[\w-]{16,}+|[A-Za-z0-9]{32,}+)")),
            ("pypi-", _key("pypi-", r"AgE[\w-]{40,}+")),
        ),
    ),
    (
        ".",
        (
            ("ya29.", _key("ya29.", r"[\w.-]{20,}+")),
            ("SG.", _key("SG.", r"[\w-]{16,}+\.[\w-]{16,}+")),
            ("hooks.slack.com", r"(?<=hooks\.slack\.com/)[\w/-]{16,}+"),
        ),
    ),
    (
        "",
        (
            ("eyJ", _JWT),
            ("AKIA", _key("AKIA", _AMAZON)),
            ("ASIA", _key("ASIA", _AMAZON)),
            ("ABIA", _key("ABIA", _AMAZON)),
            ("ACCA", _key("ACCA", _AMAZON)),
            ("AIza", _key("AIza", r"[\w-]{30,}+")),
        ),
    ),
)
_AMAZON_SECRET = re.compile(r"(?<![\w/+=])[A-Za-z0-9/+]{40}(?![\w/+=])")
_SCHEME = re.compile(
    r"(?i:(?<![A-Za-z0-9])(bearer|basic|token|negotiate|apikey))([ +]++)([^\s\"'<>,;&)\]}]++)"
)
_WORDS = re.compile(r"[a-z]+\d?(?:-[a-z]+\d?)+[.]?")
_SCHEME_HINTS = (
    "earer",
    "EARER",
    "asic ",
    "asic+",
    "ASIC",
    "oken ",
    "egotiate",
    "pikey ",
    "piKey ",
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY[A-Z ]{0,10}-----")
_MAX_END_LENGTH = 60  # characters of "-----END … PRIVATE KEY-----"

_DIGITS = re.compile(r"\d(?<![A-Za-z0-9+.]\d)(?:[ +-]?\d){13,}+")
_DOTTED = re.compile(r"\d(?<![\w.]\d)\d{3}\.\d{4}\.\d{4}\.\d{4}(?![\w.])")
_GROUP = re.compile(r"\d+")
_ISSUERS = {  # first digits of a card number, by its length
    14: re.compile(r"3(?:0[0-5]|[68])"),
    15: re.compile(r"3[47]"),
    16: re.compile(
        r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|6011|64[4-9]|65|35[2-8]|62|50|5[678]|6[37]"
    ),
    19: re.compile(r"4|62|6011|65"),
}
# The number that the Luhn check adds for every second digit.
_DOUBLED = str.maketrans("0123456789", "0246813579")
_MIN_GROUP_DIGITS = 3  # of a card number between separators; dates have groups of two

_RUN = re.compile(r"[A-Za-z0-9]{8,}")
# Words with digits between them, as in a slug.
_READABLE = re.compile(r"(?:(?=[^aeiouy\d]{0,3}[aeiouy])[a-z]{3,}+\d{0,4}+)+")
_HEXADECIMAL = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_VOWELS = frozenset("aeiouyAEIOUY")


def mask_forms(text: str) -> str:
    """Return ``text`` with secrets masked that are recognised by their form."""
    size = len(text)
    if size < 8:
        return text
    if " " in text or "+" in text:
        for hint in _SCHEME_HINTS:
            if hint in text:
                text = _SCHEME.sub(lambda found: _mask_scheme(found, size), text)
                break
    if size < 14:
        return text
    if size >= _MIN_KEY_LENGTH:
        text = _mask_keys(text)
        if "PRIVATE KEY" in text:
            text = _mask_private_keys(text)
    text = _DIGITS.sub(_mask_cards, text)
    return _DOTTED.sub(_mask_cards, text) if "." in text else text


def _mask_keys(text: str) -> str:
    whole = text
    for character, keys in _KEYS:
        if character in whole:
            for prefix, pattern in keys:
                if prefix in whole:
                    text = re.sub(pattern, MASK, text)
    if len(whole) == 40 or "AKIA" in whole or "ASIA" in whole:
        text = _AMAZON_SECRET.sub(_mask_amazon_secret, text)
    return text


def _mask_amazon_secret(found: "re.Match[str]") -> str:
    secret = found[0]
    is_mixed = not secret.islower() and not secret.isupper() and _transitions(secret) > 6
    return MASK if is_mixed else secret


def _mask_scheme(found: "re.Match[str]", size: int) -> str:
    scheme, space, credentials = found.groups()
    following = ""
    if "+" in space:  # a query, in which "+" is a space
        credentials, following, _ = credentials.partition("+")
    if scheme.lower() == "bearer":
        is_words = scheme == "bearer" and _WORDS.fullmatch(credentials)
        is_whole = len(found[0]) == size and not following
        is_secret = is_whole or (_is_opaque(credentials) and not is_words)
    elif scheme.lower() == "basic":
        is_secret = _is_basic(credentials) or looks_random(credentials)
    else:
        is_secret = looks_random(credentials)
    return f"{scheme}{space}{MASK}" if is_secret else found[0]


def _is_opaque(credentials: str) -> bool:
    return len(credentials) >= 8 and (not credentials.isalpha() or len(credentials) >= 20)


def _is_basic(credentials: str) -> bool:
    """Return whether ``credentials`` are a user and a password in base64, as in ``Basic dTpw``."""
    try:
        return b":" in b64decode(credentials + "=" * (-len(credentials) % 4), validate=True)
    except ValueError:
        return False


def _mask_private_keys(text: str) -> str:
    kept, position = [], 0
    for found in _PRIVATE_KEY.finditer(text):
        if found.start() < position:
            continue
        end = text.find("-----END", found.end())
        end = len(text) if end < 0 else text.find("-----", end + 8, end + _MAX_END_LENGTH) + 5
        end = len(text) if end < found.end() else end
        kept += [text[position : found.start()], MASK]
        position = end
    return "".join([*kept, text[position:]])


def _mask_cards(found: "re.Match[str]") -> str:
    text = found[0]
    if text.isdigit():
        return MASK if is_card_number(text) else text
    kept, position = [], 0
    groups = [group.span() for group in _GROUP.finditer(text)]
    for number, (start, _end) in enumerate(groups):
        if start < position or (end := _end_of_card(text, groups[number : number + 8])) is None:
            continue
        kept += [text[position:start], MASK]
        position = end
    return "".join([*kept, text[position:]])


def _end_of_card(text: str, groups: list[tuple[int, int]]) -> int | None:
    digits, found = "", None
    for start, end in groups:
        digits += text[start:end]
        if len(digits) > 19 or end - start < _MIN_GROUP_DIGITS:
            break
        if is_card_number(digits):
            found = end
    return found


def is_card_number(digits: str) -> bool:
    """Return whether ``digits`` have the prefix of a card issuer and pass the Luhn check."""
    issuer = _ISSUERS.get(len(digits))
    if issuer is None or not digits.isascii() or issuer.match(digits) is None:
        return False
    return sum(map(int, digits[-1::-2] + digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def looks_random(text: str) -> bool:
    """Return whether ``text`` looks generated, unlike words or a number."""
    if len(text) > 2048:
        text = text[:2048]
    return any(map(_is_random, _RUN.findall(text)))


def _is_random(run: str) -> bool:
    if run.isdigit():
        return False
    size = len(run)
    if run.isalpha():
        if size >= 32:
            return True
        vowels = sum(map(_VOWELS.__contains__, run))
        return size >= 16 and (vowels < size * 0.2 or _transitions(run) > size * 0.3)
    if size >= 16 and _HEXADECIMAL.fullmatch(run):
        return True
    return _transitions(run) >= max(3, size * 0.22) and not _READABLE.fullmatch(run)


def _transitions(run: str) -> int:
    """Count the changes between digits, small letters and capitals, except in "Word"."""
    kinds = [0 if c.isdigit() else 1 if c.islower() else 2 for c in run]
    return sum(a != b and (a, b) != (2, 1) for a, b in pairwise(kinds))
