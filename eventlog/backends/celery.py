from typing import Any

from ..tasks import write_batch
from .brokered import BrokeredBackend


class CeleryBackend(BrokeredBackend):
    """Gathers events, and lets a Celery worker write them in batches.

    ``queue``: where the tasks go; the app's default without it. ``resend_after``: seconds after
    which a batch that nobody has written is published again. The other options are
    BufferedBackend's.
    """

    def __init__(self, *, queue: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._queue = queue

    def publish(self, batch_id: str, lines: list[str]) -> None:
        # Without retries of its own: a broker that is down is tried again with the next batch.
        write_batch.apply_async(
            (batch_id, lines), queue=self._queue, retry=False, serializer="json"
        )
