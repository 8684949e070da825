"""Rows as the middleware writes them, without a request."""

from urllib.parse import parse_qs, urlsplit

from eventlog.models import Log
from eventlog.records.user_state import UserState
from eventlog.review.pagination import page
from eventlog.review.search.query import Search

MAX_FOUND = 100  # events, as on a page of the list


def request_row(extra=None, **values):
    """Make the unsaved event of a request with these facts."""
    extra = {} if extra is None else extra
    facts = extra if isinstance(extra, dict) else {}
    has_user = any(values.get(name) for name in ("user", "user_id", "user_repr"))
    ip, status = facts.get("ip"), facts.get("status")
    return Log(
        **{
            "action": "X",
            "extra": extra,
            "is_request": True,
            "ip": ip[:45] if isinstance(ip, str) else None,
            "status": status if type(status) is int and 0 <= status < 1 << 15 else None,
            "own_keys": "",
            "user_state": UserState.KNOWN if has_user else UserState.ANONYMOUS,
        }
        | values
    )


def write_request(extra=None, **values):
    """Save the event of a request with these facts."""
    row = request_row(extra, **values)
    row.save()
    return row


def found_by(address):
    """Return the events that the list at this address shows, without its page."""
    parameters = parse_qs(urlsplit(address).query)
    assert parameters.keys() <= {"q"}
    (text,) = parameters.get("q", [""])
    search = Search.parse(text)
    assert not search.errors
    return page(Log.objects.all(), search.plan, MAX_FOUND).events
