"""``capture_events()``, a context manager and a decorator."""

from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction

from .events import CapturedEvents

Test = TypeVar("Test", bound=Callable[..., Any])


class capture_events:  # noqa: N801 (a decorator)
    """Collect the events that are logged in a block of code, or in a decorated function.

    ``with capture_events() as events:`` returns ``CapturedEvents``. A decorated function, sync or
    async, gets no additional argument. Call ``assert_logged()`` in it.

    Events of all threads are collected, also if ``EVENTLOG["ENABLED"]`` is false. They are not
    stored, and ``event_logged`` is not sent, unless ``write`` is true. If captures are nested,
    each collects the events.
    """

    def __init__(self, *, write: bool = False) -> None:
        self._write = write
        self._active: list[CapturedEvents] = []

    def __enter__(self) -> CapturedEvents:
        events = CapturedEvents(write=self._write)
        events.start()
        self._active.append(events)
        return events

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._active.pop().stop()

    def __call__(self, test: Test) -> Test:
        if isinstance(test, type):
            raise TypeError(
                f"capture_events() decorates functions, and {test.__name__} is a class. "
                f"Give a test case the base class EventLogAssertions instead."
            )
        if iscoroutinefunction(test):

            @wraps(test)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with capture_events(write=self._write):
                    return await test(*args, **kwargs)

        else:

            @wraps(test)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with capture_events(write=self._write):
                    return test(*args, **kwargs)

        return cast("Test", wrapper)
