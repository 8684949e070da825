"""Celery's tasks: a worker's autodiscovery looks here and nowhere else."""

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from django.db import Error as DatabaseFault

from .backends.delivery import deliver_or_set_aside


@shared_task(  # type: ignore[untyped-decorator]
    name="eventlog.write_batch",
    acks_late=True,  # a worker that is killed gives the batch back
    reject_on_worker_lost=True,
    autoretry_for=(DatabaseFault,),
    retry_backoff=True,
    retry_backoff_max=600,
    max_retries=None,
    ignore_result=True,
)
def write_batch(batch_id: str, lines: Sequence[str]) -> Any:
    """Write a batch of events, unless it was written before."""
    deliver_or_set_aside(batch_id, lines)
