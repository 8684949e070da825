import re
from datetime import timedelta
from math import inf
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from eventlog import admin
from eventlog.counts import period as period_counts
from eventlog.models import Log, log

from .events import found_by, write_request

pytestmark = pytest.mark.django_db

PAGE = "/admin/eventlog/log/overview/"


@pytest.fixture(autouse=True)
def _quiet(settings, monkeypatch):
    settings.EVENTLOG = {"REQUESTS": []}
    monkeypatch.setattr(admin, "COUNTING_SECONDS", inf)  # so that a slow machine counts all hours


@pytest.fixture
def _traffic(anna):
    User.objects.filter(pk=anna.pk).update(date_joined=timezone.now() - timedelta(days=100))
    new = User.objects.create_user("new")
    for n in range(40):
        write_request(
            action=f"GET_{n % 4}",
            user=(anna, new, None)[n % 3],
            timestamp=timezone.now() - timedelta(hours=n),
            extra={
                "status": (200, 200, 404, 500)[n % 4],
                "view": f"page-{n % 4}",
                "duration_ms": n,
                "device_type": "bot" if n % 4 == 1 else "pc",
                "browser": "Firefox 120.0",
                "ip": f"192.0.2.{n % 4}",
            },
        )


def figures(response):
    return {each.name: each.text for each in response.context["overview"].figures()}


@pytest.mark.usefixtures("_traffic")
def test_the_figures_of_a_period(root):
    assert figures(root.get(PAGE, {"period": "7d"})) == {
        "Events": "40",
        "Requests": "40",
        "Client errors": "10",
        "Server errors": "10",
        "Median": "19 ms",
        "p95": "47 ms",
        "p99": "49 ms",
        "Bots": "10",
        "Users": "2",
        "New users": "1",
        "Returning": "1",
    }


@pytest.mark.usefixtures("_traffic")
def test_bots_are_a_share_of_the_requests_and_not_among_the_browsers(root):
    html = root.get(PAGE, {"period": "7d"}).content.decode()
    assert re.search(r">10</bdi></a>\s*<small><bdi>25 % of requests<", html)
    assert "Without bots." in html


def test_values_of_the_application_are_not_counted_as_requests(root):
    own = {"status": 500, "view": "own-view", "browser": "Own", "os": "Own", "device_type": "bot"}
    log(None, "PAID", extra={**own, "duration_ms": 9999})
    response = root.get(PAGE)
    shown = figures(response)
    assert [shown[name] for name in ("Requests", "Server errors", "Bots")] == ["0", "0", "0"]
    assert "own-view" not in response.content.decode()
    assert ">Own<" not in response.content.decode()


@pytest.mark.usefixtures("_traffic")
@pytest.mark.parametrize("period", ["24h", "7d", "30d", "180d", "odd"])
@pytest.mark.parametrize("by", ["status", "action", "odd"])
def test_every_bar_and_name_links_to_its_number_of_events(root, period, by):
    response = root.get(PAGE, {"period": period, "by": by})
    overview = response.context["overview"]
    assert sum(whole for _, _, whole, _ in overview.timeline()["table"]) == overview.total
    html = response.content.decode()
    links = re.findall(r'<a href="([^"]+)"[^>]*><rect[^>]*><title>[^<]* · ([\d,]+)<', html)
    links += re.findall(r'<a href="([^"]+)"><bdi>[^<]+</bdi></a></th><td><bdi[^>]*>([\d,]+)<', html)
    of_table = re.findall(r'<td><a href="([^"]+)">(\d+)</a></td>', html)
    assert len(links) > 10
    assert of_table
    assert set(of_table) <= set(links)
    for address, count in links:
        found = found_by(address.replace("&amp;", "&"))
        if "others" not in address:
            assert len(found) == int(count.replace(",", "")), address
    shown = root.get(links[0][0].replace("&amp;", "&")).context["cl"]
    assert len(shown.result_list) == int(links[0][1].replace(",", ""))


@pytest.mark.usefixtures("_traffic")
def test_charts_are_well_formed_and_have_a_table(root):
    html = root.get(PAGE).content.decode()
    html = html[html.index('class="figures"') :]
    charts = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(charts) > 10
    for chart in charts:
        ElementTree.fromstring(chart)
    assert html.count("As a table") == 2


def test_an_empty_log_has_an_overview(root):
    assert figures(root.get(PAGE))["Events"] == "0"


@pytest.mark.usefixtures("_traffic")
def test_the_page_names_hours_that_are_not_counted_yet(root, monkeypatch):
    monkeypatch.setattr(admin, "COUNTING_SECONDS", -1)
    assert "are not counted yet" in root.get(PAGE, {"period": "7d"}).content.decode()
    monkeypatch.setattr(admin, "COUNTING_SECONDS", inf)
    assert "not counted yet" not in root.get(PAGE, {"period": "7d"}).content.decode()


def test_a_site_without_time_zones_has_an_overview(root, settings):
    settings.USE_TZ = False
    at = timezone.now() - timedelta(hours=30)
    write_request({"status": 500}, timestamp=at)
    response = root.get(PAGE, {"period": "7d", "by": "status"})
    assert figures(response)["Server errors"] == "1"
    links = {row[3] for row in response.context["overview"].figures() if row[1] == "1"}
    assert links
    for address in links:
        assert len(root.get(address).context["cl"].result_list) == 1


@pytest.fixture
def only(monkeypatch):
    """Return a function that hides events from staff."""

    def narrow(**condition):
        everything = admin.LogAdmin.get_queryset
        monkeypatch.setattr(
            admin.LogAdmin,
            "get_queryset",
            lambda self, request: everything(self, request).filter(**condition),
        )

    return narrow


@pytest.mark.usefixtures("_traffic")
@pytest.mark.parametrize("period", ["24h", "7d", "30d", "180d"])
def test_restricted_staff_see_figures_of_their_events(root, only, anna, period):
    root.get(PAGE, {"period": period})  # counts all events
    only(user=anna)
    response = root.get(PAGE, {"period": period, "by": "action"})
    overview, html = response.context["overview"], response.content.decode()
    start = overview.start
    assert overview.total == Log.objects.filter(user=anna, timestamp__gte=start).count()
    assert overview.users() == (1, 0 if period == "180d" else 1)
    assert "You may see only some of the events" in html
    for _name, marks, count, address in overview.timeline()["table"]:
        assert count == sum(mark.amount for mark in marks)
        assert count == len(root.get(address).context["cl"].result_list)
    assert "192.0.2.1" in html


@pytest.mark.usefixtures("_traffic")
def test_staff_who_may_see_no_events_see_no_figures(root, only):
    root.get(PAGE, {"period": "7d"})
    only(pk=0)
    response = root.get(PAGE, {"period": "7d"})
    assert set(figures(response).values()) == {"0"}
    assert "page-1" not in response.content.decode()


@pytest.mark.usefixtures("_traffic")
def test_only_the_newest_events_are_counted_for_restricted_staff(root, only, monkeypatch):
    monkeypatch.setattr(period_counts, "MAX_NEWEST_EVENTS", 12)
    only(action__startswith="GET")
    response = root.get(PAGE, {"period": "7d"})
    overview = response.context["overview"]
    assert "The figures cover the newest 12 of these events" in response.content.decode()
    assert [overview.total] == [len(root.get(overview.figures()[0][3]).context["cl"].result_list)]
    for _name, _marks, count, address in overview.timeline()["table"]:
        assert count == len(root.get(address).context["cl"].result_list)
