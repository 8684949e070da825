"""Parsers of command-line arguments."""

from argparse import ArgumentTypeError
from math import nan
from threading import TIMEOUT_MAX


def seconds(text: str) -> float:
    """Parse a number of seconds that a thread can wait, of at least 0."""
    try:
        found = float(text)
    except ValueError:
        found = nan
    if not 0 <= found <= TIMEOUT_MAX:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds; give one such as 300")
    return found


def positive_number(text: str) -> int:
    """Parse a whole number of at least 1 that the database can store as an integer."""
    try:
        found = int(text)
    except ValueError:
        found = 0
    if not 1 <= found < 1 << 31:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return found
