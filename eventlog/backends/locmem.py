"""Events in memory, for the tests of a project."""

import os
import sys
from collections import UserList
from collections.abc import Sequence
from typing import Any

from django.core import mail

from ..models.event import Log
from ..records.record import Record
from ..signals import event_logged, notifying
from .base import BaseBackend


class Outbox(UserList[Log]):
    """The events of the current test, oldest first, as unsaved ``Log`` objects.

    It is empty when a test begins, as ``django.core.mail.outbox`` is.
    """

    _test: tuple[Any, str] | None = None
    _events: list[Log]

    @property
    def data(self) -> list[Log]:
        """The list behind the methods of UserList."""
        test = _current_test()
        if self._test is None or test[0] is not self._test[0] or test[1] != self._test[1]:
            self._test, self._events = test, []
        return self._events

    @data.setter
    def data(self, events: list[Log]) -> None:
        self._test, self._events = _current_test(), events


def _current_test() -> tuple[Any, str]:
    """Return an identifier of the test: pytest's name, or the list of mails that Django creates."""
    name, _, _stage = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
    if name and "pytest" in sys.modules:  # false in a process that a test started
        return None, name
    return getattr(mail, "outbox", None), ""


outbox = Outbox()


class LocMemBackend(BaseBackend):
    """Keep events in ``eventlog.backends.locmem.outbox``."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        rows = [Log.from_record(record) for record in records]
        outbox.extend(rows)
        with notifying():
            for row, record in zip(rows, records, strict=True):
                if record.is_announced:
                    event_logged.send_robust(sender=Log, event=row)
        return rows
