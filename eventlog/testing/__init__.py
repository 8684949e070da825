"""Collection of logged events in tests, and assertions about them."""

from .assertions import EventLogAssertions, assert_logged, assert_not_logged
from .capturing import capture_events
from .events import CapturedEvents

__all__ = [
    "CapturedEvents",
    "EventLogAssertions",
    "assert_logged",
    "assert_not_logged",
    "capture_events",
]
