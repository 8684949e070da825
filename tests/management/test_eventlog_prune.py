from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log

from ..events import write_request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _events(settings):
    settings.EVENTLOG = {"ACCESS": {"prune": False}}
    for action in ("GET_A", "GET_B", "LOGIN"):
        for days in (1, 100):
            moment = timezone.now() - timedelta(days=days)
            Log.objects.create(action=f"{action}_{days}", timestamp=moment)


def prune(*args):
    out = StringIO()
    call_command("eventlog_prune", *args, "--pause=0", stdout=out)
    return out.getvalue(), set(Log.objects.values_list("action", flat=True))


NEW = {"GET_A_1", "GET_B_1", "LOGIN_1"}


@pytest.mark.parametrize("option", ["--action", "--keep"])
@pytest.mark.parametrize("value", ["", " ", "\udcff"])
def test_an_action_that_no_event_can_have_is_refused_before_events_are_deleted(option, value):
    with pytest.raises(CommandError, match="is not an action"):
        call_command("eventlog_prune", "1d", f"{option}={value}")
    assert Log.objects.count() == 6


@pytest.mark.parametrize("value", ["nan", "-1", "inf"])
def test_a_pause_of_no_length_is_refused_before_events_are_deleted(value):
    with pytest.raises(CommandError, match="not a number of seconds"):
        call_command("eventlog_prune", "1d", "--batch=1", f"--pause={value}")
    assert Log.objects.count() == 6


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["90d"], set()),
        (["52w"], {"GET_A_100", "GET_B_100", "LOGIN_100"}),
        (["90d", "--batch=1"], set()),
        (["90d", "--action=GET_*"], {"LOGIN_100"}),
        (["90d", "--action=GET_A_100", "--action=LOGIN*"], {"GET_B_100"}),
        (["90d", "--keep=LOGIN*"], {"LOGIN_100"}),
    ],
)
def test_only_older_events_are_deleted(args, left):
    output, found = prune(*args)
    assert found == NEW | left
    assert output == f"{3 - len(left)} events deleted.\n"


@pytest.mark.parametrize(("option", "left"), [("--requests", "PAID"), ("--events", "GET_A")])
def test_requests_and_other_events_can_be_pruned_separately(option, left):
    old = timezone.now() - timedelta(days=100)
    Log.objects.all().delete()
    Log.objects.create(action="GET_A", timestamp=old, is_request=True)
    Log.objects.create(action="PAID", timestamp=old)
    assert prune("90d", option) == ("1 event deleted.\n", {left})


def test_kept_events_are_read_once():
    for n in range(3):
        moment = timezone.now() - timedelta(days=200 - n)
        Log.objects.create(action=f"LOGIN_{n}", timestamp=moment)
    with CaptureQueriesContext(connection) as captured:
        prune("90d", "--keep=LOGIN*", "--batch=1")
    queries = [query["sql"] for query in captured if "ORDER BY" in query["sql"]]
    bounds = [sql.count("timestamp") for sql in queries if "LIMIT" in sql]
    assert bounds[-1] > bounds[0]  # because each batch starts at the end of the last


def test_a_dry_run_deletes_nothing():
    output, found = prune("90d", "--dry-run")
    assert output == "3 events would be deleted.\n"
    assert len(found) == 6


@pytest.mark.parametrize("batch", ["0", "-1", "many"])
def test_a_batch_size_below_1_is_refused(batch):
    with pytest.raises(CommandError, match="give 1 or more"):
        prune("90d", f"--batch={batch}")


@pytest.mark.parametrize("age", ["90", "d", "ninety days"])
def test_an_invalid_age_is_refused(age):
    with pytest.raises(CommandError, match="age"):
        prune(age)


def test_a_pattern_that_matches_no_event_is_reported(capsys):
    prune("52w", "--keep=LOGGED_*", "--action=GET_A_1OO")
    output = capsys.readouterr().err
    assert "--keep 'LOGGED_*' matches no event" in output
    assert "--action 'GET_A_1OO' matches no event. Did you mean GET_A_" in output


def test_a_pattern_that_matches_an_event_of_any_age_is_not_reported(capsys):
    prune("52w", "--keep=LOGIN*", "--action=GET_*")
    assert capsys.readouterr().err == ""


def test_a_dry_run_counts_the_old_events_of_each_pattern():
    output, _ = prune("90d", "--dry-run", "--keep=LOGIN*", "--action=GET_*")
    assert "--action 'GET_*' matches 2 events of this age" in output
    assert "--keep 'LOGIN*' matches 1 event of this age" in output
    assert "2 events would be deleted" in output


# --search


def old_event(action, extra=None, *, days=100, seconds=0, **values):
    moment = timezone.now().replace(microsecond=0) - timedelta(days=days, seconds=-seconds)
    return write_request(extra or {}, action=action, timestamp=moment, **values)


