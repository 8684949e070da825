"""``manage.py eventlog_doctor``: what it shows, its exit status, and that it changes nothing."""

import os
import re
import time
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.backends.spool import Rejected
from eventlog.diagnostics import registry
from eventlog.diagnostics.findings import info, problem
from eventlog.diagnostics.registry import Check
from eventlog.models import Log

from ..backends.support import here
from ..management.streams import ClosedPipe
from ..retention.site import retain
from ..shop import apps as shop_apps

DOCTOR = "eventlog_doctor"
DATABASE = "eventlog.backends.database.DatabaseBackend"


@pytest.fixture
def checks(monkeypatch):
    """Return a function that replaces the checks."""

    def replace(*functions, needs="settings"):
        some = tuple(Check(function.__name__, function, needs) for function in functions)
        monkeypatch.setattr(registry, "CHECKS", some)

    return replace


def letters(site):
    site.backend.spool.dead_letters.add("1-1-1", here(), [Rejected("line", "reason")])


def test_a_correct_site_passes(site, run):
    site.request()
    output, error = run(DOCTOR, "--fail-level=warning")
    assert error == ""
    assert "Nothing wrong in" in output


def test_a_site_without_settings_passes(db, settings, run):
    settings.EVENTLOG = {}
    assert run(DOCTOR, "--fail-level=warning")[1] == ""


def test_a_site_without_time_zones_passes(site, run, settings):
    settings.USE_TZ = False
    for days in (500, 400, 3, 0):
        site.request(timestamp=timezone.now() - timedelta(days=days))
    output, _ = run(DOCTOR)
    assert "retention-not-applied" in output
    assert "check-failed" not in output
    assert "unknown" not in run("eventlog_inventory")[0]


def test_a_problem_is_shown_with_its_fix_and_fails(site, run):
    letters(site)
    output, error = run(DOCTOR)
    assert "spool-dead-letters: Dead letters: 1 event.\n    Fix: Run 'manage.py" in output
    assert error.startswith("1 problem in")


def test_a_warning_fails_only_if_this_is_wanted(site, run):
    site.spool.chmod(0o755)
    output, error = run(DOCTOR)
    assert "eventlog.W011" in output
    assert error == ""
    assert run(DOCTOR, "--fail-level=warning")[1].startswith("1 warning in")


@pytest.mark.parametrize("ignored", ["spool-dead-letters", "spool-*"])
def test_an_ignored_finding_is_left_out(site, run, ignored):
    letters(site)
    output, error = run(DOCTOR, f"--ignore={ignored}")
    assert "Dead letters" not in output
    assert error == ""


def test_silenced_system_checks_are_left_out(site, run, settings):
    site.spool.chmod(0o755)
    settings.SILENCED_SYSTEM_CHECKS = ["eventlog.W011"]
    assert "eventlog.W011" not in run(DOCTOR)[0]


def test_json_has_each_finding(site, run):
    letters(site)
    document, error = run(DOCTOR, "--json")
    assert error
    assert document["level"] == "problem"
    (finding,) = [each for each in document["findings"] if each["level"] != "info"]
    assert finding == {
        "check": "spool content",
        "level": "problem",
        "id": "spool-dead-letters",
        "message": "Dead letters: 1 event.",
        "fix": "Run 'manage.py eventlog_spool dead'.",
    }


def test_checks_that_do_not_apply_are_named(db, settings, run):
    settings.EVENTLOG = {}
    assert "Not checked, because the backend has no spool: spool directory" in run(DOCTOR)[0]


def test_a_check_that_fails_is_a_problem_and_the_others_run(site, run, checks):
    def broken(site):
        yield info("first", "seen")
        raise ZeroDivisionError("on purpose")

    def other(site):
        yield info("second", "seen too")

    checks(broken, other)
    output, error = run(DOCTOR)
    assert "The check 'broken' failed: ZeroDivisionError: on purpose" in output
    assert "first: seen" in output
    assert "second: seen too" in output
    assert error == "1 problem in 2 checks."


def test_an_app_whose_checks_cannot_be_imported_is_a_problem(site, run, monkeypatch):
    config = apps.get_app_config("shop")
    monkeypatch.setattr(config, "eventlog_checks", "shop.nowhere.CHECKS", raising=False)
    output, _ = run(DOCTOR)
    assert "The check 'shop.nowhere.CHECKS' failed: ModuleNotFoundError" in output


def test_an_app_adds_checks(site, run, monkeypatch):
    def archive(site):
        yield problem("archive-missing", "The archive is missing.", "Mount the disk.")

    monkeypatch.setattr(shop_apps, "CHECKS", [Check("archive", archive)], raising=False)
    config = apps.get_app_config("shop")
    monkeypatch.setattr(config, "eventlog_checks", "tests.shop.apps.CHECKS", raising=False)
    assert "archive-missing: The archive is missing." in run(DOCTOR)[0]


