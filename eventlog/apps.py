import sys

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.translation import gettext_lazy as _


class EventLogConfig(AppConfig):
    name = "eventlog"
    label = "eventlog"
    verbose_name = _("Event log")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if not hasattr(settings, "EVENTLOG"):
            # Each event looks whether it is another now. What is not set takes Django seven times
            # as long to look up as what is.
            settings.EVENTLOG = {}
        from .checks import check_settings  # noqa: PLC0415 (it reaches the models)

        checks.register(check_settings)
        if "celery" in sys.modules:  # where it is used, the project has imported its app by now
            from .propagation import connect  # noqa: PLC0415

            connect()
