"""Links of an event's page to related events: what they count and what they find."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log
from eventlog.records.user_state import UserState
from eventlog.review import related, what_else
from eventlog.review.database_reader import DatabaseReader
from eventlog.review.search.query import Search

from ..events import request_row

pytestmark = pytest.mark.django_db

HERE, THERE = "192.0.2.7", "198.51.100.1"
NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.get_default_timezone())


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def record(minutes=0, *, ip=HERE, request_id=None, **values):
    facts = {"ip": ip, "request_id": request_id or f"at {minutes}"}
    row = request_row(facts, timestamp=NOON + timedelta(minutes=minutes), **values)
    row.save()
    return row


def items(event):
    found = what_else.what_else(event, DatabaseReader(), "admin")
    return {str(item.label): item for item in found.items}


def found_by(item):
    """Return the events that the link of an item finds."""
    (text,) = parse_qs(urlsplit(item.address).query)["q"]
    search = Search.parse(text)
    assert search.errors == []
    return Log.objects.filter(search.plan.condition)


def agree(event):
    """Check that each link finds as many events as its number says, this one included."""
    for item in items(event).values():
        count = found_by(item).count()
        assert item.number == what_else.count_in_words(count), item
        assert found_by(item).filter(pk=event.pk).exists(), item


def test_each_link_finds_the_events_it_counts(anna):
    rows = [
        record(minute, user=anna, user_repr="anna", obj=anna, ip=ip)
        for minute, ip in ((0, HERE), (5, HERE), (10, THERE), (15, HERE), (50, HERE))
    ]
    record(1, request_id="at 0", ip=THERE)
    record(2)
    record(3, user_repr="anna")  # an account that was deleted
    for event in (*rows, *Log.objects.all()):
        agree(event)
    found = items(rows[0])
    assert list(found) == [
        "Same request",
        "Same session of work",
        "Same user",
        "Same address",
        "Same object",
    ]
    assert found["Same request"].number == "2 events"
    assert found["Same object"].number == "5 events"
    assert found["Same user"].number.startswith("6" if has_names() else "5")


def has_names():
    return connection.features.supports_partial_indexes


def test_a_session_ends_at_a_gap_of_thirty_minutes(anna):
    rows = [record(minute, user=anna) for minute in (0, 29, 58, 88, 118)]
    record(30, user=anna, ip=THERE)
    record(31)
    first = items(rows[1])["Same session of work"]
    assert first.number == "3 events"
    assert first.note == "12:00 – 12:58"  # noqa: RUF001
    assert set(found_by(first)) == set(rows[:3])
    assert items(rows[3])["Same session of work"].number == "only this event"


def test_a_session_of_an_anonymous_visitor_has_no_events_of_users(anna):
    rows = [record(minute) for minute in (0, 10)]
    record(5, user=anna)
    record(6, user_repr="bob")
    session = items(rows[0])["Same session of work"]
    assert set(found_by(session)) == set(rows)


def test_an_event_whose_user_is_not_known_belongs_to_no_session():
    unknown, anonymous = record(0, user_state=UserState.UNKNOWN), record(1)
    assert "Same session of work" not in items(unknown)
    session = items(anonymous)["Same session of work"]
    assert [*found_by(session)] == [anonymous]
    assert session.number == "only this event"


@pytest.mark.parametrize(
    ("seconds", "note"),
    [(0, ""), (59, "12:00:00 – 12:00:59"), (60, "12:00 – 12:01")],  # noqa: RUF001
)
def test_a_session_of_less_than_a_minute_shows_seconds(anna, seconds, note):
    rows = [record(minutes, user=anna) for minutes in (0, seconds / 60)]
    assert items(rows[0])["Same session of work"].note == note


def test_a_session_that_passes_midnight_shows_dates():
    rows = [record(minute) for minute in (715, 730)]
    assert items(rows[0])["Same session of work"].note == "May 1 23:55 – May 2 00:10"  # noqa: RUF001


def test_a_session_beyond_the_limit_says_at_least(anna, monkeypatch):
    monkeypatch.setattr(related, "MAX_WALKED_EVENTS", 3)
    rows = [record(minute, user=anna) for minute in range(10)]
    session = items(rows[5])["Same session of work"]
    assert session.number == "at least 7 events"
    assert set(found_by(session)) == set(rows[2:9])


def test_the_limit_of_a_walk_matters_only_within_the_gap(anna, monkeypatch):
    monkeypatch.setattr(related, "MAX_WALKED_EVENTS", 1)
    rows = [record(minute, user=anna) for minute in (0, 100, 200)]
    assert items(rows[1])["Same session of work"].number == "only this event"


def test_many_events_are_more_than_a_thousand(anna, monkeypatch):
    Log.objects.bulk_create(
        request_row({"ip": HERE}, user=anna, timestamp=NOON - timedelta(days=number))
        for number in range(1001)
    )
    event = record(user=anna)
    assert items(event)["Same user"].number == "more than 1,000 events"
    for row in Log.objects.order_by("timestamp")[:2]:
        row.delete()
    assert items(event)["Same user"].number == "1,000 events"


def test_an_event_with_nothing_but_a_time_has_no_links():
    assert items(Log.objects.create(action="")) == {}


def test_an_event_without_an_address_has_no_session(anna):
    assert list(items(Log.objects.create(user=anna, action="X"))) == ["Same user"]


def test_a_request_is_found_within_its_span(monkeypatch):
    monkeypatch.setattr(related, "MAX_SCANNED_EVENTS", 3)
    event = record(0, request_id="r")
    near = record(-9, request_id="r")
    record(-11, request_id="r")
    for minute in range(1, 5):
        record(minute)
    record(6, request_id="r")
    assert set(found_by(items(event)["Same request"])) == {event, near}


def test_a_request_with_very_many_events_shows_some(monkeypatch):
    monkeypatch.setattr(what_else, "MAX_EVENTS_OF_REQUEST", 5)
    rows = [record(minute / 60, request_id="r") for minute in range(9)]
    found = what_else.what_else(rows[0], DatabaseReader(), "admin")
    assert found.same_request == rows[1:5]
    assert found.items[0].number == "9 events"


@pytest.mark.parametrize("name", ["anonymous", "a\0b", "x" * 255, 'a "b" c', "user:x"])
def test_odd_names_of_users(name):
    if "\0" in name and connection.vendor == "postgresql":
        pytest.skip("this database refuses it")
    event = record(user_repr=name, action=name)
    found = items(event)
    if "Same user" in found:
        assert found_by(found["Same user"]).exists()


@pytest.mark.parametrize("moment", ["0001-01-01T01:00:00", "9999-12-31T22:59:59"])
def test_an_event_at_the_ends_of_the_calendar(settings, moment):
    settings.USE_TZ = False
    event = request_row({"ip": HERE, "request_id": "r"}, timestamp=datetime.fromisoformat(moment))
    if connection.vendor == "postgresql" and moment < "1":
        pytest.skip("this database stores the time in a zone")
    event.save()
    assert items(event)["Same request"].number == "only this event"


def test_a_site_without_time_zones_has_the_same_links(settings, anna):
    settings.USE_TZ = False
    rows = [
        request_row(
            {"ip": HERE, "request_id": "r"}, user=anna, timestamp=datetime(2026, 5, 1, 12, n)
        )
        for n in range(3)
    ]
    for row in rows:
        row.save()
    agree(rows[1])


# Queries


def queries_of(get):
    with CaptureQueriesContext(connection) as captured:
        assert get().status_code == 200
    return [query["sql"] for query in captured]


def test_the_number_of_queries_does_not_depend_on_the_number_of_events(root, anna):
    def write(count):
        Log.objects.bulk_create(
            request_row(
                {"ip": HERE, "request_id": "r"},
                user=anna,
                user_repr="anna",
                content_type_id=event.content_type_id,
                object_id=str(anna.pk),
                timestamp=NOON + timedelta(seconds=number - count // 2),
            )
            for number in range(count)
        )

    event = record(user=anna, user_repr="anna", obj=anna, request_id="r")
    address = f"/admin/eventlog/log/{event.pk}/change/"
    write(4)
    root.get(address)
    few = queries_of(lambda: root.get(address))
    write(3000)
    many = queries_of(lambda: root.get(address))
    assert len(many) == len(few)
    # Two of them load the session and the user of the request.
    assert len(many) <= 21


def test_every_query_for_related_events_has_a_limit_or_keys(root, anna):
    event = record(user=anna, user_repr="anna", obj=anna, request_id="r")
    record(1, user=anna, user_repr="anna", obj=anna, request_id="r")
    for sql in queries_of(lambda: root.get(f"/admin/eventlog/log/{event.pk}/change/")):
        if "eventlog_log" in sql:
            assert "LIMIT " in sql or " IN (" in sql or "id` = " in sql or '"id" = ' in sql, sql


def test_a_namesake_in_other_letters_is_counted_like_the_list(anna):
    event = record(user=anna, user_repr="anna")
    record(1, user=User.objects.create_user("ANNA") if has_names() else anna, user_repr="ANNA")
    agree(event)
