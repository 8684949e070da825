"""The application's configuration."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class ForwardConfig(AppConfig):
    name = "eventlog.contrib.forward"
    label = "eventlog_forward"
    verbose_name = _("Event streams")
    eventlog_inventory = "eventlog.contrib.forward.diagnosis.target_entries"
    eventlog_checks = "eventlog.contrib.forward.diagnosis.CHECKS"

    def ready(self) -> None:
        # ruff: noqa: PLC0415 (these modules import models, which Django loads before ready())
        from ...backends.delivery.segments import segment_receivers
        from .checks import check_forward
        from .forwarder import forwarder

        checks.register(check_forward)
        if forwarder.receive not in segment_receivers:
            segment_receivers.append(forwarder.receive)
