"""Old events, and runs of ``eventlog_prune`` over them."""

from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.utils import timezone

from eventlog.models import Log

from ..events import write_request

PERSONAL = {
    "ip": "192.0.2.7",
    "path": "/orders/anna/",
    "query": "q=anna",
    "browser": "Firefox 139.0",
    "os": "Linux",
    "device": "PC",
    "ua": "Mozilla/5.0",
    "referer": "https://example.com/anna",
    "request_id": "3f2a",
    "client_request_id": "7b1c",
    "acting_user": "zora",
    "acting_user_id": "9",
}
KEPT = {"method": "GET", "view": "shop:buy", "status": 200, "device_type": "pc", "reason": "4711"}


def event(action, *, days=100, extra=None, **values):
    """Store a request event of this age."""
    moment = timezone.now() - timedelta(days=days)
    return write_request(extra or {}, action=action, timestamp=moment, **values)


def retain(*args, **options):
    """Apply the rules, and return the output and the error output."""
    out, errors = StringIO(), StringIO()
    call_command("eventlog_prune", *args, "--pause=0", stdout=out, stderr=errors, **options)
    return out.getvalue(), errors.getvalue()


def actions():
    """Return the actions of all events, except the actions of the command itself."""
    events = Log.objects.not_action("EVENTLOG_*").order_by("action")
    return [*events.values_list("action", flat=True)]
