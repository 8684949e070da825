"""Comparisons of the values of an event, with the same meaning as in the database."""

import json
from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from ...review.search import patterns
from .event import Event

Matcher = Callable[[Event], bool]

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}


def text_as_compared(value: Any) -> str | None:
    """Return a JSON value as the text that the database compares: 7 and "7" are the same."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def pattern_matcher(
    get: Callable[[Event], str | None], pattern: str, *, any_case: bool = False
) -> Matcher:
    """Return whether the whole text matches a pattern, as a function of an event."""
    pattern = patterns.checked_pattern(pattern)
    if any_case:
        pattern = pattern.lower()

    def matches(event: Event) -> bool:
        text = get(event)
        if text is None:
            return False
        return patterns.matches(pattern, text.lower() if any_case else text)

    return matches


def _fact(name: str) -> Callable[[Event], str | None]:
    return lambda event: text_as_compared(event.facts.get(name))


def fact_pattern_builder(
    name: str, pattern: Callable[[str], str] = str, *, any_case: bool = False
) -> Callable[[str], Matcher]:
    """Return a builder for a fact that is compared with the pattern that a value stands for."""
    return lambda value: pattern_matcher(_fact(name), pattern(value), any_case=any_case)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_matcher(
    get: Callable[[Event], Any],
    operator: str,
    value: str,
    parse: Callable[[str, str], float],
) -> Matcher:
    """Return whether a number compares in this way, as a function; false if it is missing."""
    limit = parse(value, operator)
    compare = OPERATORS[operator]

    def matches(event: Event) -> bool:
        found = get(event)
        return _is_number(found) and compare(found, limit)

    return matches
