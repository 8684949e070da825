"""Masking of values and texts under one set of settings."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from enum import Enum
from functools import lru_cache
from numbers import Number
from typing import Any

from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise

from ...conf import once_per_settings
from ..encoding import NESTING_ERROR
from . import oauth
from .assignments import mask_assignments
from .containers import (
    HEADERS,
    VALUE_KEYS,
    described_names,
    flag_name,
    is_harmless,
    is_pair,
    naming_key,
)
from .forms import MASK, is_card_number, mask_forms
from .names import (
    BY_FORM,
    EXEMPT,
    NONE,
    NUMERIC,
    SECRET,
    WHOLE,
    Classifier,
    current_classifier,
    hides,
)
from .urls import (
    MAX_ENCODINGS,
    MAX_REMEMBERED,
    MAX_REMEMBERED_LENGTH,
    STRUCTURE,
    USERINFO,
    UrlMasker,
    oauth_level,
)

MAX_DEPTH = 30  # levels of nesting, because MariaDB accepts at most 32 in JSON
MAX_JSON_LENGTH = 100_000  # characters of JSON in text that is parsed; longer JSON is scanned

_NOT_URL = re.compile(r"""[\s"'`<>{}\\]""")
_WORD_WITH_PARAMETER = re.compile(
    r"""(?<![^\s"'`<>(){}\[\],])[^\s"'`<>(){}\[\],=%]*+[=%][^\s"'`<>]++"""
)
# Excludes the "=" that pads base64.
_QUERY_ALONE = re.compile(r"[A-Za-z_%][\w.%\[\]-]{0,200}=(?==*[^=>\s])[^\s\"'{}]*")
_URL_CHARACTER = re.compile(r"[/?#&;%=]")

_CONTAINERS = (Mapping, list, tuple)


