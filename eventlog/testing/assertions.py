"""Assertions for test cases, and for functions inside ``capture_events()``."""

from typing import Any

from django.utils.functional import Promise

from ..backends.capture import innermost_capture
from ..models.event import Log
from .capturing import capture_events
from .events import CapturedEvents

__unittest = True  # unittest leaves the frames of this module out of tracebacks


def assert_logged(
    action: str | Promise = "*", *, count: int | None = None, **conditions: Any
) -> Log:
    """Call ``CapturedEvents.assert_logged()`` for the innermost active capture."""
    __tracebackhide__ = True
    return _active().assert_logged(action, count=count, **conditions)


def assert_not_logged(action: str | Promise = "*", **conditions: Any) -> None:
    """Call ``CapturedEvents.assert_not_logged()`` for the innermost active capture."""
    __tracebackhide__ = True
    _active().assert_not_logged(action, **conditions)


class EventLogAssertions:
    """Assertions about the events of a test, for a ``TestCase``. List it before the test case.

    Each test collects its events, from ``setUp()`` on. They are not stored, unless ``write_events``
    is true.
    """

    write_events: bool = False
    logged_events: CapturedEvents
    """The events of the test so far."""

    def run(self, result: Any = None) -> Any:
        with capture_events(write=self.write_events) as self.logged_events:
            return super().run(result)  # type: ignore[misc]

    def assertLogged(  # noqa: N802 (as unittest has it)
        self, action: str | Promise = "*", *, count: int | None = None, **conditions: Any
    ) -> Log:
        """Fail unless an event meets the conditions. See ``CapturedEvents.assert_logged()``."""
        return assert_logged(action, count=count, **conditions)

    def assertNotLogged(  # noqa: N802 (as unittest has it)
        self, action: str | Promise = "*", **conditions: Any
    ) -> None:
        """Fail if an event meets the conditions. See ``CapturedEvents.assert_logged()``."""
        assert_not_logged(action, **conditions)


def _active() -> CapturedEvents:
    active = innermost_capture()
    if not isinstance(active, CapturedEvents):
        raise RuntimeError(
            "No events are captured here. Assert inside 'with capture_events():', decorate the "
            "test with @capture_events(), or list EventLogAssertions before TestCase."
        )
    return active
