"""Values that other packages store as text."""

import json
from ast import literal_eval
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from typing import Any

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.utils.dateparse import parse_datetime

from ...changes import comparable, is_equal

NONE = "None"  # str(None)
MAX_LITERAL_LENGTH = 100_000  # characters of a Python literal that is parsed

# Fields whose text from str() can be converted back.
_CONVERTIBLE = (
    models.BooleanField,
    models.DateField,  # and DateTimeField
    models.DecimalField,
    models.DurationField,
    models.FloatField,
    models.ForeignKey,
    models.IntegerField,
    models.TimeField,
    models.UUIDField,
)
_TEXTS = (models.CharField, models.TextField, models.FileField)


def parsed_document(text: Any) -> Any:
    """Return a JSON object or list; other text unchanged."""
    return parsed_json(text) if isinstance(text, str) and text[:1] in ("{", "[") else text


def parsed_json(text: str) -> Any:
    """Return the value of JSON text; other text unchanged."""
    try:
        # NaN and Infinity stay text, because not every database has them.
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def parsed_literal(text: str) -> Any:
    """Return the value of a JSON document or of ``repr()``; other text unchanged."""
    value = parsed_document(text)
    if value is not text or len(text) > MAX_LITERAL_LENGTH:
        return value
    with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return literal_eval(text)
    return text


def field_of(model: type[models.Model] | None, name: str) -> Any:
    """Return the field of a model; None if the model does not have it any more."""
    if model is None:
        return None
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def typed_value(field: Any, text: Any) -> Any:
    """Return the value of ``field`` that ``str()`` has turned into ``text``.

    Text that cannot be converted stays as it is, such as the name of a related object.
    """
    if not isinstance(text, str):
        return text
    if text == NONE:
        is_text = isinstance(field, _TEXTS) and not field.null
        return text if is_text else None
    if isinstance(field, models.JSONField):
        return parsed_json(text)
    if not isinstance(field, _CONVERTIBLE):
        return text
    try:
        if isinstance(field, models.DateTimeField):
            return _moment(text)
        return comparable(field, field.to_python(text))
    except (ValidationError, ValueError, OverflowError):
        return text


def typed_pair(field: Any, pair: Sequence[Any]) -> list[Any] | None:
    """Return the old and the new value of a field; None if only their texts differ.

    A price may have been recorded as a change from "9" to "9.00".
    """
    old, new = (typed_value(field, value) for value in pair)
    return None if pair[0] != pair[1] and is_equal(old, new) else [old, new]


def _moment(text: str) -> Any:
    """Return a time that was stored without its time zone, which is UTC."""
    moment = parse_datetime(text)
    if moment is None:
        return text
    is_utc = settings.USE_TZ and moment.tzinfo is None
    return moment.replace(tzinfo=UTC) if is_utc else moment