class Masker(UrlMasker):
    """Masks values that have a secret name or the form of a secret."""

    def __init__(self, classify: Classifier) -> None:
        super().__init__(classify)
        # Remembered, because events repeat the same short texts (``benchmarks.cost``).
        self._masked_text: Callable[[str, int], str]
        self._masked_text = lru_cache(maxsize=MAX_REMEMBERED)(self._mask_text)

    def value(self, value: Any, depth: int = 1) -> Any:
        """Return a copy of ``value`` in which secrets are masked, at any depth."""
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is int:
            is_card = value > 10**13 and value < 10**19 and is_card_number(str(value))
            return MASK if is_card else value
        if isinstance(value, str | Promise | Enum):
            plain = value.value if isinstance(value, Enum) else str(value)
            masked = self.value(plain, depth)
            return value if masked == plain and isinstance(value, str) else masked
        if not isinstance(value, _CONTAINERS):
            return value
        if depth > MAX_DEPTH:
            raise ValueError(NESTING_ERROR)
        if isinstance(value, MultiValueDict):  # request.POST, of which all values are kept
            value = {key: sent[0] if len(sent) == 1 else sent for key, sent in value.lists()}
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        return self._sequence(value, depth)

    def named(self, name: str, value: Any) -> Any:
        """Return a copy of the value of ``name`` in which secrets are masked."""
        return self._named_value(self.classify(name), value, 2)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        naming, named = (None, NONE) if VALUE_KEYS.isdisjoint(value) else self._naming(value)
        is_oauth = "code" in value and not oauth.SIGNS.isdisjoint(value)
        masked = {}
        for key, item in value.items():
            if key == naming or not isinstance(key, str):
                masked[key] = self.value(item, depth + 1)
                continue
            level = self.classify(key)
            if named and key in VALUE_KEYS:
                level = max(level, named)
            elif is_oauth and key in oauth.PARAMETERS:
                level = SECRET
            if len(key) > 16 or "=" in key:
                key = self.text(key)
            masked[key] = self._named_value(level, item, depth + 1)
        return masked

    def _naming(self, value: Mapping[Any, Any]) -> tuple[str | None, int]:
        """Return the key whose value is a name, and the highest level of the names."""
        naming = naming_key(value)
        level = NONE if naming is None else self.classify(value[naming])
        described = [self.classify(name) for name in described_names(value)]
        return naming, max([level, *(each for each in described if each >= SECRET)])

    def _sequence(self, value: Sequence[Any], depth: int) -> list[Any]:
        names: Sequence[str] = getattr(value, "_fields", ())  # of a namedtuple
        if names:
            pairs = zip(names, value, strict=False)
            return [self._named_value(self.classify(name), item, depth + 1) for name, item in pairs]
        if len(value) == 2 and isinstance(value[0], str) and value[0] in HEADERS:
            return [value[0], self._named_value(self.classify(value[0]), value[1], depth + 1)]
        masked, flag = [], ""
        for item in value:
            next_flag = flag_name(item)
            level = self.classify(flag) if flag and not next_flag else NONE
            masked.append(self._item(level, item, depth + 1))
            flag = next_flag
        return masked

    def _item(self, level: int, item: Any, depth: int) -> Any:
        """Return an item of a list masked; ``level`` belongs to the flag before it."""
        if level >= SECRET:
            return self._named_value(level, item, depth)
        if is_pair(item) and not hasattr(item, "_fields"):
            name, paired = item
            return [
                self.value(name, depth + 1),
                self._named_value(self.classify(name), paired, depth + 1),
            ]
        return self.value(item, depth)

    def _named_value(self, level: int, value: Any, depth: int) -> Any:
        """Return ``value`` masked as a name of this secrecy requires."""
        if level == NONE:
            return self.value(value, depth)
        if value is None:
            return None
        if isinstance(value, Promise | Enum):
            value = value.value if isinstance(value, Enum) else str(value)
        if level == EXEMPT:
            return self.value(value, depth) if isinstance(value, _CONTAINERS) else value
        if level == WHOLE:
            return MASK
        if isinstance(value, str):
            return MASK if hides(level, value) else self.value(value, depth)
        if isinstance(value, bool | date | time | timedelta):
            return value
        if isinstance(value, Number):
            return MASK if level == NUMERIC else self.value(value, depth)
        if level == BY_FORM:
            return self.value(value, depth)
        if is_harmless(value, with_numbers=level < NUMERIC):
            return self.value(value, depth)
        return MASK

    def text(self, text: str, depth: int = 0) -> str:
        """Return ``text`` (JSON, a URL, a query string or prose) with secrets masked."""
        if len(text) < 14 and (text.isalnum() or len(text) < 5):
            return text
        if len(text) <= MAX_REMEMBERED_LENGTH:
            return self._masked_text(text, depth)
        return self._mask_text(text, depth)

    def _mask_text(self, text: str, depth: int) -> str:
        if not STRUCTURE.search(text) and "--" not in text:
            return mask_forms(self.path(text, depth) if "%" in text else text)
        if depth > MAX_ENCODINGS:
            return MASK
        if text[0] in '{[" \n' and (parsed := self._json(text, depth)) is not None:
            return parsed
        if "=" in text and _QUERY_ALONE.fullmatch(text):
            masked = self.parameters(text, depth, oauth_level(text, ""))
        elif _URL_CHARACTER.search(text) and not _NOT_URL.search(text):
            masked = self.parts(text, depth)
        else:
            return mask_forms(self._words(text, depth))
        if ":" in masked or "=" in masked:
            masked = mask_assignments(masked, self.classify)
        return mask_forms(masked)

    def _words(self, text: str, depth: int) -> str:
        """Mask the names with values, and the URLs and parameters among the words of ``text``."""
        if "//" in text and "@" in text:
            text = USERINFO.sub(MASK + "@", text)
        text = mask_assignments(text, self.classify)
        if "=" not in text and "%" not in text:
            return text
        return _WORD_WITH_PARAMETER.sub(lambda found: self.parts(found[0], depth), text)

    def _json(self, text: str, depth: int) -> str | None:
        """Return the JSON document ``text`` with secrets masked, or None for other text."""
        if len(text) > MAX_JSON_LENGTH or text.rstrip()[-1:] not in ("}", "]", '"'):
            return None
        try:
            value = json.loads(text, object_pairs_hook=_unique)
            if not isinstance(value, dict | list | str):
                return None
            masked = _NestedMasker(self, depth + 1).value(value)
        except (ValueError, RecursionError):
            return None
        if masked == value:
            return text
        compact = (",", ":") if '": ' not in text else None
        return json.dumps(masked, ensure_ascii=False, separators=compact)


class _NestedMasker(Masker):
    """The masker of values inside JSON text, which counts the levels of nested texts."""

    def __init__(self, masker: Masker, depth: int) -> None:
        self.classify = masker.classify
        self._masked_text, self._masked_query = self._mask_text, self._mask_query
        self._depth = depth

    def text(self, text: str, depth: int = 0) -> str:
        return super().text(text, max(depth, self._depth))


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict of ``pairs``; refuse repeated names, because a dict would lose a value."""
    pairs = list(pairs)
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name is repeated")
    return value


@once_per_settings
def current_masker() -> Masker:
    """Return the masker under the current settings."""
    return Masker(current_classifier())
