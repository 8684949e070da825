"""Masking in notations with their own delimiters: form data, XML, pairs and command lines."""

import re
from collections.abc import Callable

from .forms import MASK
from .names import NONE, NUMERIC, SECRET, WEAK, Classifier, hides

OPENING_QUOTE = re.compile(r'"""|\'\'\'|\\*["\'`]')

_STRING_REST = {
    quote: re.compile(rf"(?:[^{quote}\\]|\\.)*+", re.DOTALL) for quote in ("'", '"', "`")
}
_UNQUOTED = re.compile(r"[^\s\"'`]*+")
_EXEMPT = frozenset(("true", "false", "null", "none", "undefined", ""))
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?")

_FORM_FIELD = re.compile(r'form-data;[ ]{0,4}name="([^"\r\n]++)"[^\r\n]{0,300}+((?:\r?\n){2})')
_FIELD_END = re.compile(r"\r?\n--")

_TAG = re.compile(r"<([A-Za-z][\w:.-]*+)([^<>]{0,500}+)>")
_CONTENT = re.compile(r"[^<>]++(?=</)")
_CDATA = "<![CDATA["
_MAX_CDATA_LENGTH = 300  # characters of a value that is masked only if it looks random
_NAMING_ATTRIBUTE = re.compile(
    r"""(?<![\w:.-])(?:(name|key)|type|id|label)\s{0,4}+=\s{0,4}+["']?+([^"'\s]{1,200}+)""",
    re.IGNORECASE,
)
_VALUE_ATTRIBUTE = re.compile(
    r"""(?<![\w:.-])((?:value|content)\s{0,4}+=\s{0,4}+)(?:"[^"]++"|'[^']++'|[^\s"'<>]++)""",
    re.IGNORECASE,
)

# Pairs in the repr of a list or a dict. A single ('password', 'email') may be two words.
_PAIR = re.compile(r"""[\[({,]\s?[\[(][bu]?(["'])(?P<name>[\w$.-]{1,100}+)\1\s?,\s?[bu]?(?=["'])""")
_FLAG = re.compile(
    r"(?<![^\s\"'])--(?P<name>[A-Za-z][\w-]{1,60}+)[ \t]++"
    r"(?![=:-]|(?:is|are|and|or|to|in|for|with|must|can|may|was|option|flag|if|on)\b)"
)
_USER_FLAG = re.compile(r"(?<!\S)(?:-u|-U|--user|--proxy-user)[ =]?[\"']?[^\s:\"']{0,100}+:")


def mask_notations(text: str, classify: Classifier) -> str:
    """Return ``text`` with the values of secret names in these notations masked."""
    if "form-data" in text:
        text = _mask_form_fields(text, classify)
    if "<" in text and ("</" in text or "=" in text or _CDATA in text):
        text = _mask_markup(text, classify)

    def is_secret(found: "re.Match[str]") -> bool:
        return classify(found["name"]) >= SECRET

    if ("(" in text or "[" in text) and ("'" in text or '"' in text):
        text = _mask_after(_PAIR, text, is_secret)
    if "--" in text:
        text = _mask_after(_FLAG, text, is_secret)
    return _mask_after(_USER_FLAG, text, bool) if "curl" in text else text


def is_exempt(value: str, level: int) -> bool:
    """Return whether ``value`` is written like a number or a constant, which are kept."""
    value = value.strip().rstrip(",;)]}")
    if value.lower() in _EXEMPT:
        return level <= NUMERIC
    return level < NUMERIC and _NUMBER.fullmatch(value) is not None


def end_of_string(text: str, limit: int, opening: "re.Match[str]") -> int:
    """Return where the string ends that begins with the quote ``opening``."""
    quote, start = opening[0], opening.end()
    if len(quote) > 1:  # three quotes in GraphQL, or an escaped quote of JSON inside JSON
        end = text.find(quote, start, limit)
        return limit if end < 0 else end
    return end_of_quoted(text, quote, start, limit)


def end_of_quoted(text: str, quote: str, start: int, limit: int) -> int:
    """Return the position of the ``quote`` that closes a string."""
    rest = _STRING_REST[quote].match(text, start, limit)
    return limit if rest is None else rest.end()


def _mask_after(
    pattern: "re.Pattern[str]", text: str, is_secret: Callable[["re.Match[str]"], bool]
) -> str:
    """Mask the quoted or unquoted value after each match of ``pattern``."""
    kept, position = [], 0
    for found in pattern.finditer(text):
        if found.start() < position or not is_secret(found):
            continue
        start = found.end()
        opening = OPENING_QUOTE.match(text, start)
        if opening is not None:
            start, end = opening.end(), end_of_string(text, len(text), opening)
        else:
            rest = _UNQUOTED.match(text, start)
            end = start if rest is None else rest.end()
        if end > start:
            kept += [text[position:start], MASK]
            position = end
    return "".join([*kept, text[position:]])


def _mask_form_fields(text: str, classify: Classifier) -> str:
    kept, position = [], 0
    for found in _FORM_FIELD.finditer(text):
        if found.start() >= position and classify(found[1]) >= WEAK:
            end = _FIELD_END.search(text, found.end())
            kept += [text[position : found.end()], MASK]
            position = len(text) if end is None else end.start()
    return "".join([*kept, text[position:]])


def _mask_markup(text: str, classify: Classifier) -> str:
    """Mask the content of elements, and ``value`` next to ``name``, in XML and HTML."""
    kept, position, before = [], 0, NONE
    for tag in _TAG.finditer(text):
        if tag.start() < position:
            continue  # inside a masked value
        name, attributes = tag.groups()
        named = _level_of_attributes(attributes, classify)
        if named:
            masked = _VALUE_ATTRIBUTE.sub(rf'\1"{MASK}"', attributes)
            kept += [text[position : tag.start(2)], masked]
            position = tag.end(2)
        name = name.rpartition(":")[2]
        level = max(classify(name), named, before)
        before = NONE
        if level <= NONE and name.lower() != "name":
            continue
        # Limited, because a value that is kept is examined again for the next name.
        limit = len(text) if level >= WEAK else tag.end() + _MAX_CDATA_LENGTH
        end = _end_of_content(text, tag.end(), limit)
        value = text[tag.end() : end]
        if name.lower() in ("name", "key") and classify(value) >= SECRET:
            before = classify(value)  # of the next element: <key>password</key><string>…
            continue
        if not is_exempt(value, level) and hides(level, value):
            kept += [text[position : tag.end()], MASK]
            position = end
    return "".join([*kept, text[position:]])


def _level_of_attributes(attributes: str, classify: Classifier) -> int:
    """Return the level of the name in ``name="password"``, or NONE if the name is not secret."""
    level = NONE
    if "=" in attributes:
        for found in _NAMING_ATTRIBUTE.finditer(attributes):
            named = classify(found[2])
            if named >= (WEAK if found[1] else SECRET):
                level = max(level, named)
    return level


def _end_of_content(text: str, start: int, limit: int) -> int:
    if text.startswith(_CDATA, start):
        end = text.find("]]>", start, limit)
        return min(limit, len(text)) if end < 0 else end + len("]]>")
    content = _CONTENT.match(text, start)
    return start if content is None else content.end()
