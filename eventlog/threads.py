"""Calls on the event loop that may need a query, such as ``str()`` of a model instance."""

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
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(copy_context().run, _call_and_close, call).result()


async def aoff_loop(call: Callable[[], R]) -> R:
    """Return ``call()`` like ``off_loop()``, without blocking the event loop."""
    try:
        return call()
    except SynchronousOnlyOperation:
        return await sync_to_async(call)()


def _call_and_close(call: Callable[[], R]) -> R:
    try:
        return call()
    finally:
        connections.close_all()
