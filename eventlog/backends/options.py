"""Validation of the options of buffered backends."""

import os
import threading
from collections.abc import Mapping
from typing import Any, Literal, get_args

OnFull = Literal["drop", "inline", "block"]
OnUnwritable = Literal["inline", "drop"]

INTEGER_OPTIONS = ("batch_size", "batch_bytes", "max_bytes")
SECONDS_OPTIONS = ("block_timeout", "exit_timeout")
CHOICES = {"on_full": get_args(OnFull), "on_unwritable": get_args(OnUnwritable)}


def validate_options(options: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an invalid value, with its name."""
    spool = options["spool"]
    if spool is not None and not _is_path(spool):
        raise ValueError(f"spool is {spool!r}; it has to be the path of a directory")
    if not isinstance(options["fsync"], bool):
        raise ValueError(f"fsync is {options['fsync']!r}; it has to be True or False")
    for name in INTEGER_OPTIONS:
        if type(options[name]) is not int or options[name] < 1:
            raise ValueError(f"{name} is {options[name]!r}; it has to be a whole number above 0")
    interval = options["interval"]
    if interval is not None and not (is_seconds(interval) and interval > 0):
        raise ValueError(f"interval is {interval!r}; it has to be a number of seconds, or None")
    for name in SECONDS_OPTIONS:
        if not is_seconds(options[name]):
            raise ValueError(f"{name} is {options[name]!r}; it has to be a number of seconds")
    for name, choices in CHOICES.items():
        if options[name] not in choices:
            known = ", ".join(choices)
            raise ValueError(f"{name} is {options[name]!r}; it has to be one of {known}")


def _is_path(value: object) -> bool:
    """Return whether ``value`` can be a path. An empty one, such as of a variable, is not valid."""
    if not isinstance(value, str | os.PathLike):
        return False
    try:
        path = os.fsencode(value)
    except (TypeError, UnicodeEncodeError):
        return False
    return bool(path.strip()) and b"\0" not in path


def is_seconds(value: object) -> bool:
    """Return whether an option is a number of seconds that a thread can wait."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= threading.TIMEOUT_MAX
