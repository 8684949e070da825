"""``manage.py eventlog_inventory``."""

import logging

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User

from eventlog.contrib.loggers.handler import EventLogHandler
from eventlog.contrib.sign_ins.connect_receivers import disconnect
from eventlog.diagnostics import storage_entries
from eventlog.models import log

from ..retention.site import retain

INVENTORY = "eventlog_inventory"


@pytest.fixture
def entries(run):
    """Return a function that returns the details by subject, of a section or of all."""

    def entries(section=""):
        document, _ = run(INVENTORY, "--json")
        chosen = [document[section]] if section else document.values()
        return {each["subject"]: each["detail"] for some in chosen for each in some}

    return entries


def test_it_is_a_table_for_an_auditor(site, run):
    output, error = run(INVENTORY)
    assert error == ""
    head, line, *rows = output.splitlines()
    assert (head, line) == ("| section | subject | detail |", "| --- | --- | --- |")
    assert {row.split(" | ")[0] for row in rows} == {
        "| recorded", "| stored", "| kept", "| read by"
    }  # fmt: skip
    assert all(row.endswith(" |") for row in rows)


def test_it_has_the_rules_and_the_facts(site, entries):
    site.configure(FIELDS=["ip", "method"], LOAD_USER=True, REDACT=["shoe"])
    found = entries("recorded")
    assert found["requests, rule 1"] == "path ^/static/: not recorded"
    assert found["requests, rule 2"].endswith("and view shop:*: recorded, action SHOP")
    assert found["requests, rule 4"] == "all other requests: recorded"
    assert found["requests of the view exempt"] == "not recorded, by log_exempt"
    assert found["facts of each request"] == "ip (personal), method"
    assert found["the user, if the page did not read it"] == "yes"
    assert found["masked, besides the built-in names"] == "shoe"


def test_without_rules_it_has_the_default(site, settings, entries):
    settings.EVENTLOG = {}
    assert entries()["requests, rule 1"].startswith("all requests except")


def test_without_the_middleware_it_has_no_rules(site, settings, entries):
    settings.MIDDLEWARE = settings.MIDDLEWARE[1:]
    found = entries()
    assert found["requests"] == "no, because MIDDLEWARE lacks EventLogMiddleware"
    assert "requests, rule 1" not in found


def test_it_has_the_actions_that_the_code_logs(site, settings, entries):
    settings.EVENTLOG = {}
    log(None, "ORDER_PAID")
    assert entries()["actions of the stored events"] == "ORDER_PAID"


def test_it_has_the_uses_of_the_log(site, entries):
    site.configure(ACCESS={"view": True, "export": False})
    found = entries()
    assert found["use of the event log: view"] == "EVENTLOG_VIEWED"
    assert found["use of the event log: export"] == "no"


def test_it_has_tracked_models_and_sign_ins(site, settings, entries):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.sign_ins"]
    disconnect()
    site.configure(SIGN_INS={"logged_in": "LOGIN", "logged_out": None})
    found = entries()
    assert found["changes of stock.Ledger"].startswith("CREATED_LEDGER, UPDATED_LEDGER")
    assert found["sign-ins and accounts"].startswith("LOGIN, LOGIN_FAILED")
    assert found["sign-ins that are left out"] == "logged_out"


def test_it_has_the_loggers_whose_log_records_are_events(site, entries):
    handler = EventLogHandler()
    logging.getLogger("shop").addHandler(handler)
    try:
        assert entries()["log records of the loggers"] == "shop"
    finally:
        logging.getLogger("shop").removeHandler(handler)


def test_it_has_the_places(site, entries):
    found = entries("stored")
    assert found["backend"].endswith("BufferedBackend")
    assert found["spool, until events are delivered"] == f"{site.spool}, mode 700"
    assert found["database"].startswith("default: ")
    assert found["table of events"].startswith("eventlog_log")


def test_it_has_the_targets_without_their_secrets(site, settings, entries):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.forward"]
    options = {"url": "https://logs.example.com", "headers": {"Authorization": "Bearer 4711"}}
    site.configure(FORWARD={"siem": {"TARGET": "https", "OPTIONS": options}})
    detail = entries("stored")["target siem"]
    assert "https://logs.example.com" in detail
    assert "4711" not in detail
    assert detail.endswith("gets all events")


def test_it_has_the_periods(site, entries):
    rules = [
        {"action": "GET_*", "keep": "30d"},
        {"search": "is:request", "anonymize": "90d", "keep": "400d"},
        {"action": "LOGIN", "keep": "forever"},
    ]
    site.configure(RETENTION={"rules": rules, "minimum": "30d", "hold": "user:7"})
    found = entries("kept")
    assert found["rule 1 (action GET_*)"] == "deleted after 30d"
    assert found["rule 2 (search is:request)"] == "anonymized after 90d, deleted after 400d"
    assert found["rule 3 (action LOGIN)"] == "forever"
    assert found["other events"].startswith("until eventlog_prune")
    assert (found["at least"], found["under legal hold"]) == ("30d", "user:7")
    assert found["last complete run (EVENTLOG_PRUNED)"] == "never"


def test_it_has_the_last_run_of_the_rules(site, entries):
    site.configure(BACKEND="eventlog.backends.database.DatabaseBackend", OPTIONS={})
    retain()
    assert entries()["last complete run (EVENTLOG_PRUNED)"].startswith("20")


def test_it_counts_the_people_with_a_permission(site, entries):
    User.objects.create_superuser("root")
    anna = User.objects.create(username="anna", is_staff=True)
    anna.user_permissions.add(Permission.objects.get(codename="view_log"))
    User.objects.create(username="gone", is_staff=True, is_superuser=True, is_active=False)
    found = entries("read by")
    people = "active members of staff, of which 1"
    assert people in found["view and export events in the admin (eventlog.view_log)"]
    assert found["view and export events in the admin (eventlog.view_log)"].startswith("2 ")
    assert found["delete events in the admin (eventlog.delete_log)"].startswith("1 ")


def test_a_part_that_is_unknown_does_not_hide_the_others(site, entries, monkeypatch):
    def readers():
        raise OSError("no route to host")

    monkeypatch.setattr(storage_entries, "PARTS", (*storage_entries.PARTS, readers))
    found = entries()
    assert found["unknown: readers"] == "OSError: no route to host"
    assert found["table of events"]


def test_an_app_whose_entries_cannot_be_imported_is_named(db, run, monkeypatch):
    config = apps.get_app_config("shop")
    monkeypatch.setattr(config, "eventlog_inventory", "shop.nowhere.entries", raising=False)
    output, _ = run(INVENTORY)
    assert "| unknown: shop.nowhere.entries | ModuleNotFoundError: " in output
