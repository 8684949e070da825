"""The demo site, run by its commands, because it has its own settings."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
TIME = "[17/May/2015:10:05:03 +0000]"
LOG = rf"""
203.0.113.7 - - {TIME} "GET /a%20lamp/%E6%AF%9B?q=x&token=t0p HTTP/1.1" 200 12 "-" "{AGENT}"
2001:db8::7 - ada {TIME} "POST /nowhere HTTP/1.0" 500 - "https://a.example/?b=c" "-"
10.0.0.9 - - {TIME} "GET //x//y HTTP/1.1" 404 5 "-" "say \"hi\" \xc3\xa9"
this line is malformed
198.51.100.1 - - {TIME} "GET http://other.example/products HTTP/1.1" 404 5 "-" "curl/8.9.1"
198.51.100.2 - - {TIME} "OPTIONS * HTTP/1.0" 200 - "-" "curl/8.9.1"
198.51.100.3 - - {TIME} "GET /healthz HTTP/1.1" 200 3 "-" "kube-probe/1.31"
198.51.100.4 - - {TIME} "GET /static/shop/shop.css HTTP/1.1" 304 - "-" "{AGENT}"
198.51.100.5 - - {TIME} "\x16\x03\x01" 400 226 "-" "-"
""".lstrip()


class Demo:
    def __init__(self, folder):
        self.database = folder / "demo.sqlite3"
        self.env = os.environ | {
            "DEMO_DB": str(self.database),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
        }

    def manage(self, *arguments):
        command = [sys.executable, ROOT / "demo_site" / "manage.py", *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    def events(self, where="1"):
        connection = sqlite3.connect(self.database)
        query = f"SELECT action, extra, timestamp, user_repr FROM eventlog_log WHERE {where}"
        try:
            rows = connection.execute(f"{query} ORDER BY id").fetchall()
        finally:
            connection.close()
        return [
            {"action": action, "time": time, "user": user, **json.loads(extra)}
            for action, extra, time, user in rows
        ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.manage("migrate", "--verbosity=0")
    return demo


@pytest.fixture(scope="module")
def filled(demo):
    demo.filling = demo.manage("fill", "--requests=60")
    demo.filled = demo.events()
    return demo


@pytest.fixture(scope="module")
def incident(filled):
    """Add the incident twice, and return what the second run prints."""
    filled.manage("incident")
    filled.of_first_run = filled.events()
    return filled.manage("incident").stdout


@pytest.fixture(scope="module")
def replayed(filled):
    log = filled.database.with_name("access.log")
    log.write_text(LOG)
    filled.replaying = filled.manage("replay", str(log))
    filled.replayed = filled.events("action LIKE 'REPLAYED%'")
    return filled


def test_checks_find_nothing(demo):
    demo.manage("check", "--fail-level=WARNING")


def test_migrations_are_complete(demo):
    demo.manage("makemigrations", "--check")


def test_fill_reports_the_number_of_events(filled):
    assert filled.filling.stdout == f"60 requests sent, {len(filled.filled)} events recorded\n"
    assert len(filled.filled) > 60


def test_fill_spreads_its_events_over_the_last_days(filled):
    requests = [event["time"] for event in filled.filled if "status" in event]
    assert requests == sorted(requests)
    assert len({time[:10] for time in requests}) > 5


def test_fill_keeps_the_events_of_a_request_together(filled):
    times = {}
    for event in filled.filled:
        times.setdefault(event["request_id"], set()).add(event["time"][:15])  # to ten minutes
    assert all(len(seen) <= 2 for seen in times.values())


def test_fill_logs_by_rules_decorators_mixins_and_calls(filled):
    actions = {event["action"] for event in filled.filled}
    assert {"LOGGED_IN", "SEARCHED", "VIEWED_PRODUCT", "ORDER_PLACED", "GET_LOGIN"} <= actions


def test_only_the_crash_page_fails(filled):
    crashed = {event["path"] for event in filled.filled if event.get("status") == 500}
    assert crashed <= {"/crash/"}


def test_fill_reports_no_error(filled):
    assert "Traceback" not in filled.filling.stderr


def test_a_card_number_is_never_stored(filled):
    orders = [event for event in filled.filled if event["action"] == "ORDER_PLACED"]
    assert {order["card"] for order in orders} == {"********"}


def test_fill_changes_nothing_if_there_are_events(filled):
    assert filled.manage("fill", "--if-empty").stdout == ""
    assert filled.events("action NOT LIKE 'REPLAYED%'") == filled.filled


@pytest.mark.usefixtures("incident")
def test_the_searches_of_the_incident_are_slow_and_by_one_client(filled):
    searches = filled.events("action = 'SEARCHED' AND ip = '203.0.113.177'")
    assert len(searches) == 240
    assert {event["user"] for event in searches} == {"alan"}
    assert min(event["duration_ms"] for event in searches) > 2000


@pytest.mark.usefixtures("incident")
def test_the_incident_begins_at_a_fixed_minute_of_one_day(filled):
    times = [event["time"] for event in filled.events("ip = '203.0.113.177'")]
    assert times[0][14:19] == "12:00"
    assert {time[:10] for time in times} == {times[0][:10]}


def test_a_second_incident_replaces_the_first_and_says_when_it_was(filled, incident):
    requests = [
        [event["request_id"] for event in events if "status" in event]
        for events in (filled.of_first_run, filled.events("action NOT LIKE 'REPLAYED%'"))
    ]
    # Half of the requests for the list of products are recorded, by chance.
    assert abs(len(requests[0]) - len(requests[1])) < 60
    assert len(set(requests[1])) == len(requests[1])
    assert re.search(r"The incident was from \d\d:12 to \d\d:02 on .* \(UTC\)", incident)


@pytest.mark.usefixtures("incident")
def test_a_customer_has_an_address_for_each_device_besides_the_script(filled):
    addresses = {event.get("ip") for event in filled.events("user_repr = 'alan'")}
    assert addresses == {"198.51.100.120", "2001:db8::120", "203.0.113.177"}


def test_reading_in_the_admin_is_not_recorded(filled):
    assert not [event for event in filled.filled if event.get("path", "").startswith("/admin/")]


def test_replay_reports_the_number_of_requests_and_events(replayed):
    assert replayed.replaying.stdout == "7 requests replayed, 7 events, 2 lines malformed\n"


def test_replay_names_each_malformed_line(replayed):
    assert "line 4 is malformed: this line is malformed" in replayed.replaying.stderr
    assert "line 9 is malformed: 198.51.100.5" in replayed.replaying.stderr


def test_replay_records_one_event_per_line(replayed):
    keys = ("ip", "method", "path", "status", "ua")
    assert [tuple(event.get(key) for key in keys) for event in replayed.replayed] == [
        ("203.0.113.7", "GET", "/a lamp/毛", 200, AGENT),
        ("2001:db8::7", "POST", "/nowhere", 500, None),
        ("10.0.0.9", "GET", "//x//y", 404, 'say "hi" é'),
        ("198.51.100.1", "GET", "/products", 404, "curl/8.9.1"),
        ("198.51.100.2", "OPTIONS", "/*", 200, "curl/8.9.1"),
        ("198.51.100.3", "GET", "/healthz", 200, "kube-probe/1.31"),
        ("198.51.100.4", "GET", "/static/shop/shop.css", 304, AGENT),
    ]


def test_replay_keeps_query_and_referer(replayed):
    first, second, *_ = replayed.replayed
    assert first["query"] == "q=x&token=********"
    assert "referer" not in first
    assert second["referer"] == "https://a.example/?b=c"
