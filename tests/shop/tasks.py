from celery import shared_task

from eventlog.models import log


@shared_task
def in_task():
    log(None, "IN_TASK")
