"""A task of Django's own task framework."""

import eventlog
from eventlog.models import log

try:
    from django.tasks import task
except ImportError:  # Django 5.2 needs the package
    from django_tasks import task


@task()
def in_background(reason):
    log(None, "IN_TASK")
    with eventlog.context(reason=reason):
        log(None, "IN_BLOCK")
