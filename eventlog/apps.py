"""The application's configuration."""

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class EventLogConfig(AppConfig):
    name = "eventlog"
    label = "eventlog"
    verbose_name = _("Event log")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # ruff: noqa: PLC0415 (these modules import models, which Django loads before ready())
        from .backends import destinations
        from .metadata.celery_import import connect_when_imported
        from .models.reversal import before_migrate

        destinations.remember_configured_names()

        checks.register(_check_settings)
        checks.register(_check_partitions, checks.Tags.database)
        pre_migrate.connect(before_migrate, sender=self)
        connect_when_imported()


# A server does not run the checks, so it does not import them (benchmarks.start).


def _check_settings(**kwargs: Any) -> list[checks.CheckMessage]:
    from .checks import check_settings

    return check_settings(**kwargs)


def _check_partitions(**kwargs: Any) -> list[checks.CheckMessage]:
    from .partitions.checks import check_partitions

    return check_partitions(**kwargs)