def test_a_failed_query_does_not_affect_the_next_check(site, run, checks):
    def broken(site):
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        return []

    def other(site):
        yield info("second", f"{Log.objects.count()} events")

    checks(broken, other, needs="database")
    assert "second: 0 events" in run(DOCTOR)[0]


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["--peer=10.0.0.5", "--header=X-Forwarded-For: 192.0.2.9"], "192.0.2.9"),
        (["--peer=198.51.100.1", "--header=X-Forwarded-For: 192.0.2.9"], "198.51.100.1"),
        (["--header=Forwarded: for=192.0.2.9"], "192.0.2.9"),
        (["--peer=unix", "--header=X-Forwarded-For: 10.0.0.9, 192.0.2.9"], "192.0.2.9"),
        (["--peer=unix"], r"\(none\)"),
    ],
)
def test_the_address_of_a_request_is_shown(site, run, arguments, address):
    assert re.search(rf"address: .* gets the address {address},", run(DOCTOR, *arguments)[0])


@pytest.mark.parametrize("proxies", [["10.0.0.0/8", "::1", "unix"], 1, 2, []])
def test_without_a_request_examples_show_that_a_forged_address_is_not_read(site, run, proxies):
    site.configure(TRUSTED_PROXIES=proxies)
    lines = [line for line in run(DOCTOR)[0].splitlines() if "  address:" in line]
    assert lines
    assert all("gets the address 203.0.113.7," in line for line in lines)


def test_a_header_without_a_value_is_refused(site):
    with pytest.raises(CommandError, match="is not a header"):
        call_command(DOCTOR, "--header=X")


def test_a_run_of_the_rules_is_noticed(site, run):
    site.configure(BACKEND=DATABASE, OPTIONS={})
    site.request(timestamp=timezone.now() - timedelta(days=500))
    site.request(timestamp=timezone.now() - timedelta(days=399))
    assert "retention-not-applied" in run(DOCTOR)[0]
    retain()
    site.request(timestamp=timezone.now() - timedelta(days=500))
    assert "retention-not-applied" not in run(DOCTOR)[0]


def test_counts_that_differ_from_the_events_are_found(site, run):
    site.request(timestamp=timezone.now() - timedelta(hours=5))
    call_command("eventlog_count", verbosity=0)
    assert "counts-" not in run(DOCTOR)[0]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventlog_log")
    assert "counts-wrong" in run(DOCTOR)[0]


def files(directory):
    """Return the files with everything but the time of the last reading."""
    found = {entry.name: entry.stat() for entry in os.scandir(directory)}
    return {name: (each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns)
            for name, each in found.items()}  # fmt: skip


def test_it_changes_nothing(site, run, monkeypatch):
    celery = pytest.importorskip("celery")
    monkeypatch.setattr(celery.current_app.conf, "broker_url", "memory://")
    site.options(BACKEND="eventlog.backends.celery.CeleryBackend")
    letters(site)
    (site.spool / f"1-1-1.{here()}.inflight").write_text("{}\n")
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    before = files(site.spool)
    with CaptureQueriesContext(connection) as queries:
        run(DOCTOR, "--timeout=0.05")
    assert files(site.spool) == before
    verbs = {query["sql"].split()[0].strip('"').upper() for query in queries}
    assert verbs <= {"SELECT", "WITH", "SAVEPOINT", "RELEASE", "PRAGMA", "SHOW", "BEGIN", "COMMIT"}


def test_the_number_of_queries_does_not_grow_with_the_events(site, run):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            run(DOCTOR)
        return len(captured)

    before = queries()
    Log.objects.bulk_create([Log(action="X", timestamp=timezone.now()) for _ in range(1000)])
    assert queries() <= before
    assert before < 120


@pytest.mark.parametrize("command", [DOCTOR, "eventlog_inventory"])
def test_a_closed_pipe_ends_the_command_quietly(command, db, checks):
    checks()
    out = ClosedPipe()
    call_command(command, stdout=out)
    assert out.attempts


def test_the_exit_status_does_not_depend_on_the_reader_of_a_pipe(checks):
    def wrong(site):
        yield problem("wrong", "It is wrong.", "Mend it.")

    checks(wrong)
    with pytest.raises(CommandError):
        call_command(DOCTOR, stdout=ClosedPipe())


@pytest.mark.parametrize("option", ["--max-age", "--timeout"])
@pytest.mark.parametrize("value", ["nan", "-1", "inf", "soon"])
def test_a_time_that_is_not_a_number_of_seconds_is_refused(option, value, checks):
    checks()
    with pytest.raises(CommandError, match="not a number of seconds"):
        call_command(DOCTOR, f"{option}={value}")
