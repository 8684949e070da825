from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from .queued import QueuedBackend, QueueState, deliver_or_dead_letter

try:
    from django.tasks import task, task_backends
except ImportError:  # Django 5.2 needs the package
    from django_tasks import task, task_backends  # type: ignore[no-redef, assignment]

NOT_RUNNING = "DummyBackend"  # the backend of Django's tasks that only stores them


@task()
def write_batch(batch_id: str, lines: list[str], destination: str) -> None:
    """Write a batch of events, unless it was written before."""
    deliver_or_dead_letter(batch_id, lines, destination)


class TasksBackend(QueuedBackend):
    """Gather events, and let a worker of Django's tasks write them in batches.

    ``queue`` and ``alias``: the queue of the tasks, and their backend in ``settings.TASKS``. The
    other options belong to QueuedBackend.
    """

    def __init__(self, *, queue: str = "default", alias: str = "default", **options: Any) -> None:
        for name, value in (("queue", queue), ("alias", alias)):
            if not isinstance(value, str):
                raise ValueError(f"{name} is {value!r}; it has to be a name")
        super().__init__(**options)
        self._queue = queue
        self._alias = alias

    def check(self) -> list[CheckMessage]:
        messages = super().check()
        if self._alias not in {"default", *getattr(settings, "TASKS", {})}:
            messages.append(
                Error(
                    f"EVENTLOG['OPTIONS']['alias'] is {self._alias!r}, which TASKS does not have.",
                    hint="Give the name of a backend in TASKS.",
                    id="eventlog.E005",
                )
            )
        return messages

    def worker_question(self) -> str:
        return (
            f"Does a worker read the queue {self._queue!r} of the backend {self._alias!r} in "
            f"settings.TASKS?"
        )

    def queue_state(self, timeout: float) -> QueueState:
        runner = task_backends[self._alias]
        if type(runner).__name__ == NOT_RUNNING:
            return QueueState(f"TASKS[{self._alias!r}] is the {NOT_RUNNING}, which runs no task.")
        if runner.queues and self._queue not in runner.queues:
            known = ", ".join(sorted(runner.queues))
            return QueueState(
                f"TASKS[{self._alias!r}] does not have the queue {self._queue!r}, only: {known}."
            )
        return super().queue_state(timeout)

    def publish(self, batch_id: str, lines: list[str], destination: str) -> None:
        task = write_batch.using(queue_name=self._queue, backend=self._alias)
        task.enqueue(batch_id, lines, destination)
