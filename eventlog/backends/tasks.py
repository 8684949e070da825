from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from .brokered import BrokeredBackend
from .delivery import deliver_or_set_aside

try:
    from django.tasks import task
except ImportError:  # Django 5.2: the package of which that was made
    from django_tasks import task  # type: ignore[no-redef]


@task()
def write_batch(batch_id: str, lines: list[str]) -> None:
    """Write a batch of events, unless it was written before."""
    deliver_or_set_aside(batch_id, lines)


class TasksBackend(BrokeredBackend):
    """Gathers events, and lets a worker of Django's tasks write them in batches.

    ``queue`` and ``alias``: the queue, and the backend in ``settings.TASKS``, that the tasks go
    to. The other options are CeleryBackend's.
    """

    def __init__(self, *, queue: str = "default", alias: str = "default", **options: Any) -> None:
        super().__init__(**options)
        self._queue = queue
        self._alias = alias

    def check(self) -> list[CheckMessage]:
        messages = super().check()
        if self._alias not in {"default", *getattr(settings, "TASKS", {})}:
            messages.append(
                Error(
                    f"EVENTLOG['OPTIONS']['alias'] is {self._alias!r}, which TASKS has not.",
                    hint="Give the name of one of its backends.",
                    id="eventlog.E005",
                )
            )
        return messages

    def publish(self, batch_id: str, lines: list[str]) -> None:
        write_batch.using(queue_name=self._queue, backend=self._alias).enqueue(batch_id, lines)
