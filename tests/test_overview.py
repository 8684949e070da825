import re
from datetime import timedelta
from math import inf
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from eventlog import admin
from eventlog.models import Log

pytestmark = pytest.mark.django_db

PAGE = "/admin/eventlog/log/overview/"


@pytest.fixture(autouse=True)
def _quiet(settings, monkeypatch):
    settings.EVENTLOG = {"REQUESTS": []}
    monkeypatch.setattr(admin, "PATIENCE", inf)  # however slow the machine


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def _traffic(anna):
    User.objects.filter(pk=anna.pk).update(date_joined=timezone.now() - timedelta(days=100))
    new = User.objects.create_user("new")
    for n in range(40):
        Log.objects.create(
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
    return {name: figure for name, figure, _n, _a in response.context["overview"].figures()}


@pytest.mark.usefixtures("_traffic")
def test_the_figures_of_a_period(root):
    assert figures(root.get(PAGE, {"period": "7d"})) == {
        "Events": "40",
        "Requests": "40",
        "Server errors": "10",
        "Refused": "10",
        "Bots": "25 %",
        "Users": "2",
        "New users": "1",
        "Returning": "1",
    }


@pytest.mark.usefixtures("_traffic")
@pytest.mark.parametrize("period", ["24h", "7d", "30d", "180d", "odd"])
@pytest.mark.parametrize("by", ["status", "action", "odd"])
def test_every_mark_and_name_leads_to_as_many_events(root, period, by):
    response = root.get(PAGE, {"period": period, "by": by})
    overview = response.context["overview"]
    assert sum(whole for _, _, whole, _ in overview.pulse()["table"]) == overview.total
    html = response.content.decode()
    links = re.findall(r'<a href="([^"]+)"[^>]*><rect[^>]*><title>[^<]* · ([\d,]+)<', html)
    links += re.findall(r'<a href="([^"]+)"><bdi>[^<]+</bdi></a></th><td>([\d,]+)</td>', html)
    of_table = re.findall(r'<td><a href="([^"]+)">(\d+)</a></td>', html)
    assert len(links) > 10
    assert of_table
    assert set(of_table) <= set(links)
    for address, count in links:
        shown = root.get(address.replace("&amp;", "&")).context["cl"]
        assert not shown.search.misunderstood
        if "others" not in address:
            assert len(shown.result_list) == int(count.replace(",", "")), address


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
def test_hours_that_are_not_counted_yet_are_told(root, monkeypatch):
    monkeypatch.setattr(admin, "PATIENCE", -1)
    assert "are not counted yet" in root.get(PAGE, {"period": "7d"}).content.decode()
    monkeypatch.setattr(admin, "PATIENCE", inf)
    assert "not counted yet" not in root.get(PAGE, {"period": "7d"}).content.decode()


def test_a_site_without_time_zones_has_an_overview(root, settings):
    settings.USE_TZ = False
    at = timezone.now() - timedelta(hours=30)
    Log.objects.create(action="X", timestamp=at, extra={"status": 500})
    response = root.get(PAGE, {"period": "7d", "by": "status"})
    assert figures(response)["Server errors"] == "1"
    links = {row[3] for row in response.context["overview"].figures() if row[1] == "1"}
    assert links
    for address in links:
        assert len(root.get(address).context["cl"].result_list) == 1
