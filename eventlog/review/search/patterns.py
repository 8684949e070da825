"""Patterns in values: ``*`` stands for any characters."""

import re
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func, Q, Value
from django.db.models.functions import Lower
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext as _

from .condition import InvalidTermError
from .valid_values import MAX_STARS


def starts_with_condition(text: Any, value: str, *, any_case: bool = False) -> Q:
    """Return the condition that ``text`` starts with ``value``, or matches it if it has a ``*``.

    A ``*`` at the end is the same as none.
    """
    return glob_condition(text, start_pattern(value), any_case=any_case)


def contains_condition(text: Any, value: str, *, any_case: bool = False) -> Q:
    """Return the condition that ``text`` contains ``value``, or matches it if it has a ``*``."""
    return glob_condition(text, part_pattern(value), any_case=any_case)


def glob_condition(text: Any, pattern: str, *, any_case: bool = False) -> Q:
    """Return the condition that the whole ``text`` matches ``pattern``."""
    pattern = checked_pattern(pattern)
    if any_case:
        text, pattern = Lower(text), pattern.lower()
    return Q(Glob(text, Value(pattern)))


def start_pattern(value: str) -> str:
    """Return the pattern of texts that start with ``value``, or ``value`` if it has a ``*``."""
    return value if "*" in value[:-1] else value.rstrip("*") + "*"


def part_pattern(value: str) -> str:
    """Return the pattern of texts that contain ``value``, or ``value`` if it has a ``*``."""
    return value if "*" in value else f"*{value}*"


def checked_pattern(pattern: str) -> str:
    """Return the pattern with single stars. Raise ``InvalidTermError`` if it has too many."""
    pattern = re.sub(r"\*+", "*", pattern)
    if pattern.count("*") > MAX_STARS:
        raise InvalidTermError(
            _("The pattern has more than %(max)d stars. Use fewer.") % {"max": MAX_STARS}
        )
    return pattern


def matches(pattern: str, text: str) -> bool:
    """Return whether the whole ``text`` matches ``pattern``, as in the database."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    if not text.startswith(first) or not text[len(first) :].endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


class Glob(Func):
    """The condition that text matches a pattern, case included, on every database."""

    output_field = BooleanField()
    conditional = True

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        text, params = compiler.compile(self.source_expressions[0])
        pattern = self.source_expressions[1].value  # type: ignore[attr-defined]
        if connection.vendor == "sqlite":  # whose LIKE ignores the case
            return f"{text} GLOB %s", (*params, re.sub(r"([\[?])", r"[\1]", pattern))
        like = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%")
        if connection.vendor == "mysql":
            return f"{text} COLLATE utf8mb4_bin LIKE %s", (*params, like)
        return f"{text} LIKE %s", (*params, like)
