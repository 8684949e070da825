"""The application's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ArchiveConfig(AppConfig):
    name = "eventlog.contrib.archive"
    label = "eventlog_archive"
    verbose_name = _("Archives of events")
