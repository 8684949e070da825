"""Changes of fields, from the old value to the new one, for ``log(changes=...)``."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db.models import Field, Model

from .conf import conf
from .datetimes import aware
from .records.encoding import encode
from .records.plain import plain_value
from .records.redaction import MASK, mask_and_cut, named_masker
from .text import CUT, cut, sanitize

KEY = "changes"  # of ``extra``

MAX_VALUE_LENGTH = 2000  # characters that are kept of a text, or of other values as JSON
MAX_BYTES = 64 * 1024  # of all changes as JSON
MAX_NAME_LENGTH = 100  # characters
MAX_FIXED_LENGTH = MAX_NAME_LENGTH + 60  # characters of a name and two numbers
CONTEXT_LENGTH = 200  # characters that are kept before the first difference of two long texts
# Characters of a text that are masked, half of them before the first difference.
MAX_MASKED_LENGTH = 20_000

_VALUE_BEGINS = tuple(f"{sign}{quote}" for sign in ("=", ":", "= ", ": ") for quote in "\"'")
_FIRST_WORD = re.compile(r"\s*\S*")

Pair = tuple[Any, Any]
Mask = Callable[[str, Any], Any]
Changes = dict[str, list[Any]]


def diff(before: Any, after: Any) -> Changes:
    """Return ``{"field": [old, new]}`` for each field that differs.

    Give two mappings or two model instances. None stands for an object that does not exist, and a
    missing key has the value None. The values are plain JSON: files by name, related objects by
    key. Values under secret names are masked, and long values are cut.
    """
    old, new = (_values(each) for each in (before, after))
    for each, other in ((before, new), (after, old)):
        if isinstance(each, Model):  # The fields that either instance has not loaded are unknown.
            for name in each.get_deferred_fields():
                other.pop(each._meta.get_field(name).name, None)
    names = dict.fromkeys([*old, *new])
    return masked_differences((name, (old.get(name), new.get(name))) for name in names)


def initial_values(form: Any) -> dict[str, Any]:
    """Return the values before a form was sent, of the fields that it changes."""
    instance = getattr(form, "instance", None)
    is_new = isinstance(instance, Model) and instance._state.adding
    return {
        name: None if is_new else plain_value(form.get_initial_for_field(form.fields[name], name))
        for name in getattr(form, "changed_data", ())
    }


def changes_of_form(form: Any, initial: Mapping[str, Any], saved: Model | None) -> Changes:
    """Return the changes from ``initial_values()`` to the saved object, or to the form's values."""
    columns = {} if saved is None else {each.name: each for each in saved._meta.concrete_fields}

    def pair(name: str) -> Pair:
        if saved is None or name not in columns:
            return initial[name], form.cleaned_data.get(name)
        old, new = initial[name], columns[name].value_from_object(saved)
        return comparable(columns[name], old), comparable(columns[name], new)

    return masked_differences((name, pair(name)) for name in initial)


def _values(state: Any) -> dict[str, Any]:
    if state is None:
        return {}
    if isinstance(state, Mapping):
        return {str(name): value for name, value in state.items()}
    if not isinstance(state, Model):
        kind = type(state).__name__
        raise TypeError(f"diff() got {state!r:.100} ({kind}); give a mapping, a model or None")
    loaded = vars(state)
    return {
        field.name: comparable(field, loaded[field.attname])
        for field in state._meta.concrete_fields
        if field.attname in loaded
    }


def comparable(field: "Field[Any, Any]", value: Any) -> Any:
    """Return a value of ``field`` such that equal values of the database are equal."""
    if isinstance(value, File):
        return value.name or ""
    if value is None:
        # Django stores None for a file as the empty name.
        return "" if hasattr(field, "upload_to") else None
    try:
        return _as_loaded(field, field.to_python(value))
    except Exception:  # noqa: BLE001 (fields of the site may raise any exception)
        return value  # such as an expression, which only the database can compute


def _as_loaded(field: "Field[Any, Any]", value: Any) -> Any:
    """Return a value as the database returns it: the price 9 as 9.00, and times in UTC."""
    if isinstance(value, datetime) and settings.USE_TZ:
        return aware(value).astimezone(UTC)
    places = getattr(field, "decimal_places", None)
    if places is None or not isinstance(value, Decimal):
        return value
    return value.quantize(Decimal(1).scaleb(-places))


def masked_differences(pairs: Iterable[tuple[str, Pair]]) -> Changes:
    """Return the pairs that differ, as plain JSON, masked and cut."""
    changes: Changes = {}
    mask = named_masker()
    for name, (old, new) in pairs:
        if is_equal(old, new):
            continue
        old, new = plain_value(old), plain_value(new)
        if not is_equal(old, new):
            changes[sanitize(name, MAX_NAME_LENGTH)] = _masked(mask, name, old, new)
    return _bounded(changes)


