"""Calls after the commit of a transaction, which no error in a hook of the site prevents."""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from django.db import connections, transaction

from .outside_transaction import is_in_testcase


class _Call:
    """A hook of eventlog."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __call__(self) -> None:
        self._call()


def call_after_commit(call: Callable[[], None], using: str) -> None:
    """Call ``call``, which does not raise, when the transaction commits, before the site's hooks.

    Django calls no further hook after one that raises, and the event would be lost. A ``TestCase``
    counts its hooks, so there they keep their order. ``run_on_commit`` is private.
    """
    connection: Any = connections[using]
    transaction.on_commit(_Call(call), using=using)
    hooks = connection.run_on_commit
    if len(hooks) < 2 or _is_own(hooks[-2]) or is_in_testcase(connection):
        return
    first_of_site = bisect_left(hooks, True, hi=len(hooks) - 1, key=lambda hook: not _is_own(hook))
    hooks.insert(first_of_site, hooks.pop())


def _is_own(hook: Any) -> bool:
    return isinstance(hook[1], _Call)
