"""Rounds of sending: read the waiting segments of a target, and send the selected events."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...backends.spool import Rejected
from ...backends.spool.segment import SegmentName
from ...error_log import logger, report
from . import configured_targets
from .configured_targets import TargetConfig
from .event import Event
from .queue import TargetQueue
from .state import SendingState
from .target import PartlyRefused, Refused, Unavailable

MIN_PAUSE, MAX_PAUSE = 1.0, 300.0  # seconds without an attempt after a failure
MAX_BATCH_BYTES = 1 << 20  # of a batch with more than one event
MAX_ERROR_LENGTH = 500  # characters of an error in the state


class Sender:
    """Sends the events that wait for one target."""

    def __init__(self, name: str, raw: Any, spool: Path) -> None:
        """Check only what the queue needs, so that events wait for a target with a wrong option."""
        self.name = configured_targets.checked_name(name)
        self._raw = raw
        self.interval = configured_targets.checked_interval(name, raw)
        self.queue = TargetQueue(spool, name, configured_targets.checked_max_bytes(name, raw))

    @cached_property
    def config(self) -> TargetConfig:
        """The target and its selection. Raises ``Misconfigured`` for a wrong option."""
        return configured_targets.target_config(self.name, self._raw)

    def run(self, is_stopped: Callable[[], bool] = lambda: False, *, force: bool = False) -> bool:
        """Send what waits; return False if events are left, or another process sends.

        ``is_stopped`` is called after each batch. ``force``: do not wait after a failure.
        """
        if not self.queue.acquire():
            return False
        state = self.queue.read_state()
        try:
            self.queue.tidy()
            if time.time() < state.retry_at and not force:
                return False
            for path in self.queue.waiting():
                if not self._send_segment(path, state, is_stopped):
                    return False
        except Exception as error:  # noqa: BLE001 (a target may raise any error)
            report(f"sending events to {self.name}", error)
            self._record_failure(state, error)
            return False
        finally:
            self.queue.release()
        return True

    def _send_segment(
        self, path: Path, state: SendingState, is_stopped: Callable[[], bool]
    ) -> bool:
        """Send a segment in batches; return False if it was stopped."""
        segment_id = SegmentName.parse(path.name).id
        start = state.lines if state.segment == segment_id else 0
        position = size = 0
        batch: list[Event] = []
        for line in self.queue.lines(path):
            position += 1
            if position <= start:
                continue
            if (event := self._selected(line, segment_id, position)) is not None:
                batch.append(event)
                size += len(line)
            if len(batch) >= self.config.batch_size or size >= MAX_BATCH_BYTES:
                self._send(batch, state, segment_id, position)
                batch, size = [], 0
                if is_stopped():
                    return False
        self._send(batch, state, segment_id, position)
        self.queue.remove(path)
        return not is_stopped()

    def _selected(self, line: str, segment_id: str, position: int) -> Event | None:
        try:
            event = Event(line)
        except ValueError as error:
            self._dead_letter(f"{segment_id}-{position}", line, str(error))
            return None
        return event if self.config.selects(event) else None

    def _send(
        self, batch: Sequence[Event], state: SendingState, segment_id: str, position: int
    ) -> None:
        """Send a batch, and store the position after it."""
        if batch:
            state.sent += self._send_or_split(batch, segment_id)
            state.sent_at, state.failures, state.error, state.retry_at = time.time(), 0, "", 0.0
        state.segment, state.lines = segment_id, position
        self.queue.write_state(state)

    def _send_or_split(self, batch: Sequence[Event], segment_id: str) -> int:
        """Send a batch; if it is refused, find the events that are; return the number sent."""
        try:
            self.config.target.send(batch)
        except Refused as error:
            if len(batch) == 1 or isinstance(error, PartlyRefused):
                for event in batch:
                    self._dead_letter(f"{segment_id}-{event.id}", event.line, str(error))
                return 0
            middle = len(batch) // 2
            halves = batch[:middle], batch[middle:]
            return sum(self._send_or_split(half, segment_id) for half in halves)
        return len(batch)

    def _dead_letter(self, name: str, line: str, reason: str) -> None:
        """Store an event that the target refused, unless too many wait for an operator."""
        if self.queue.is_full_of_dead_letters():
            raise Unavailable(f"the limit MAX_BYTES of dead letters is reached: {reason}")
        # The same name each time, so that an event is one dead letter if it is sent again.
        self.queue.dead_letters.add(name, "", [Rejected(line, reason)])
        logger.error("The target %s refused an event: %s", self.name, reason)

    def _record_failure(self, state: SendingState, error: Exception) -> None:
        state.failures += 1
        state.error = f"{type(error).__name__}: {error}"[:MAX_ERROR_LENGTH]
        pause = min(MAX_PAUSE, MIN_PAUSE * 2 ** min(state.failures - 1, 20))
        if isinstance(error, Unavailable):
            pause = min(MAX_PAUSE, max(pause, error.retry_after))
        state.retry_at = time.time() + pause
        try:
            self.queue.write_state(state)
        except OSError as failure:  # such as a full disk
            report("storing the state of a target", failure)
