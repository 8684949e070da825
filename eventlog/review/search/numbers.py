"""Comparisons of numbers."""

from typing import Any

from django.db.models import FloatField, Q, Value
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.utils.translation import gettext as _

from .condition import InvalidTermError

MAX_DIGITS = 300  # so that a number fits into a double
LOOKUPS = {
    ">": GreaterThan,
    ">=": GreaterThanOrEqual,
    "<": LessThan,
    "<=": LessThanOrEqual,
}


def parse_number(text: str) -> float:
    """Parse a number. Raise ``InvalidTermError`` for other text."""
    try:
        if len(text) > MAX_DIGITS or not text.isascii():
            raise ValueError
        value = float(text)
        if value - value != 0:  # infinite, or not a number
            raise ValueError
    except ValueError as error:
        raise InvalidTermError(
            _("%(value)r is not a number. Compare with a number, such as >100.")
            % {"value": text[:60]}
        ) from error
    return value


def comparison_condition(expression: Any, operator: str, value: float) -> Q:
    """Return the condition that a number compares in this way; false where it is missing."""
    return Q(LOOKUPS[operator](expression, Value(value, output_field=FloatField())))
