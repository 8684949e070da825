"""The pytest fixture ``eventlog``, which pytest finds through the entry point ``pytest11``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import CapturedEvents


@pytest.fixture
def eventlog() -> Iterator["CapturedEvents"]:
    """Collect the events that the test logs. They are not stored."""
    # ruff: noqa: PLC0415 (pytest loads plugins before Django, and in projects without Django)
    from django.apps import apps

    if not apps.is_installed("eventlog"):
        pytest.fail("The fixture 'eventlog' needs 'eventlog' in INSTALLED_APPS.", pytrace=False)
    from .testing import capture_events

    with capture_events() as events:
        yield events