@pytest.mark.parametrize(
    ("args", "deleted"),
    [
        (["--search=action:LOGIN_*"], {"LOGIN_100"}),
        (["--search=action:GET_A_100,LOGIN_100"], {"GET_A_100", "LOGIN_100"}),
        (["--search=-action:LOGIN_*"], {"GET_A_100", "GET_B_100"}),
        (["--search=action:GET_*", "--keep=GET_B*"], {"GET_A_100"}),
        (["--search=-action:GET_B_100", "--action=GET_*"], {"GET_A_100"}),
        (["--search=is:event", "--requests"], set()),
        (["--search=is:event", "--events", "--batch=1"], {"GET_A_100", "GET_B_100", "LOGIN_100"}),
        (["--search=last:50d"], set()),
        (["--search=last:200d action:LOGIN_*"], {"LOGIN_100"}),
        (["--search=action:NONE"], set()),
    ],
)
def test_only_old_events_that_the_search_finds_are_deleted(args, deleted):
    before = set(Log.objects.values_list("action", flat=True))
    _, left = prune("90d", *args)
    assert before - left == deleted


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("query", ["extra.n:1", "extra.n:1 action:A,B", "-extra.n:0 -extra.n:2"])
def test_a_search_without_an_index_deletes_all_that_it_finds_in_batches(batch, query):
    Log.objects.all().delete()
    for number in range(20):  # pairs of equal timestamps
        old_event("AB"[number % 2], {"n": number % 3}, seconds=number // 2)
    output, _ = prune("90d", f"--search={query}", f"--batch={batch}")
    assert output == "7 events deleted.\n"
    assert not Log.objects.filter(extra__n=1).exists()


def test_more_events_of_one_time_than_a_batch_are_deleted():
    Log.objects.all().delete()
    for number in range(10):
        old_event("A", {"n": number % 2})
    assert prune("90d", "--search=extra.n:1", "--batch=2")[0] == "5 events deleted.\n"


@pytest.mark.parametrize("query", ["extra.n:1", "action:A,B extra.n:1", "action:A"])
def test_each_batch_of_a_search_starts_where_the_last_one_ended(query):
    Log.objects.all().delete()
    for number in range(30):
        old_event("A", {"n": number % 2}, seconds=number)
    with CaptureQueriesContext(connection) as captured:
        prune("90d", f"--search={query}", "--batch=5")
    selects = [each["sql"] for each in captured if "LIMIT 5" in each["sql"]]
    assert len(selects) > 3
    assert all(">" in sql.partition("WHERE")[2] for sql in selects[1:])


def test_a_run_that_was_interrupted_is_finished_by_the_next(monkeypatch):
    Log.objects.all().delete()
    for number in range(10):
        old_event("A", {"n": number % 2}, seconds=number)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("time.sleep", interrupt)
        prune("90d", "--search=extra.n:1", "--batch=2")
    assert 0 < Log.objects.filter(extra__n=1).count() < 5
    prune("90d", "--search=extra.n:1", "--batch=2")
    assert [row.extra["n"] for row in Log.objects.all()] == [0] * 5


def interrupt(seconds):
    raise KeyboardInterrupt


def test_thousands_of_batches_keep_the_query_short():
    """SQLite refuses an expression of more than 1,000 levels."""
    Log.objects.all().delete()
    for number in range(4):
        old_event("A", seconds=number)
    with CaptureQueriesContext(connection) as captured:
        prune("90d", "--batch=1")
    selects = [each["sql"] for each in captured if "LIMIT 1" in each["sql"]]
    assert len(selects[-1]) == len(selects[1])


def test_a_dry_run_counts_the_events_that_the_search_finds():
    assert prune("90d", "--search=-action:LOGIN_*", "--dry-run")[0] == (
        "2 events would be deleted.\n"
    )
    assert Log.objects.count() == 6


@pytest.mark.parametrize("query", ["usr:anna", "action:LOGIN_* OR", "(", "status:4O4", "last:"])
def test_an_invalid_search_gives_reasons_and_deletes_nothing(query, capsys):
    with pytest.raises(CommandError, match="is not valid"):
        prune("90d", f"--search={query}")
    assert capsys.readouterr().err.strip()
    assert Log.objects.count() == 6


@pytest.mark.parametrize("query", ["", "  "])
def test_an_empty_search_is_refused(query):
    with pytest.raises(CommandError, match="The search is empty"):
        prune("90d", f"--search={query}")
    assert Log.objects.count() == 6


def test_hints_of_a_search_are_printed(capsys):
    prune("90d", "--search=action:LOGIN_1OO")
    assert "Did you mean: action:LOGIN_1" in capsys.readouterr().err
