from collections.abc import Sequence
from typing import Any

from celery import current_app, shared_task
from django.db import Error as DatabaseFailure

from .queued import QueuedBackend, QueueState, deliver_or_dead_letter

FALLBACK_APP = "default"  # the name of the app that Celery makes if the site has none


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
        if queue is not None and not isinstance(queue, str):
            raise ValueError(f"queue is {queue!r}; it has to be the name of a queue")
        super().__init__(**options)
        self._queue = queue

    def worker_question(self) -> str:
        queue = self._queue_name()
        return f"Does a worker read the queue {queue!r}? celery -A … worker -Q {queue}"

    def _queue_name(self) -> str:
        """Return the queue that the tasks go to, which the routes of the site may choose."""
        queue = self._queue or current_app.amqp.router.route({}, write_batch.name).get("queue")
        return str(getattr(queue, "name", queue))

    def queue_state(self, timeout: float) -> QueueState:
        if current_app.conf.task_always_eager:
            return QueueState()
        if current_app.main == FALLBACK_APP and not current_app.conf.broker_url:
            return QueueState(
                "The Celery app of the site is not loaded, so batches go to Celery's default "
                "broker. Import the app in the __init__.py of your project."
            )
        try:
            with current_app.connection_for_write(connect_timeout=timeout) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout)
                inspect = current_app.control.inspect(timeout=timeout, connection=connection)
                answers = inspect.active_queues() or {}
        except Exception as error:  # noqa: BLE001 (each broker's client raises its own errors)
            return QueueState(broker_error=f"The broker does not answer: {error!r:.300}")
        queue = self._queue_name()
        if any(each["name"] == queue for queues in answers.values() for each in queues):
            return QueueState()
        return QueueState(f"No Celery worker says that it reads the queue {queue!r}.")

    def publish(self, batch_id: str, lines: list[str], destination: str) -> None:
        # No retries, because the next round tries a broker that is down again.
        write_batch.apply_async(
            (batch_id, lines, destination), queue=self._queue, retry=False, serializer="json"
        )
