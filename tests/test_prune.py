from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _events():
    for action in ("GET_A", "GET_B", "LOGIN"):
        for days in (1, 100):
            moment = timezone.now() - timedelta(days=days)
            Log.objects.create(action=f"{action}_{days}", timestamp=moment)


def prune(*args):
    out = StringIO()
    call_command("eventlog_prune", *args, "--pause=0", stdout=out)
    return out.getvalue(), set(Log.objects.values_list("action", flat=True))


NEW = {"GET_A_1", "GET_B_1", "LOGIN_1"}


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
def test_what_is_older_goes_and_nothing_else(args, left):
    said, found = prune(*args)
    assert found == NEW | left
    assert said == f"{3 - len(left)} events deleted.\n"


def test_what_is_kept_is_passed_once():
    for n in range(3):
        moment = timezone.now() - timedelta(days=200 - n)
        Log.objects.create(action=f"LOGIN_{n}", timestamp=moment)
    with CaptureQueriesContext(connection) as captured:
        prune("90d", "--keep=LOGIN*", "--batch=1")
    looked = [query["sql"] for query in captured if "ORDER BY" in query["sql"]]
    bounds = [sql.count("timestamp") for sql in looked if "LIMIT" in sql]
    assert bounds[-1] > bounds[0]  # each batch begins where the last one ended


def test_a_dry_run_deletes_nothing():
    said, found = prune("90d", "--dry-run")
    assert said == "3 events would be deleted.\n"
    assert len(found) == 6


@pytest.mark.parametrize("batch", ["0", "-1", "many"])
def test_a_batch_of_nothing_is_refused(batch):
    with pytest.raises(CommandError, match="say 1 or more"):
        prune("90d", f"--batch={batch}")


@pytest.mark.parametrize("age", ["90", "d", "ninety days"])
def test_an_age_that_is_none_is_refused(age):
    with pytest.raises(CommandError, match="age"):
        prune(age)
