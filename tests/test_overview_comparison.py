"""The overview compares each figure with the same weekdays before."""

from datetime import timedelta
from math import inf

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from eventlog import admin
from eventlog.counts.buckets import PERIODS
from eventlog.models import Log, log
from eventlog.review.comparison import figure_change, shift_of

from .events import write_request

pytestmark = pytest.mark.django_db

PAGE = "/admin/eventlog/log/overview/"
SHIFTS = [("24h", 7), ("7d", 7), ("30d", 35), ("180d", 182)]


@pytest.fixture(autouse=True)
def _quiet(settings, monkeypatch):
    settings.EVENTLOG = {"REQUESTS": []}
    monkeypatch.setattr(admin, "COUNTING_SECONDS", inf)  # so that a slow machine counts all hours


def ago(**span):
    return timezone.now() - timedelta(**span)


def request_ago(days, user=None, **extra):
    values = {"timestamp": ago(days=days, hours=2), "user": user, "user_repr": str(user or "")}
    write_request({"status": 200, "duration_ms": 40, "view": "page", **extra}, **values)


def show(client, **query):
    response = client.get(PAGE, query)
    return response.context["overview"], response.content.decode()


def changes(overview):
    return {each.name: each.change and each.change.text for each in overview.figures()}


@pytest.mark.parametrize(("period", "days"), SHIFTS)
def test_a_period_is_compared_with_whole_weeks_before(period, days):
    shift = shift_of(PERIODS[period])
    assert shift == timedelta(days=days)
    assert shift >= PERIODS[period]


@pytest.mark.parametrize(("period", "days"), SHIFTS)
def test_every_figure_has_its_change(root, anna, period, days):
    User.objects.filter(pk=anna.pk).update(date_joined=ago(days=900))
    other = User.objects.create_user("other")
    log(None, "FIRST", dateof=ago(days=500))
    request_ago(days, anna, status=404)
    request_ago(days, anna, status=500, device_type="bot")
    for user in (anna, other, None):
        request_ago(0, user, status=404, duration_ms=400)
    overview, html = show(root, period=period)
    assert overview.not_compared == ""
    assert changes(overview) == {
        "Events": "+50 %",
        "Requests": "+50 %",
        "Client errors": "+200 %",
        "Server errors": "\N{MINUS SIGN}100 %",
        "Median": "+900 %",
        "p95": "+900 %",
        "p99": "+900 %",
        "Bots": "\N{MINUS SIGN}100 %",
        "Users": "+100 %",
        "New users": None,
        "Returning": "±0 %",
    }
    assert "50 percent more than in the period before: 2" in html
    assert "Changes are relative to the period from" in html


def test_the_same_hours_of_the_weekday_before_are_compared(root):
    log(None, "FIRST", dateof=ago(days=20))
    for hours in (1, 23):
        log(None, "X", dateof=ago(hours=hours))
        log(None, "X", dateof=ago(days=7, hours=hours))
    log(None, "LATER", dateof=ago(days=7) + timedelta(minutes=1))
    log(None, "YESTERDAY", dateof=ago(days=1, hours=4))
    overview, _html = show(root)
    assert changes(overview)["Events"] == "±0 %"


def test_nothing_is_compared_with_nothing(root):
    log(None, "FIRST", dateof=ago(days=20))
    log(None, "X", dateof=ago(hours=1))
    overview, html = show(root)
    assert overview.not_compared == ""
    assert set(changes(overview).values()) == {None}
    assert 'class="change"' not in html


def test_a_period_before_without_all_its_events_is_not_compared(root):
    for days in (8, 2, 0):
        request_ago(days)
    overview, html = show(root, period="7d")
    assert set(changes(overview).values()) == {None}
    assert "events of the period before were deleted or not recorded" in html


@pytest.mark.parametrize("days", [8, 2])
def test_a_period_that_is_not_counted_is_not_compared(root, monkeypatch, days):
    for age in (20, 9, 3, 0):
        request_ago(age)
    assert changes(show(root, period="7d")[0])["Events"] == "+100 %"
    monkeypatch.setattr(admin, "COUNTING_SECONDS", -1)
    request_ago(days)
    Log.objects.bulk_create(
        [Log(action="X", timestamp=ago(days=days, hours=hour)) for hour in (3, 4)]
    )
    overview, html = show(root, period="7d")
    assert set(changes(overview).values()) == {None}
    assert "of the two periods" in html
    assert "not counted yet" in html


@pytest.mark.parametrize("query", ["action:X", "action:X from:2000-01-01"])
def test_the_figures_of_a_search_are_compared(root, query):
    log(None, "FIRST", dateof=ago(days=20))
    for days, number in ((7, 1), (0, 2)):
        for _ in range(number):
            log(None, "X", dateof=ago(days=days, hours=2))
            log(None, "OTHER", dateof=ago(days=days, hours=2))
    overview, html = show(root, q=query)
    if "from:" in query:
        assert "because the search has a period of its own" in html
        assert changes(overview)["Events"] is None
    else:
        assert changes(overview)["Events"] == "+100 %"


def test_exceptions_that_did_not_occur_before_are_new(root):
    log(None, "FIRST", dateof=ago(days=20))
    for days, name in ((7, "KeyError"), (0, "KeyError"), (0, "ValueError"), (0, "ValueError")):
        request_ago(days, status=500, exception=name)
    overview, html = show(root, period="7d")
    (ranking,) = [each for each in overview.rankings() if each.title == "New errors"]
    assert [(row.name, row.figure) for row in ranking.rows] == [("ValueError", "2")]
    assert len(root.get(ranking.rows[0].address).context["cl"].result_list) == 2
    assert "Exceptions that did not occur in the period before." in html
    Log.objects.filter(action="FIRST").delete()
    Log.objects.filter(timestamp__lt=ago(days=3)).delete()
    assert "New errors" not in show(root, period="7d")[1]


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (5, 0, None),
        (0, 5, "\N{MINUS SIGN}100 %"),
        (56, 50, "+12 %"),
        (1000, 1001, "±0 %"),
        (11, 1, "+1,000 %"),
        (5340, 10, "534 \N{MULTIPLICATION SIGN}"),
    ],
)
def test_a_change_in_percent(now, before, text):
    found = figure_change(now, before, str(before))
    assert (found and found.text) == text
    if found:
        assert found.spoken.endswith(f": {before}")
