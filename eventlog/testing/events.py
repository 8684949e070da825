"""The events of a capture."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from django.utils.functional import Promise

from ..backends.capture import Capture
from ..models.event import Log
from .conditions import Conditions
from .failure import failure_message


class CapturedEvents(Capture, Sequence[Log]):
    """The captured events, oldest first, as unsaved ``Log`` objects.

    An event whose transaction was rolled back is left out.
    """

    @property
    def events(self) -> list[Log]:
        """The events as a list."""
        return [entry.row for entry in list(self.entries) if not entry.is_rolled_back]

    def clear(self) -> None:
        """Forget the events so far."""
        self.entries.clear()

    def assert_logged(
        self, action: str | Promise = "*", *, count: int | None = None, **conditions: Any
    ) -> Log:
        """Fail unless an event meets the conditions; return the first event that does.

        ``action`` may contain ``*``, as in ``ORDER_*``. ``user`` is a user, a username, or None for
        no user. ``obj`` is an object, its model, or None for no object. ``extra`` is compared with
        the values that your code passed, without facts of the request. ``extra__contains`` is a
        part of ``extra``, which may contain facts. ``changes`` are all changes of fields, and
        ``changes__contains`` the changes of some fields. Other conditions are fields of ``Log``,
        such as ``is_request=True``. With ``count``, exactly so many events have to meet the
        conditions. Raise ``ValueError`` if ``count`` is less than 1.
        """
        __tracebackhide__ = True
        if count is not None and count < 1:
            raise ValueError(f"count is {count}. Use assert_not_logged() for no event.")
        found = self._find(wanted := Conditions(action, conditions))
        if not found or count not in (None, len(found)):
            raise AssertionError(failure_message(wanted, self.entries, len(found), count or 1))
        return found[0]

    def assert_not_logged(self, action: str | Promise = "*", **conditions: Any) -> None:
        """Fail if an event meets the conditions, which ``assert_logged()`` describes."""
        __tracebackhide__ = True
        if found := self._find(wanted := Conditions(action, conditions)):
            raise AssertionError(failure_message(wanted, self.entries, len(found), 0))

    def _find(self, wanted: Conditions) -> list[Log]:
        return [entry.row for entry in list(self.entries) if not wanted.unmet(entry)]

    @overload
    def __getitem__(self, index: int) -> Log: ...
    @overload
    def __getitem__(self, index: slice) -> list[Log]: ...
    def __getitem__(self, index: int | slice) -> Log | list[Log]:
        return self.events[index]

    def __iter__(self) -> Iterator[Log]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __eq__(self, other: object) -> bool:
        return self.events == (other.events if isinstance(other, CapturedEvents) else other)

    __hash__ = None  # type: ignore[assignment]  # as for a list, whose content may change

    def __repr__(self) -> str:
        return f"<CapturedEvents: {', '.join(event.action for event in self.events) or 'none'}>"
