"""The application's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportersConfig(AppConfig):
    name = "eventlog.contrib.importers"
    label = "eventlog_importers"
    verbose_name = _("Imports into the event log")
