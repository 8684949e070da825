"""The application's configuration."""

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
        from .checks import check_settings
        from .metadata.celery_import import connect_when_imported
        from .models.reversal import before_migrate
        from .partitions.checks import check_partitions

        destinations.remember_configured_names()

        checks.register(check_settings)
        checks.register(check_partitions, checks.Tags.database)
        pre_migrate.connect(before_migrate, sender=self)
        connect_when_imported()
