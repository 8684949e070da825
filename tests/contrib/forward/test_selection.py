"""The search of a target selects the events that the same search finds in the database."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.backends.database import DatabaseBackend
from eventlog.contrib.forward.event import Event
from eventlog.contrib.forward.matchers import MATCHERS, REFUSED
from eventlog.contrib.forward.selection import UndecidableSearch, compile_selection
from eventlog.models import Log
from eventlog.records.record import Record
from eventlog.review.search.event_filters import HAS, KINDS
from eventlog.review.search.filters import FILTERS
from tests.shop.models import Widget

FACTS = st.fixed_dictionaries(
    {},
    optional={
        "ip": st.sampled_from(["203.0.113.7", "203.0.114.7", "2001:db8::1", "10.0.0.1"]),
        "path": st.sampled_from(["/orders/", "/orders/7.pdf", "/Orders/", "/"]),
        "query": st.sampled_from(["a=1", "utm_source=news"]),
        "method": st.sampled_from(["GET", "POST"]),
        "view": st.sampled_from(["shop:checkout", "shop:list", "other"]),
        "device_type": st.sampled_from(["pc", "bot", "mobile"]),
        "duration_ms": st.sampled_from([1, 250.5, 3000, "500", None]),
        "browser": st.sampled_from(["Firefox 130", "curl 8"]),
        "exception": st.sampled_from(["ValueError", "KeyError"]),
        "request_id": st.sampled_from(["3f2a", "7"]),
        "trace_id": st.sampled_from(["a" * 32, "b" * 32]),
        "reason": st.sampled_from(["Ticket 4711", "none"]),
        "acting_user": st.sampled_from(["admin", "Anna"]),
        "total": st.sampled_from([7, "7", 7.5, True, None, "x", [1]]),
        "order": st.sampled_from([{"total": 7}, {"total": "a*b"}, 3]),
    },
)
TERMS = [
    *("action:login", "action:LOG*", "action:*n", "action:none", "obj:shop.widget"),
    *("user:anna", "user:ANNA", "user:ben", "user:anonymous", "acting_user:admin"),
    *("reason:4711", "reason:TICKET", "command:x", "request:3f2a", "request:7"),
    "trace:" + "a" * 32,
    *("ip:203.0.113.7", "ip:203.0.113.0/24", "ip:203.0.0.0/16", "ip:0.0.0.0/0"),
    *("ip:2001:db8::/32", "ip:10.0.0.0/28"),
    *("status:404", "status:4xx", "status:>=400", "status:<404", "status:>4xx", "status:200,500"),
    *("duration:>250ms", "duration:<=3s", "duration:>=250.5"),
    *("path:/orders/", "path:*.pdf", "path:/o*7*", "query:utm", "method:post", "view:shop:*"),
    *("view:other", "exception:valueerror", "browser:fire", "device:bot", "referer:x", "os:x"),
    *(f"is:{kind}" for kind in KINDS),
    *(f"has:{name}" for name in HAS),
    *("has:extra.total", "has:extra.order.total", "extra.total:7", "extra.total:true"),
    *("extra.total:>7", "extra.total:<=7.5", "extra.order.total:a*", "extra.order.total:7"),
    "extra.total:x",
]
NODES = st.recursive(
    st.sampled_from(TERMS),
    lambda node: (
        st.tuples(node, node).map(lambda pair: f"({pair[0]} OR {pair[1]})")
        | st.tuples(node, node).map(lambda pair: f"({pair[0]} {pair[1]})")
        | node.map(lambda text: f"-({text})")
    ),
    max_leaves=4,
)


@st.composite
def events(draw):
    """Return a record of ``log()`` or of a request, with the user to pass as a name."""
    facts = {name: value for name, value in draw(FACTS).items() if value is not None}
    own = (
        {name: facts.pop(name) for name in draw(st.sets(st.sampled_from([*facts]))) & {*facts}}
        if facts
        else {}
    )
    return (
        draw(st.sampled_from(["LOGIN", "Login", "LOGOUT", "PAID"])),
        draw(st.sampled_from([None, "", "anna", "Anna", "ben"])),
        own,
        facts,
        draw(st.booleans()),
        draw(st.sampled_from([None, 200, 404, 500])),
    )


def record_of(users, widget, action, user, own, facts, is_request, status):
    who = AnonymousUser() if user == "" else users.get(user)
    record = Record.build(who, action, own, widget, facts=facts)
    if not is_request:
        return record
    return record._replace(is_request=True, status=status)


@pytest.fixture
def site(db):
    names = ["anna", "ben"] if connection.vendor == "mysql" else ["anna", "Anna", "ben"]
    users = {name: User.objects.create_user(name) for name in names}
    return users, Widget.objects.create(name="Foo")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(events(), min_size=1, max_size=6), searches=st.lists(NODES, min_size=8))
def test_a_search_selects_what_it_finds_in_the_database(site, rows, searches):
    users, widget = site
    Log.objects.all().delete()
    objects = [widget if number % 2 else None for number in range(len(rows))]
    records = [record_of(users, obj, *row) for obj, row in zip(objects, rows, strict=True)]
    DatabaseBackend().write(records)
    found = [Event(record.to_json()) for record in records]
    for search in searches:
        selects = compile_selection(search)
        expected = {str(uid) for uid in Log.objects.search(search).values_list("uid", flat=True)}
        assert {event.id for event in found if selects(event)} == expected, search


def test_each_key_of_the_search_language_is_decided_or_refused():
    assert {*FILTERS} == {*MATCHERS} | {*REFUSED} - {""}


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ("last:1h", "last:1h: A target gets each event once"),
        ("login", "login: The meaning of a word depends"),
        ("user:anna@example.com", "user:anna@example.com: Events do not have the e-mail address"),
        ("status:40", "status:40: '40' is not a status"),
        ("trace:3f2a", "'3f2a' is not a trace ID"),
        ("device:phone", "Unknown device 'phone'"),
        ("acton:x", "Unknown key 'acton'"),
        ("obj:shop.nothing", "Unknown object type 'shop.nothing'"),
        ("ip:2001:db8::/33", "An IPv6 network needs"),
        ("is:x", "Unknown kind 'x'"),
        ("has:x", "Unknown field 'x'"),
        ("action:", "The term has no value"),
        ("(action:x", "The bracket"),
        ("action:x " * 300, "characters"),
    ],
)
def test_a_search_that_an_event_cannot_decide_is_refused_with_its_term(search, reason):
    with pytest.raises(UndecidableSearch) as caught:
        compile_selection(search)
    assert reason in str(caught.value)


def test_a_text_that_is_not_an_address_is_in_no_network():
    record = Record.build(None, "A")._replace(ip="unix")
    assert not compile_selection("ip:0.0.0.0/0")(Event(record.to_json()))


def test_an_empty_search_selects_each_event():
    assert compile_selection("")(Event(Record.build(None, "A").to_json()))
