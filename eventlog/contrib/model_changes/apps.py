"""The configuration of the app."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _

from .checks import check_model_changes, track_models_of_setting
from .registration import connect_pending


class ModelChangesConfig(AppConfig):
    name = "eventlog.contrib.model_changes"
    label = "eventlog_model_changes"
    verbose_name = _("Model changes")
    eventlog_inventory = "eventlog.contrib.model_changes.inventory.tracked_model_entries"

    def ready(self) -> None:
        checks.register(check_model_changes)
        connect_pending()
        track_models_of_setting()
