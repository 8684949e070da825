"""The application's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClickHouseConfig(AppConfig):
    name = "eventlog.contrib.clickhouse"
    label = "eventlog_clickhouse"
    verbose_name = _("Events in ClickHouse")
