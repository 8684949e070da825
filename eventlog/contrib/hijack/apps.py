"""The application's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HijackConfig(AppConfig):
    name = "eventlog.contrib.hijack"
    label = "eventlog_hijack"
    verbose_name = _("Hijacked accounts")

    def ready(self) -> None:
        # ruff: noqa: PLC0415 (this module imports models, which Django loads before ready())
        from .hijacks import connect

        connect()
