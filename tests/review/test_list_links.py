"""The links of the list: their times, the last page, the permanent link; and its counts."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from eventlog.review.search.time_filters import time_as_term

from ..events import found_by, write_request

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
OVERVIEW = f"{LIST}overview/"
NOON = datetime(2026, 5, 1, 10, tzinfo=UTC)  # 12:00 in Berlin
DAY = "from:2026-05-01 to:2026-05-01"


@pytest.fixture(autouse=True)
def _quiet(settings, monkeypatch):
    settings.EVENTLOG = {"REQUESTS": []}
    monkeypatch.setattr("eventlog.admin.LogAdmin.list_per_page", 2)


@pytest.fixture
def five(db):
    """Write five requests, a minute apart; the last one is slow."""
    for n in range(5):
        facts = {"duration_ms": 10 if n else 3000, "path": "/"}
        write_request(facts, action=f"E{n}", timestamp=NOON - timedelta(minutes=n))


def show(root, query="", **params):
    response = root.get(LIST, {"q": query, **params})
    html = re.sub(r"<[^>]+>", " ", response.content.decode())
    return response.context["cl"], " ".join(html.split())


def query_of(address):
    return parse_qs(urlsplit(address).query)["q"][0]


# Pages


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("query", ["", "path:/"])
def test_the_page_of_the_oldest_events_has_no_older_page(root, query):
    cl, page = show(root, query, newer="oldest")
    assert [event.action for event in cl.result_list] == ["E3", "E4"]
    assert cl.older_address is None
    assert "Oldest" not in page
    assert "Newest" in page


# Counts


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("query", "text"),
    [
        (f"path:/ {DAY}", "5 events, 2 shown"),
        (f"duration:<1s {DAY}", "4 events, 2 shown"),
        ("path:/ to:2026-05-01", "at least 5 events, 2 shown"),
        (f"duration:>1s {DAY}", "1 event "),
        (f"action:E* {DAY}", "5 events "),
    ],
)
def test_a_search_without_an_index_has_the_number_of_the_chart(root, query, text):
    assert f" {text}" in show(root, query)[1]


@pytest.mark.usefixtures("five")
def test_a_chart_that_has_not_counted_all_events_is_a_minimum(root, monkeypatch):
    monkeypatch.setattr("eventlog.review.histogram.SCAN_LIMIT", 3)
    assert "at least 4 events, 2 shown" in show(root, f"path:/ {DAY}")[1]


# Times


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-05-01T12:00"),
        (NOON + timedelta(seconds=5), "2026-05-01T12:00:05"),
        # Berlin has this hour twice.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T02:30+02:00"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25T02:30+01:00"),
    ],
)
def test_a_time_of_a_term_has_no_offset_unless_the_clocks_show_it_twice(moment, text):
    assert time_as_term(moment) == text


@pytest.mark.usefixtures("five")
def test_links_to_a_period_have_short_times(root):
    earlier = show(root, "from:2026-05-01T12:00 to:2026-05-01T13:00")[0].chart.earlier
    assert query_of(earlier) == "from:2026-05-01T11:00 to:2026-05-01T12:00"
    event = show(root)[0].result_list[0]
    around = root.get(f"{LIST}{event.pk}/change/").content.decode()
    assert "%2B0" not in around.partition("What else")[2].partition("</fieldset>")[0]


# The permanent link


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (DAY, "from:2026-05-01T00:00:00+02:00 to:2026-05-02T00:00:00+02:00"),
        ("at:2026-05-01T12:00", "from:2026-05-01T11:59:00+02:00 to:2026-05-01T12:02:00+02:00"),
    ],
)
def test_a_permanent_link_has_the_offset_of_its_times(root, query, expected):
    cl, page = show(root, query, newer="oldest")
    assert query_of(cl.absolute_address) == expected
    assert f"http://testserver{LIST}?" in page
    assert cl.absolute_address.endswith("newer=oldest")
    with timezone.override("Asia/Tokyo"):
        assert show(root, query_of(cl.absolute_address), newer="oldest")[0].result_count == 2


@pytest.mark.usefixtures("five")
def test_a_permanent_link_without_a_period_has_an_end(root):
    address = show(root, "path:/")[0].absolute_address
    write_request({"path": "/"}, action="LATER", timestamp=timezone.now())
    assert len(found_by(address)) == 5


def test_a_permanent_link_of_a_search_with_an_error_keeps_the_search(root):
    assert query_of(show(root, "colour:red last:24h")[0].absolute_address) == "colour:red last:24h"


# The overview


@pytest.mark.parametrize(
    ("query", "period"),
    [("action:X", "24h"), ("action:X last:7d", "7d"), ("from:2020-01-01", "180d")],
)
def test_the_link_to_the_overview_keeps_the_search_and_covers_its_period(root, query, period):
    response = root.get(OVERVIEW + show(root, query)[0].overview_query)
    overview = response.context["overview"]
    assert (overview.links.query, overview.period) == (query, period)


def test_without_a_search_the_link_to_the_overview_has_no_search(root):
    assert show(root)[0].overview_query == ""
