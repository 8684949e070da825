"""The search of the overview: its figures, and links that keep it."""

import re
from datetime import timedelta
from math import inf

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog import admin, formats
from eventlog.counts import period as period_counts
from eventlog.models import Log, log
from eventlog.review import dashboard, matching_counts, rankings

from .events import found_by, write_request

pytestmark = pytest.mark.django_db

PAGE = "/admin/eventlog/log/overview/"


@pytest.fixture(autouse=True)
def _quiet(settings, monkeypatch):
    settings.EVENTLOG = {"REQUESTS": []}
    monkeypatch.setattr(admin, "COUNTING_SECONDS", inf)  # so that a slow machine counts all hours


@pytest.fixture
def traffic(anna):
    for n in range(40):
        user = anna if n % 3 else None
        write_request(
            {
                "status": (200, 404, 410, 500)[n % 4],
                "view": f"page-{n % 4}",
                "duration_ms": n,
                "device_type": "pc",
                "ip": f"192.0.2.{n % 4}",
                **({"exception": "KeyError"} if n % 4 == 3 else {}),
            },
            action=f"GET_{n % 4}",
            user=user,
            user_repr=str(user or ""),
            timestamp=timezone.now() - timedelta(hours=n),
        )
        # An event that is not a request, with the facts of one.
        log(anna, "OWN", extra={"view": "page-1", "device_type": "pc"})


def show(client, **query):
    response = client.get(PAGE, query)
    return response.context["overview"], response.content.decode()


SEARCHES = [
    "user:anna",
    "status:404,500",
    "status:>=410 action:GET_2",
    "action:GET_1,GET_2 -ip:192.0.2.1",
    "user:anna OR status:404",
    "view:page-1 -status:500",
    "last:30h is:request",
    "ip:192.0.2.0/30 from:2020-01-01",
    "has:exception device:pc",
]


@pytest.mark.parametrize("query", SEARCHES)
@pytest.mark.parametrize("by", ["status", "action"])
def test_figures_and_links_of_a_search_have_its_events(root, traffic, query, by):
    overview, html = show(root, period="7d", by=by, q=query)
    found = Log.objects.search(query).filter(timestamp__gte=overview.start)
    assert overview.total == found.count() > 0
    # Without the segments of others, which link to the whole bar.
    bars = r'<a href="([^"]+)"[^>]*><rect[^>]*><title>[^<]* · (?!others)\w+ · (\d+)<'
    links = re.findall(bars, html)
    rows = [row for ranking in overview.rankings() for row in ranking.rows if row.address]
    links += [(row.address, row.figure) for row in rows if row.figure.isdecimal()]
    links += [(each.address, each.text) for each in overview.figures()[:4]]
    assert len(links) > 10
    for address, number in links:
        assert len(found_by(address.replace("&amp;", "&"))) == int(number), address
    shown = root.get(links[0][0].replace("&amp;", "&")).context["cl"]
    assert len(shown.result_list) == int(links[0][1])


def test_all_links_of_the_page_keep_the_search(root, traffic):
    overview, html = show(root, period="7d", q="user:anna")
    kept = [each.address for each in (*overview.links.periods, *overview.links.stackings)]
    kept += [overview.links.list_address, overview.timeline()["table"][0][3]]
    assert all("q=user%3Aanna" in address for address in kept)
    assert 'value="user:anna" id="searchbar"' in html
    assert '<input type="hidden" name="period" value="7d">' in html


def test_a_search_with_an_error_shows_no_figures(root, traffic):
    overview, html = show(root, q="user:anna colour:red")
    assert overview.links.errors
    assert "Nothing was counted, because a term of the search is not valid." in html
    assert "Unknown key &#x27;colour&#x27;" in html
    assert 'class="figures"' not in html
    assert "?period=24h&amp;by=status&amp;q=user%3Aanna" in html
    assert overview.total == 0


def test_a_hint_is_shown(root, traffic):
    _overview, html = show(root, q="action:GET_9")
    assert "No event has the action" in html
    assert "No event of this period matches the search." in html


