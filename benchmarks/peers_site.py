"""Settings and views of the site for benchmarks.peers."""

import json
import os

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS

_PEER = json.loads(os.environ["BENCHMARK_PEER"])
_OPTIONS = _PEER["options"]
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in ("eventlog", "tests.shop")]
INSTALLED_APPS += _OPTIONS.pop("APPS", ["eventlog"])
ROOT_URLCONF = "benchmarks.peers_urls"
ALLOWED_HOSTS = ["*"]
EVENTLOG = _OPTIONS.pop("EVENTLOG", {})
if EVENTLOG:
    EVENTLOG["OPTIONS"]["spool"] = os.environ["BENCHMARK_SPOOL"] + "/spool"
globals().update(_OPTIONS)
REQUESTLOGS = {"STORAGE_CLASS": "requestlogs.storages.LoggingStorage"}
REST_FRAMEWORK = {"EXCEPTION_HANDLER": "requestlogs.views.exception_handler"}
LOGGING = {
    "version": 1,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"], "level": "INFO"},
}
VIEW = _PEER["view"]


def plain(request):
    """Answer with constant JSON."""
    from django.http import JsonResponse

    return JsonResponse({"ok": True})


def pinax(request):
    """Log with pinax-eventlog and answer with constant JSON."""
    from django.http import JsonResponse
    from pinax.eventlog.models import log

    log(user=None, action="VIEWED", extra={"path": request.path, "ip": request.META["REMOTE_ADDR"]})
    return JsonResponse({"ok": True})


rest = plain  # benchmarks.peers_urls replaces it, because settings cannot import REST framework.
