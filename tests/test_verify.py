from datetime import timedelta
from io import StringIO
from math import inf

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog import admin
from eventlog.counts import verify
from eventlog.counts.period import PeriodCounts
from eventlog.datetimes import hour_of
from eventlog.models import Log
from eventlog.models.hourly import CountedHour, HourCount

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOW = timezone.now()


@pytest.fixture(autouse=True)
def _counted(settings):
    settings.EVENTLOG = {"REQUESTS": []}
    Log.objects.bulk_create(
        Log(action="X", timestamp=hour_of(NOW) - timedelta(hours=n // 2, minutes=-n % 60))
        for n in range(4, 200)
    )
    count()


def count(*args):
    out = StringIO()
    call_command("eventlog_count", *args, stdout=out)
    return out.getvalue()


def total():
    return PeriodCounts(NOW - timedelta(days=7), timezone.now()).totals("all")[""]


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def removed():
    execute("DELETE FROM eventlog_log WHERE id % 7 = 0")


def added():
    execute(
        "INSERT INTO eventlog_log (action, timestamp, extra, user_repr, object_repr) "
        "SELECT action, timestamp, extra, '', '' FROM eventlog_log WHERE id % 5 = 0"
    )


@pytest.mark.parametrize("change", [removed, added])
@pytest.mark.parametrize("arguments", [[], ["--verify"]])
def test_the_next_count_finds_changes_by_sql(change, arguments):
    change()
    assert total() != Log.objects.count()
    assert "hours differed from the events" in count(*arguments)
    assert total() == Log.objects.count()
    assert "differed" not in count(*arguments)


def test_a_visit_to_the_overview_compares_some_hours(admin_client, monkeypatch):
    monkeypatch.setattr(admin, "COUNTING_SECONDS", inf)  # so that a slow machine counts all hours
    removed()
    admin_client.get("/admin/eventlog/log/overview/", {"period": "7d"})
    assert total() == Log.objects.count()  # because there are few events


def test_one_visit_compares_a_bounded_number_of_events():
    removed()
    for _ in range(50):
        assert verify.mark_some_differing_hours("default", hours=10, events=6) <= 10
    assert CountedHour.objects.filter(stale=True).count() > 10
    HourCount.objects.filter(dimension="all").update(count=10**6)
    # Every hour has more events than the limit.
    assert verify.mark_some_differing_hours("default", hours=10) == 0


def test_counting_stops_at_one_event_more_than_expected():
    added()
    with CaptureQueriesContext(connection) as queries:
        verify.mark_all_differing_hours("default")
    of_events = [query["sql"] for query in queries if "eventlog_log" in query["sql"]]
    assert of_events
    assert all("LIMIT" in sql for sql in of_events)


def test_verify_finds_an_event_that_moved_to_the_next_hour():
    event = Log.objects.earliest("timestamp")
    execute(
        f"UPDATE eventlog_log SET timestamp = (SELECT t FROM (SELECT MAX(timestamp) AS t "
        f"FROM eventlog_log WHERE id < {event.pk - 20}) AS other) WHERE id = {event.pk}"
    )
    assert "2 hours differed" in count("--verify")
