from collections.abc import Sequence
from typing import Any

from celery import current_app, shared_task
from django.db import Error as DatabaseFailure

from .queued import QueuedBackend, deliver_or_dead_letter


@shared_task(  # type: ignore[untyped-decorator]
    name="eventlog.write_batch",
    acks_late=True,  # the broker gets a batch back if its worker is killed
    reject_on_worker_lost=True,
    autoretry_for=(DatabaseFailure, LookupError),
    retry_backoff=True,
    retry_backoff_max=600,
    max_retries=None,
    ignore_result=True,
)
def write_batch(batch_id: str, lines: Sequence[str], destination: str) -> Any:
    """Write a batch of events, unless it was written before."""
    deliver_or_dead_letter(batch_id, lines, destination)


class CeleryBackend(QueuedBackend):
    """Gather events, and let a Celery worker write them in batches.

    ``queue``: where the tasks go; the app's default without it. ``resend_after``: seconds after
    which a batch that no worker has written is published again. The other options are
    BufferedBackend's.
    """

    def __init__(self, *, queue: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._queue = queue

    def worker_question(self) -> str:
        queue = self._queue or current_app.conf.task_default_queue
        return f"Does a worker read the queue {queue!r}? celery -A … worker -Q {queue}"

    def publish(self, batch_id: str, lines: list[str], destination: str) -> None:
        # No retries, because the next round tries a broker that is down again.
        write_batch.apply_async(
            (batch_id, lines, destination), queue=self._queue, retry=False, serializer="json"
        )
