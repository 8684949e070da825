"""Events with every kind of value, and their comparison field by field."""

from datetime import UTC, datetime, timedelta

from eventlog.contrib.archive.event import CopiedEvent
from eventlog.models import Log
from tests.events import request_row

MARCH = datetime(2026, 3, 31, 22, 59, 59, 123457, tzinfo=UTC)
APRIL = datetime(2026, 4, 2, tzinfo=UTC)
END = datetime(2100, 1, 1, tzinfo=UTC)
EXTRAS = [
    {"b": {"z": 1.0, "a": [1e3, 1e16, 12345678901234567890, -0.5, True, None]}, "a": "é\n\t\\N"},
    {"large": "x" * 40_000, "path": "/own"},
    {"changes": {"price": ["1.50", "2.50"]}, "reason": "a request", "acting_user": "eva",
     "request_id": "7f3a", "trace_id": "0af7651916cd43dd8448eb211c80319c"},
    [1, {"a": None}],
    "text",
    7,
    {},
]  # fmt: skip


def write_samples(user=None, widget=None, start=MARCH):
    """Store events of two months and a few hours."""
    rows = [
        request_row(extra, timestamp=start + timedelta(minutes=number), action=f"A{number}")
        for number, extra in enumerate(EXTRAS)
    ]
    rows += [
        request_row({"ip": "192.0.2.1", "status": 404}, timestamp=APRIL, action="GET_PAGE"),
        Log(timestamp=APRIL, action="PINAX", extra={"path": "chosen"}),  # as pinax-eventlog did
    ]
    if user is not None:
        rows.append(Log(timestamp=APRIL, action="PAID", user=user, user_repr=user.get_username(),
                        user_state=1, obj=widget, object_repr=str(widget), own_keys="",
                        uid="019d3f7a0b1c7def8123456789abcdef"))  # fmt: skip
    for row in rows:
        row.save()
    return rows


def contents(store):
    """Return the events of a store, without those about the command itself."""
    events = store.read(datetime(1970, 1, 1, tzinfo=UTC), END)
    own = (event for event in events if not event.action.startswith("EVENTLOG_"))
    return sorted(own, key=lambda event: event.uid)


def as_compared(events):
    """Return the values that have to be equal in all stores."""
    return [(*event[:-1], event.digest()) for event in events]


def sample_of(number):
    """Return an event as a store without a database would have it."""
    return CopiedEvent(
        f"{number:032x}", number, "A", None, "", 2, "", None, "", True, None, 200, "", "{}"
    )
