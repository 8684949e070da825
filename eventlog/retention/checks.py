"""System checks of ``EVENTLOG["RETENTION"]``."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)

from .policy import NAME, read_policy


def check_retention(setting: Any) -> Iterator[CheckMessage]:
    """Yield a message for each problem. Searches are checked as far as this needs no query."""
    policy, errors = read_policy(setting)
    for error in errors:
        yield Error(error.message, hint=error.hint, id=error.check_id)
    for earlier, later in zip(policy.rules, policy.rules[1:], strict=False):
        if not earlier.conditions:
            yield Warning(
                f"{NAME}: rule {later.number} is never applied, because rule {earlier.number} "
                f"matches every event.",
                hint=f"Move rule {earlier.number} to the end, or give it an 'action' or 'search'.",
                id="eventlog.W060",
            )
            return
