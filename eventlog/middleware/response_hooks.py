"""Hooks for optional parts that look at responses."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from ..error_log import report

Hook = Callable[[HttpRequest, Any], Callable[[], None] | None]

hooks: set[Hook] = set()
"""Functions of request and response that return a call to make before the response is sent.

A hook itself must be quick and must not query, because it also runs on the event loop.
"""


def call_hooks(request: HttpRequest, response: Any) -> None:
    """Make the calls that the hooks return. Errors are reported."""
    try:
        for call in _calls(request, response):
            call()
    except Exception as error:  # noqa: BLE001 (the visitor must get the page)
        report("a hook for responses", error)


async def acall_hooks(request: HttpRequest, response: Any) -> None:
    """See call_hooks(). The calls run in a thread."""
    try:
        for call in _calls(request, response):
            await sync_to_async(call)()
    except Exception as error:  # noqa: BLE001 (the visitor must get the page)
        report("a hook for responses", error)


def _calls(request: HttpRequest, response: Any) -> list[Callable[[], None]]:
    calls = (hook(request, response) for hook in hooks)
    return [call for call in calls if call is not None]
