"""The application's configuration."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class SignInsConfig(AppConfig):
    name = "eventlog.contrib.sign_ins"
    label = "eventlog_sign_ins"
    verbose_name = _("Sign-ins")
    eventlog_inventory = "eventlog.contrib.sign_ins.inventory.sign_in_entries"

    def ready(self) -> None:
        # ruff: noqa: PLC0415 (these modules import models, which Django loads before ready())
        from .checks import check_sign_ins
        from .connect_receivers import connect

        checks.register(check_sign_ins)
        connect()
