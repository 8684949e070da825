"""Pruning and erasing change the same events in ClickHouse as in the database."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

import eventlog
from eventlog.models import Log

from ...events import write_request
from ...shop.models import Widget

NOW = timezone.now()
by_name_of_event = pytest.mark.skipif(
    not connection.features.supports_partial_indexes,
    reason="the search for an account leaves out deleted accounts with the same name",
)
SILENT = {"ACCESS": {"erase": False, "export": False, "prune": False}}


def event(action, days=0, extra=None, **values):
    facts = {"ip": "192.0.2.7", "ua": "Firefox", "path": "/x/", **(extra or {})}
    return write_request(facts, action=action, timestamp=NOW - timedelta(days=days), **values)


@pytest.fixture
def rows(anna):
    """Write events by, about and on behalf of two people, of several months."""
    other = User.objects.create_user("Bert")
    widget = Widget.objects.create(name="sprocket")
    for days in (1, 20, 45, 100, 400):
        event("GET_PAGE", days, user=anna, user_repr="anna")
        event("GET_OTHER", days, {"status": 404}, user=other, user_repr="Bert")
        event("PAID", days, user=other, user_repr="Bert", obj=widget, is_request=False)
        event("BLOCKED", days, {"changes": {"name": ["a", "b"]}}, user=other, obj=anna)
        event("ACTED", days, {"acting_user": "anna", "acting_user_id": str(anna.pk)}, user=other)
        event("GONE", days, user_repr="anna")
    Log.objects.create(action="LIST", extra=[1], user=anna, timestamp=NOW - timedelta(days=50))


def stored(reader):
    """Return the values of all events of a reader."""
    names = [field.attname for field in Log._meta.concrete_fields if field.name != "uid"]
    found = [each for some in reader.chunks() for each in some]
    return [{name: getattr(each, name) for name in names} for each in found]


@pytest.fixture
def both(rows, backend, copy, settings):
    """Return a function that runs a command on both stores, and returns their equal answer."""

    def run(*arguments, retention=None, **options):
        more = {**SILENT, **({} if retention is None else {"RETENTION": retention})}
        copy()
        with_clickhouse = {**settings.EVENTLOG, **more}
        answers = []
        for each in (with_clickhouse, {"REQUESTS": [], **more}):
            settings.EVENTLOG = each
            out = StringIO()
            call_command(*arguments, stdout=out, stderr=StringIO(), **options)
            answers.append((out.getvalue(), stored(eventlog.reader())))
        (first, in_clickhouse), (second, in_database) = answers
        assert in_clickhouse == in_database
        assert first == second
        return first, in_clickhouse

    return run


@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_person_is_erased(both, anna, delete, deleted):
    key = str(anna.pk)
    if deleted:
        anna.delete()
    options = {"deleted": True, "yes": True, "delete": delete}
    out, left = both("eventlog_person", "erase", "anna", key=[key], **options)
    assert out.endswith("deleted.\n" if delete else "erased.\n")
    assert not [each for each in left if each["user_repr"] == "anna"]
    assert not [each for each in left if "acting_user_id" in each["extra"]]


def test_a_person_is_exported(both, anna):
    out, _left = both("eventlog_person", "export", key=[str(anna.pk)])
    assert out.count("\n") == 16


def test_a_person_is_found_by_name_and_counted(both):
    out, _left = both("eventlog_person", "erase", "Bert", dry_run=True)
    assert out == "20 events would be erased.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["30d"],
        ["30d", "--action", "GET_*"],
        ["10d", "--keep", "GET_*", "--requests"],
        ["10d", "--search", "user:Bert"],
        pytest.param(["10d", "--search", "user:anna"], marks=by_name_of_event),
        ["10d", "--search", "status:404"],
        ["50d", "--dry-run"],
    ],
)
def test_old_events_are_pruned(both, arguments):
    both("eventlog_prune", *arguments, pause=0)


@pytest.mark.parametrize("arguments", [["30d"], []])
def test_events_under_hold_are_kept(both, arguments):
    hold = {"rules": [{"keep": "10d"}], "hold": ["user:Bert"]}
    out, left = both("eventlog_prune", *arguments, retention=hold, pause=0)
    assert "under legal hold" in out
    assert [each for each in left if each["user_repr"] == "Bert"]


RULES = [
    {"action": "PAID", "keep": "forever"},
    {"search": "user:anna", "anonymize": "30d", "keep": "200d"},
    {"action": ["GET_*"], "keep": "40d"},
    {"anonymize": "15d", "keep": "300d"},
]


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_rules_are_applied(both, dry_run):
    out, _left = both("eventlog_prune", retention=RULES, pause=0, dry_run=dry_run)
    assert "rule 2 (search user:anna)" in out


def test_an_erasure_of_held_events_is_refused(backend, rows, copy, settings):
    copy()
    settings.EVENTLOG = {**settings.EVENTLOG, "RETENTION": {"hold": ["user:anna"]}}
    key = User.objects.get(username="anna").pk
    with pytest.raises(CommandError, match="under legal hold"):
        call_command("eventlog_person", "erase", key=[str(key)], yes=True)


def test_whole_months_are_dropped(backend, copy, settings, select):
    for days in (100, 200):
        event("OLD", days)
    event("NEW")
    copy()
    settings.EVENTLOG = {**settings.EVENTLOG, **SILENT}
    call_command("eventlog_prune", "62d", verbosity=0)
    assert select("action") == [("NEW",)]
    mutations = backend.table.server.query(
        "SELECT count() FROM system.mutations WHERE database = {d:String}",
        {"d": backend.table.database},
    )
    assert mutations == [(0,)]


def test_the_columns_of_facts_lose_an_erased_person(both, anna, select):
    both("eventlog_person", "erase", key=[str(anna.pk)], yes=True)
    assert select("countIf(fact_acting_user = 'anna'), countIf(ip IS NULL) > 0", "") == [(0, True)]


@pytest.mark.parametrize("arguments", [["prune", "900d"], ["person", "export", "Bert"]])
def test_a_command_says_that_the_database_has_events_of_an_earlier_backend(
    rows, backend, copy, settings, arguments
):
    command, *rest = arguments
    settings.EVENTLOG = {**settings.EVENTLOG, **SILENT}
    copy()
    said = [StringIO(), StringIO()]
    call_command(f"eventlog_{command}", *rest, stdout=StringIO(), stderr=said[0])
    Log.objects.all().delete()
    call_command(f"eventlog_{command}", *rest, stdout=StringIO(), stderr=said[1])
    assert ["of an earlier backend" in each.getvalue() for each in said] == [True, False]
