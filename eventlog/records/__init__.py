"""Events as values, between the call that logs them and the row."""

from .record import Record

__all__ = ["Record"]