def is_equal(old: Any, new: Any) -> bool:
    """Return whether two values are the same; True and 1 are not."""
    try:
        return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)
    except Exception:  # noqa: BLE001 (values of the site's fields may raise any exception)
        return False


def checked_changes(changes: Any) -> Changes:
    """Return the argument ``changes`` of ``log()`` masked and cut.

    Raise ``TypeError`` if it has another form than the result of ``diff()``.
    """
    if not isinstance(changes, Mapping):
        raise TypeError(
            f"changes is {changes!r:.100} ({type(changes).__name__}); "
            "give the result of diff(before, after)"
        )
    for name, pair in changes.items():
        if not isinstance(name, str):
            raise TypeError(f"changes has the key {name!r:.100}; give the names of fields")
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"changes[{name!r:.100}] is {pair!r:.100}; give a list [old, new]")
    mask = named_masker()
    return _bounded(
        {
            sanitize(name, MAX_NAME_LENGTH): _masked(mask, name, plain_value(old), plain_value(new))
            for name, (old, new) in changes.items()
        }
    )


def _masked(mask: Mask, name: str, old: Any, new: Any) -> list[Any]:
    """Return both values masked as the name requires, and cut near their first difference."""
    if not (_may_be_long(old) or _may_be_long(new)):
        return [None if value is None else mask(name, value) for value in (old, new)]
    pair = [old, new]
    if max(map(_text_length, pair)) > MAX_MASKED_LENGTH:
        pair = _around_difference(old, new, MAX_MASKED_LENGTH // 2, _unmasked_end)
    pair = [_mask(partial(mask, name), value) for value in pair]
    if max(map(_length, pair)) > MAX_VALUE_LENGTH:
        old, new = map(_as_text, pair)
        pair = _around_difference(old, new, CONTEXT_LENGTH)
        pair = [cut(value, MAX_VALUE_LENGTH) if isinstance(value, str) else value for value in pair]
    return pair


def _may_be_long(value: Any) -> bool:
    kind = type(value)
    return kind is dict or kind is list or (kind is str and len(value) > MAX_VALUE_LENGTH)


def _mask(mask: Callable[[Any], Any], value: Any) -> Any:
    if _text_length(value) <= MAX_MASKED_LENGTH:
        return mask(value)
    return mask_and_cut(mask, value, MAX_MASKED_LENGTH)


def _text_length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _length(value: Any) -> int:
    return len(encode(value)) if isinstance(value, dict | list) else _text_length(value)


def _as_text(value: Any) -> Any:
    """Return a document as text, so that it can be cut."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _end(text: str, begin: int) -> str:
    return CUT + text[begin:]


def _unmasked_end(text: str, begin: int) -> str:
    """Return ``text`` from ``begin`` on, without the rest of a secret that begins before.

    The name of a quoted value is kept, so that the masker knows whether the value is secret.
    """
    start, sign = max((text.rfind(sign, 0, begin), sign) for sign in _VALUE_BEGINS)
    if start >= 0 and text.find(sign[-1], start + len(sign), begin) < 0:
        return CUT + text[max(0, start - MAX_NAME_LENGTH) : start + len(sign)] + text[begin:]
    return CUT + _FIRST_WORD.sub(MASK, text[begin:], count=1)


def _around_difference(
    old: Any, new: Any, context: int, end: Callable[[str, int], str] = _end
) -> list[Any]:
    """Return two texts from ``context`` characters before their first difference."""
    if not isinstance(old, str) or not isinstance(new, str) or old == new:
        return [old, new]
    pairs = enumerate(zip(old, new, strict=False))
    begin = next((at for at, (a, b) in pairs if a != b), min(len(old), len(new))) - context
    return [end(text, begin) for text in (old, new)] if begin > 0 else [old, new]


def _bounded(changes: Changes) -> Changes:
    """Return changes of a bounded size, with "…" for the values of the largest fields."""
    limit = min(MAX_BYTES, conf.max_extra_bytes // 4)
    lengths = (MAX_FIXED_LENGTH + _length(old) + _length(new) for old, new in changes.values())
    if 12 * sum(lengths) < limit:  # A character takes at most 12 bytes, as two escapes.
        return changes
    sizes = {name: len(encode({name: pair})) for name, pair in changes.items()}
    excess = sum(sizes.values()) - limit
    bounded = dict(changes)
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if excess <= 0:
            break
        bounded[name] = [CUT, CUT]
        excess -= sizes[name] - len(encode({name: [CUT, CUT]}))
    return bounded