def test_the_newest_events_of_a_search_are_counted(root, traffic, monkeypatch):
    monkeypatch.setattr(period_counts, "MAX_NEWEST_EVENTS", 12)
    monkeypatch.setattr(matching_counts, "MAX_NEWEST_EVENTS", 12)
    overview, html = show(root, period="7d", q="action:GET_1,GET_2")
    assert "The figures are counted among the newest 10,000 events that match, since" in html
    assert "because only the newest events are counted" in html
    assert 0 < overview.total <= 12
    address = overview.figures()[0].address
    assert len(root.get(address).context["cl"].result_list) == overview.total


def test_a_search_without_an_index_checks_the_newest_events(root, traffic, monkeypatch):
    monkeypatch.setattr(matching_counts, "MAX_CHECKED_EVENTS", 60)
    overview, html = show(root, period="7d", q="method:GET OR has:status")
    assert "No index serves this search." in html
    assert overview.counts.is_cut
    assert 0 < overview.total < 40
    address = overview.figures()[0].address
    assert len(root.get(address).context["cl"].result_list) == overview.total


def test_the_users_of_a_search_are_counted(root, traffic, anna):
    overview, _html = show(root, period="7d", q="status:404")
    assert overview.users() == (1, 0)


def test_pages_are_slow_from_a_number_of_requests_on(root, monkeypatch):
    monkeypatch.setattr(rankings, "MIN_SLOW_PAGE_REQUESTS", 2)
    for view, took in (("slow", 900), ("slow", 950), ("fast", 3), ("fast", 4), ("rare", 9000)):
        write_request({"view": view, "duration_ms": took, "status": 200})
    overview, html = show(root)
    (slowest,) = [each for each in overview.rankings() if each.title == "Slowest pages"]
    assert [(row.name, row.figure, *row.more) for row in slowest.rows] == [
        ("slow", "975 ms", "2"),
        ("fast", "5 ms", "2"),
    ]
    assert "Pages with at least 2 requests." in html


def test_a_ranking_without_rows_is_left_out(root):
    log(None, "X")
    overview, html = show(root)
    assert [each.title for each in overview.rankings()] == ["Actions"]
    assert "Errors by page" not in html
    assert "None." not in html


def test_the_busiest_users_are_ranked(root, anna):
    log(anna, "X")
    log(anna, "X")
    log(None, "X")
    overview, _html = show(root)
    (users,) = [each for each in overview.rankings() if each.title == "Users"]
    assert [(row.name, row.figure) for row in users.rows] == [("anna", "2")]
    assert len(root.get(users.rows[0].address).context["cl"].result_list) == 2


@pytest.mark.parametrize(
    ("period", "width"),
    [("24h", "1 hour"), ("7d", "6 hours"), ("30d", "1 day"), ("180d", "5 days")],
)
def test_the_page_says_how_long_a_bar_is(root, period, width):
    log(None, "X")
    assert f"one bar = {width}" in show(root, period=period)[1]


def test_the_page_says_since_when_events_are_there(root):
    log(None, "X", dateof=timezone.now() - timedelta(hours=2))
    oldest = timezone.localtime(Log.objects.get().timestamp)
    text = f"Events before {formats.minute(oldest)} were deleted or not recorded."
    assert text in show(root)[1]
    log(None, "OLD", dateof=timezone.now() - timedelta(days=3))
    assert text not in show(root)[1]


@pytest.mark.parametrize("query", ["", "user:anna", "path:/a/"])
def test_the_number_of_queries_does_not_grow_with_the_events(root, anna, query, monkeypatch):
    # A visit compares some hours from a random hour on, so its number of queries varies.
    monkeypatch.setattr(dashboard, "mark_some_differing_hours", lambda using: 0)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            show(root, period="7d", q=query)
        return len(captured)

    def write(number, user):
        for n in range(number):
            write_request(
                {"view": f"page-{n}", "status": 500, "exception": f"E{n}", "path": "/a/"},
                user=user,
                user_repr=str(user),
                timestamp=timezone.now() - timedelta(hours=n % 60 * 4),
            )

    write(60, anna)
    queries()
    few = queries()
    for n in range(10):
        write(60, type(anna).objects.create_user(f"user{n}"))
    queries()
    assert queries() == few
