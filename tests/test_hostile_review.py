"""Requests of the admin with hostile addresses, none of which has the status 500."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from eventlog.models import log
from eventlog.review.search.filters import FILTERS

from .events import write_request

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/eventlog/log/"
EXPORT = f"{LIST}export/jsonl/"
FACTS = {"ip": "192.0.2.7", "method": "GET", "path": "/a/", "status": 500, "device_type": "pc"}
HUGE = "9" * 400
TEXTS = [
    "",
    "a",
    "\0",
    "a\0b",
    "\ud800",
    "😀",
    "*",
    "**",
    "%",
    "_",
    "'",
    '"',
    '\\"',
    "\\",
    "\\\\",
    "a\\",
    ":",
    "::",
    "/",
    "0",
    "-1",
    "2147483648",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "nan",
    "٣",
    "²",
    HUGE,
    "x" * 1900,
    "*" * 1900,
    "%" * 1900,
    "_" * 1900 + "*",
    "\\" * 900,
    "a" * 300 + "*",
    "{}",
    "[]",
    "{0}",
    "%s",
    "%(a)s",
    "null",
    "true",
    "$",
    "$.a",
    "؜",
]
MOMENTS = [
    "0000-01-01",
    "0001-01-01",
    "0001-01-01T00:00",
    "9999-12-31",
    "9999-12-31T23:59:59.999999",
    "9999-12-31T23:59-23:59",
    "0001-01-01T00:00+23:59",
    "2024-01-01T00:00+23:59",
    "2024-01-01T00:00-23:59",
    "2024-01-01T00:00+24:00",
    "2024-02-30",
    "2024-03-31T02:30",
    "2024-10-27T02:30",
    "10000-01-01",
    "1582-10-10",
    "0999-06-01",
    "0101-06-01",
    "24:00",
    "2024-W01",
    "20240101",
    "2024-01-01T24:00",
    "2024-01-01T00:00:60",
]
SPECIAL = {
    "ip": [
        "0.0.0.0/0",
        "::/0",
        ":::/0",
        "::1",
        "::/1",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/24/24",
        "fe80::1%eth0",
        "fe80::%\0/64",
        "::ffff:1.2.3.4",
        "ffff::/16",
        "255.255.255.255/32",
        "255.0.0.0/8",
        "1.2.3.4/25",
        "001.2.3.4",
        "1.2.3.4/0.0.0.255",
    ],
    "obj": [
        "auth.user",
        "auth.user:",
        "auth.user:*",
        "auth.user:a\0b",
        "auth.user:" + "x" * 300,
        "auth.user:" + "x" * 1800,
        "auth.user:\ud800",
        "a.b.c",
        "a.",
        ".b",
        "." * 1900,
        "a." + "b" * 1800,
        "\0.\0",
        "auth.\ud800",
    ],
    "status": ["404", "4xx", "4XX", "1xx", "600", "4x4", "\uff1404", "٤04", "40\n4"],
    "last": ["0m", "9999w", "9999h", "99999w", "-1h", "٣h", "1 h", "1h\n", "²h"],
    "action": ["A*", "a" * 300 + "*", "\U0010ffff*", "%*", "\\*"],
    "extra.a": ["*b*", "1", "01", "1.0"],
}
NAMES = [
    "a\0b",
    "\ud800",
    "",
    ".",
    "a..b",
    ".".join("a" * 900),
    ".".join("a" * 300),
    "a" * 1900,
    "*",
    "'",
    "\\",
    "$",
    "[0]",
    "0",
    "-1",
    "%s",
    "%",
    "{}",
    "{key}",
    "😀",
    "99999999999999999999",
    "?",
    "a'||'b",
    "`",
    "\x01",
    "\x7f",
    "\u2028",
]


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


@pytest.fixture
def shown():
    return write_request(FACTS, action="A")


def status(client, address):
    with transaction.atomic():
        response = client.get(address)
        b"".join(response.streaming_content if response.streaming else [])
        if response.status_code == 500:
            transaction.set_rollback(True)
    return response.status_code


def asked(*params):
    # As bytes, because an address may be invalid UTF-8.
    return urlencode(
        [
            (k.encode("utf-8", "surrogatepass"), v.encode("utf-8", "surrogatepass"))
            for k, v in params
        ]
    )


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wrong(client, searches, page=LIST, name="q"):
    return [
        text[:80] for text in searches if status(client, f"{page}?{asked((name, text))}") == 500
    ]


@pytest.mark.parametrize("key", [*FILTERS, "extra.a.b", "nokey", ""])
def test_no_value_of_a_search_breaks_the_list(root, shown, key):
    def searches(values):
        return [f"{key}:{quoted(value)}" if key else value for value in values]

    assert not wrong(root, searches(SPECIAL.get(key, ())))
    # The export runs the same search, and takes a tenth of the time of a page.
    assert not wrong(root, searches(TEXTS), EXPORT)


@pytest.mark.parametrize("key", ["from", "to", "last"])
def test_no_time_breaks_the_list(root, shown, key):
    assert not wrong(root, [f"{key}:{moment}" for moment in MOMENTS])
    assert not wrong(root, MOMENTS, name=key)
    marks = [f"{moment}~1" for moment in MOMENTS]
    marks += [f"{MOMENTS[3]}~{pk}" for pk in ("9" * 30, "-" + "9" * 30)]
    assert not wrong(root, marks, name="older")
    assert not wrong(root, marks, name="newer")


def test_no_key_breaks_the_list(root, shown):
    searches = [f"extra.{name}:{value}" for name in NAMES for value in ("1", "a*", "*a*")]
    assert not wrong(root, [*searches, *(f"{name}:1" for name in NAMES)], EXPORT)
    assert not wrong(root, searches[::5])


ODDEST = [
    *(f"{key}:{value}" for key, values in SPECIAL.items() for value in values),
    *(f"extra.{name}:1" for name in NAMES),
    *(f"from:{moment}" for moment in MOMENTS),
]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_no_search_breaks_an_export(root, shown, kind):
    assert not wrong(root, ODDEST, f"{LIST}export/{kind}/")


def test_no_search_breaks_the_page_of_an_event(root, shown):
    filters = [asked(("q", text)) for text in ODDEST]
    assert not wrong(root, filters, f"{LIST}{shown.pk}/change/", "_changelist_filters")


PARAMETER_NAMES = """
q from to older newer look pick p o e all _popup _to_field _facets _changelist_filters period by
is_popup action action__contains action__in action__isnull action__regex action__range action__x
id id__in pk pk__exact pk__in user user__exact user__id__exact user__pk user__in user__id__in
user__isnull user__username user__password__startswith timestamp timestamp__gte timestamp__date
timestamp__year timestamp__x timestamp__range content_type content_type__id__exact
content_type__app_label object_id object_id__gt object_repr__iregex extra extra__a
extra__has_key extra__contains obj nofield no__field user_repr
"""
PARAMETERS = [
    *PARAMETER_NAMES.split(),
    "x" * 3000,
    "__",
    "_",
    "\0",
    "a\x00b",
    "\ud800",
    "",
    "%",
    "*",
]
PARAMETER_VALUES = ["", "-1", HUGE * 20, "a\0b", "\ud800", "(", "2024-01-01T00:00+23:59"]


@pytest.mark.parametrize("page", ["", "export/csv/"])
def test_no_parameter_breaks_a_page(root, shown, page):
    bad = [
        (name[:40], value[:40])
        for name in PARAMETERS
        for value in PARAMETER_VALUES
        if status(root, f"{LIST}{page}?{asked((name, value))}") == 500
    ]
    assert not bad


@pytest.mark.parametrize("page", ["overview/", "{pk}/change/", "{pk}/history/", "{pk}/delete/"])
def test_no_parameter_of_ours_breaks_another_page(root, shown, page):
    bad = [
        (name[:40], value[:40])
        for name in ("period", "by", "_changelist_filters", "_popup", "_to_field", "q", "a\0b")
        for value in [*PARAMETER_VALUES, "q=a%00b", "older=x&scan=" + "9" * 5000, "&" * 2000]
        if status(root, f"{LIST}{page.format(pk=shown.pk)}?{asked((name, value))}") == 500
    ]
    assert not bad


PAGES = ("", "?facets=1", "{pk}/change/", "{pk}/history/", "{pk}/delete/", "overview/")


def broken(client, event):
    """Return the pages of an event that fail."""
    client.raise_request_exception = False
    pages = [page.format(pk=event.pk) for page in PAGES]
    return [page for page in pages if client.get(f"{LIST}{page}").status_code != 200]


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Europe/Berlin", datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_event_at_the_end_of_the_calendar_breaks_no_page(
    admin_client, admin_user, settings, zone, moment
):
    settings.TIME_ZONE = zone
    log(admin_user, "X", obj=admin_user, dateof=moment)
    event = log(admin_user, "Y", obj=admin_user, dateof=moment)
    assert not broken(admin_client, event)
    call_command("eventlog_search", "action:X")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases refuse the event")
def test_an_event_with_lone_surrogates_breaks_no_page(admin_client, admin_user):
    facts = dict.fromkeys([*FACTS, "view", "browser", "acting_user"], "\ud800")
    for _ in range(2):
        event = write_request(facts, user=admin_user, ip="192.0.2.7")
    assert not broken(admin_client, event)
    call_command("eventlog_count")
