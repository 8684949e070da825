"""The facts of a request that go into an event's ``extra``."""

from .facts import READERS, describe, prepare
from .user import known_user

__all__ = ["READERS", "describe", "known_user", "prepare"]
