"""The facts of a request that go into an event's ``extra``."""

from .facts import KEYS, describe, prepare, wanted
from .user import known_user

__all__ = ["KEYS", "describe", "known_user", "prepare", "wanted"]
