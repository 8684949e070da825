"""The facts about a request that go into an event's ``extra``."""

from .collection import aload_user_agent_parser, collect, only_enabled
from .user import known_user

__all__ = ["aload_user_agent_parser", "collect", "known_user", "only_enabled"]
