"""The command: its arguments, its event, its progress, and the counts of the overview."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from eventlog.models import HourCount, Log, log

from ..management.streams import Terminal
from .site import actions, event, retain

pytestmark = pytest.mark.django_db


@pytest.fixture
def retention(settings):
    """A function that sets the value of the setting."""

    def set_retention(value):
        settings.EVENTLOG = {"ACCESS": {"prune": False}, "RETENTION": value}

    return set_retention


def test_without_an_age_the_setting_needs_rules():
    with pytest.raises(CommandError, match=r"Give an age, such as 180d, or write rules into"):
        retain()


@pytest.mark.parametrize(
    "option", ["--action=A", "--keep=A", "--requests", "--events", "--search=ip:::1", "--search="]
)
def test_conditions_need_an_age(retention, option):
    retention([{"keep": "30d"}])
    event("A")
    with pytest.raises(CommandError, match=rf"Give an age.*{option.partition('=')[0]}"):
        retain(option)
    assert actions() == ["A"]


def test_recheck_is_for_rules_only():
    with pytest.raises(CommandError, match="Give --recheck without an age"):
        retain("90d", "--recheck")


def test_an_invalid_setting_stops_the_command(retention):
    retention([{"keep": "30"}])
    event("A")
    for arguments in ([], ["90d"]):
        with pytest.raises(CommandError, match=r"\['keep'\] is '30'.*Nothing was changed"):
            retain(*arguments)
    assert actions() == ["A"]


def test_no_age_is_below_the_minimum(retention):
    retention({"minimum": "90d"})
    event("A")
    for arguments in (["89d"], ["0h", "--dry-run"]):
        with pytest.raises(CommandError, match=r"less than the minimum .* which is 90d"):
            retain(*arguments)
    assert actions() == ["A"]
    retain("90d")
    assert actions() == []


@pytest.mark.parametrize("arguments", [[], ["--search=ip:192.0.2.0/24"], ["--batch=1"]])
def test_pruning_by_age_leaves_events_under_legal_hold(retention, arguments):
    retention({"hold": "ip:192.0.2.1"})
    for number in (1, 2):
        event(f"A{number}", ip=f"192.0.2.{number}")
    assert retain("90d", "--dry-run", *arguments)[0] == (
        "1 event would be deleted.\n1 event under legal hold.\n"
    )
    assert retain("90d", *arguments)[0] == "1 event deleted.\n1 event under legal hold.\n"
    assert actions() == ["A1"]


def test_the_event_of_a_run_tells_who_did_what_why_and_how_much_by_rule(settings):
    rules = [{"action": "A", "keep": "30d"}, {"search": "ip:192.0.2.0/24", "anonymize": "30d"}]
    settings.EVENTLOG = {"RETENTION": {"rules": rules, "hold": "ip:192.0.2.1"}}
    for name in "AAB":
        event(name, ip="192.0.2.7")
    event("B", ip="192.0.2.1")
    retain("--operator=Zora", "--reason=Ticket 4711", "--batch=2")
    started, ended = Log.objects.action("EVENTLOG_*").order_by("pk")
    described = [{"rule": 1, "action": ["A"]}, {"rule": 2, "search": "ip:192.0.2.0/24"}]
    assert (started.action, ended.action) == ("EVENTLOG_PRUNE_STARTED", "EVENTLOG_PRUNED")
    assert started.extra["rules"] == described
    assert ended.facts == {"command": "eventlog_prune", "reason": "Ticket 4711"}
    assert ended.extra["operator"] == "Zora"
    assert ended.extra["os_user"]
    assert ended.extra["hold"] == ["ip:192.0.2.1"]
    assert ended.extra["rules"] == [
        described[0] | {"deleted": 2},
        described[1] | {"anonymized": 1, "held": 1},
    ]
    totals = [ended.extra[name] for name in ("count", "anonymized", "held", "complete")]
    assert totals == [2, 1, 1, True]


def test_an_interrupted_run_records_what_it_did(settings, monkeypatch):
    settings.EVENTLOG = {"RETENTION": [{"keep": "30d"}]}
    for _ in range(3):
        event("A")
    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        retain("--batch=2")
    ended = Log.objects.get(action="EVENTLOG_PRUNED")
    assert (ended.extra["count"], ended.extra["complete"]) == (2, False)
    assert ended.extra["rules"] == [{"rule": 1, "deleted": 2}]


def interrupt(seconds):
    raise KeyboardInterrupt


def test_a_dry_run_is_not_recorded(settings):
    settings.EVENTLOG = {"RETENTION": [{"keep": "30d"}]}
    event("A")
    retain("--dry-run")
    assert not Log.objects.action("EVENTLOG_*").exists()


def test_a_terminal_shows_a_progress_bar(retention):
    retention([{"keep": "30d"}])
    event("A")
    terminal = Terminal()
    call_command("eventlog_prune", "--pause=0", stdout=Terminal(), stderr=terminal)
    assert "[" in terminal.getvalue()
    assert "1 deleted, 0 anonymized" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    event("B")
    assert retain()[1] == ""  # without a terminal


def test_the_counts_of_the_overview_follow(retention, anna):
    retention([{"action": "A", "keep": "30d"}, {"anonymize": "30d"}])
    moment = timezone.now() - timedelta(days=100)
    for name in "AABC":
        log(anna, name, dateof=moment)
    call_command("eventlog_count", verbosity=0)
    assert HourCount.objects.filter(value="anna").exists()
    retain()
    assert not HourCount.objects.filter(value="anna").exists()
    call_command("eventlog_count", verbosity=0)
    counted = HourCount.objects.filter(dimension="action")
    assert dict(counted.values_list("value", "count")) == {"B": 1, "C": 1}
    assert not HourCount.objects.filter(value="anna").exists()
