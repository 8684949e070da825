"""The task of Celery, because the autodiscovery of a worker looks in this module alone."""

from .backends.celery import write_batch

__all__ = ["write_batch"]
