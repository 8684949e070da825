"""The user agent parser, loaded when the first agent arrives instead of at process start.

Its tables cost more CPU than starting Django does.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async

Parser = Callable[[str], Mapping[str, Any]]

_parser: Parser | None = None


def parse_user_agent(header: str) -> Mapping[str, Any]:
    """Return the facts about the client that its ``User-Agent`` header tells."""
    return (_parser or load_parser())(header)


def is_loaded() -> bool:
    """Return whether ``parse_user_agent()`` returns without loading the tables."""
    return _parser is not None


def load_parser() -> Parser:
    """Return the parser. Threads that call this at the same time wait for the same import."""
    global _parser
    parser: Parser = import_module(f"{__package__}.user_agent").parse_user_agent
    _parser = parser
    return parser


async def aload_parser() -> None:
    """Load the parser in a thread of its own, because sync views share the sensitive one."""
    await sync_to_async(load_parser, thread_sensitive=False)()
