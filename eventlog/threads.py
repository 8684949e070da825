"""Calls on the event loop that may need a query, such as ``str()`` of a model instance."""

from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections

R = TypeVar("R")


def off_loop(call: Callable[[], R]) -> R:
    """Return ``call()``, from a thread if Django refuses its query on the event loop."""
    try:
        return call()
    except SynchronousOnlyOperation:
        return in_thread(call)


async def aoff_loop(call: Callable[[], R]) -> R:
    """Return ``call()`` like ``off_loop()``, without blocking the event loop."""
    try:
        return call()
    except SynchronousOnlyOperation:
        return await sync_to_async(call)()


def is_on_loop() -> bool:
    """Return whether an event loop runs the current code."""
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def in_thread(call: Callable[[], R]) -> R:
    """Return ``call()`` from a thread of its own, with the current context variables."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(copy_context().run, _call_and_close, call).result()


def _call_and_close(call: Callable[[], R]) -> R:
    try:
        return call()
    finally:
        connections.close_all()
