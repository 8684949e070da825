"""Pages and queries read only the partitions that they need, as EXPLAIN shows."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from eventlog.models import Log
from eventlog.review import extra_loading
from eventlog.review.pagination import Cursor, estimate_row_count

from ..events import write_request
from ..shop.models import Widget
from .support import execute, in_month, months_read, only_months, this_month

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
MONTHS = range(-5, 1)
EVENTS_OF_MONTH = 120  # more than the list shows on a page
NEWEST = this_month(0)
# Parts of the queries of pages
OF_LIST, OF_NEIGHBOUR, BY_KEY = "LIMIT 101", "LIMIT 2", '"eventlog_log"."id" = '


@pytest.fixture(scope="module")
def filled(partitioned, django_db_blocker):
    """Write events of six months, each about one object and from one address."""
    with django_db_blocker.unblock():
        only_months(*MONTHS, 1)
        widget = Widget.objects.create(name="w")
        rows = [
            in_month(number, day=1, action=f"ACT{n % 3}", obj=widget, ip="192.0.2.7")
            for number in MONTHS
            for n in range(EVENTS_OF_MONTH)
        ]
        for n, row in enumerate(rows):
            row.timestamp += timedelta(minutes=n)
        Log.objects.bulk_create(rows)
        execute("ANALYZE eventlog_log")
    return widget


@pytest.fixture(autouse=True)
def _quiet(settings, filled, db):
    settings.EVENTLOG = {"REQUESTS": [], "ACCESS": {"export": False}}
    # PostgreSQL sorts tables as small as these instead of reading the index of times.
    execute("SET LOCAL enable_sort = off")


def months(*numbers):
    return {this_month(number) for number in numbers}


def oldest():
    return Log.objects.earliest("timestamp")


def test_the_first_page_reads_the_newest_months(root):
    assert months_read(lambda: root.get(LIST), OF_LIST) <= months(0, 1)


def test_a_page_behind_a_cursor_reads_its_month(root):
    event = Log.objects.filter(timestamp__lt=this_month(-2)).latest("timestamp")
    address = f"{LIST}?older={Cursor(event.timestamp, event.pk)}".replace("+", "%2B")
    assert months_read(lambda: root.get(address), OF_LIST) <= months(-3)


@pytest.mark.parametrize("search", ["ip:192.0.2.7", "action:ACT1", "obj:shop.widget:{pk}"])
def test_a_search_reads_the_newest_months_with_events(root, filled, search):
    query = search.format(pk=filled.pk)
    found = months_read(lambda: root.get(LIST, {"q": f"{query} last:20d"}))
    assert found <= months(-1, 0, 1)


def test_a_link_to_an_event_has_its_time(root):
    page = root.get(LIST).text
    newest = Log.objects.latest("timestamp")
    assert f"/{newest.pk}/change/?at={newest.timestamp:%Y-%m-%dT%H}" in page


def test_the_page_of_an_event_is_read_by_its_time():
    from eventlog.review import links

    event = oldest()
    events = Log.objects.filter(pk=event.pk, timestamp=event.timestamp)
    assert months_read(lambda: list(events)) == months(-5)
    assert links.event_address("admin", event.pk, event.timestamp).endswith("%2B00%3A00")


@pytest.mark.parametrize("query", ["", "?at=x", "?at=2026-01-01T00:00:00", "?at={time}"])
def test_old_addresses_and_wrong_times_lead_to_the_event_too(root, query):
    event = oldest()
    address = f"{LIST}{event.pk}/change/{query}".format(time=event.timestamp.isoformat())
    assert f"{event.action}" in root.get(address).text


def test_the_page_of_an_event_reads_its_month(root):
    event = oldest()
    address = f"{LIST}{event.pk}/change/?at={event.timestamp.isoformat()}".replace("+", "%2B")
    assert months_read(lambda: root.get(address), BY_KEY) == months(-5)
    assert months_read(lambda: root.get(address), OF_NEIGHBOUR) == months(-5)


def test_the_newest_events_of_an_object_come_from_the_newest_month(filled):
    some = Log.objects.for_object(filled)[:50]
    assert months_read(lambda: list(some)) <= months(0, 1)


def test_an_export_has_all_events_in_order(root):
    lines = csv.reader(StringIO(root.get(f"{LIST}export/csv/").getvalue().decode("utf-8-sig")))
    _head, *rows = lines
    times = [row[0] for row in rows]
    assert len(times) == len(MONTHS) * EVENTS_OF_MONTH
    assert times == sorted(times, reverse=True)


def test_a_large_document_is_exported_from_its_month(root):
    event = write_request({"text": "x" * 2**18}, timestamp=this_month(-3) + timedelta(days=9))
    (found,) = extra_loading.fetch(extra_loading.defer_large_extra(Log.objects.filter(pk=event.pk)))
    assert months_read(lambda: extra_loading.load_full_extra([found])) == months(-3)
    assert len(found.extra["text"]) == 2**18


def test_the_counts_are_those_of_all_partitions(root):
    assert estimate_row_count() == len(MONTHS) * EVENTS_OF_MONTH
    call_command("eventlog_count", verbosity=0)
    page = root.get(f"{LIST}overview/?period=180d")
    assert page.context["overview"].total >= EVENTS_OF_MONTH


def test_an_hour_is_counted_from_its_month():
    start = this_month(-4)
    some = Log.objects.between(start, start + timedelta(hours=1))
    assert months_read(some.count) == months(-4)


def test_the_events_of_a_person_are_erased(root):
    anna = User.objects.create_user("anna")
    for number in (-4, -1):
        in_month(number, user=anna, user_repr="anna", extra={"ip": "192.0.2.9"}).save()
    call_command("eventlog_person", "erase", "anna", "--yes", verbosity=0)
    assert not Log.objects.filter(user_repr="anna").exists()


def test_an_event_moves_to_the_partition_of_its_new_time():
    event = oldest()
    event.timestamp = timezone.now()
    event.save()
    assert months_read(lambda: list(Log.objects.filter(pk=event.pk).since(NEWEST))) <= months(0, 1)
    assert Log.objects.get(pk=event.pk).timestamp == event.timestamp
