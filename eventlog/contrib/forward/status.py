"""The state of the queue of a target."""

import time
from typing import Any

from .sender import Sender


def queue_facts(sender: Sender) -> dict[str, Any]:
    """Return the numbers of a target's queue, and the results of the last attempts."""
    queue, state = sender.queue, sender.queue.read_state()
    status = queue.status()
    segments = [*queue.waiting()]
    is_started = bool(segments) and segments[0].name.startswith(f"{state.segment}.")
    age = status.oldest_seconds
    return {
        "waiting_segments": len(segments),
        "waiting_events": status.events - (state.lines if is_started else 0),
        "waiting_bytes": status.bytes,
        "oldest_seconds": None if age is None else round(age, 1),
        "sent": state.sent,
        "last_success": _ago(state.sent_at),
        "failures": state.failures,
        "last_error": state.error,
        "dropped": queue.dropped(),
        "dead_letters": status.dead_letters,
    }


def _ago(moment: float) -> str | None:
    return f"{time.time() - moment:.0f} s ago" if moment else None


def queue_problems(facts: dict[str, Any], max_age: float | None) -> list[str]:
    """Return what needs the attention of an operator."""
    problems = []
    age = facts["oldest_seconds"]
    # The age is rounded, so an event that waits may have the age 0.
    if age is not None and max_age is not None and age >= max_age:
        problems.append(f"An event has waited for {age} s.")
    if facts["dropped"]:
        problems.append(f"Events were dropped: {facts['dropped']}.")
    if facts["dead_letters"]:
        problems.append(f"There are dead letters: {facts['dead_letters']}.")
    return problems
