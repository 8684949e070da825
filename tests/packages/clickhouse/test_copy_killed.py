"""A copy that is killed at any moment is completed by the next run, with equal rows."""

import json
import signal
import subprocess
import sys

import pytest

NUMBER = 12_000
# Half of the events are of March, half of April.
FILL = """
from datetime import UTC, datetime, timedelta
from uuid import UUID
from eventlog.contrib.archive.open_stores import open_store
from eventlog.contrib.clickhouse.configured_table import configured_table
table = configured_table()
table.create("MergeTree")
start, number = datetime(2026, 3, 31, 20, 40, tzinfo=UTC), int(sys.argv[1])
Log.objects.bulk_create(
    Log(action=f"A{n % 7}", timestamp=start + timedelta(microseconds=n * 2_000_001),
        uid=UUID(int=n + 1), user_repr=f"u{n % 11}", own_keys="", is_request=n % 2 == 0,
        extra={"n": n, "text": "x" * (n % 300)})
    for n in range(number)
)
"""
MOVE = """
call_command("eventlog_copy", "--from", "database", "--to", "clickhouse", "--until", "2026-05-01")
Log.objects.all().delete()
"""
KILL = """
from django.utils.module_loading import import_string
import eventlog.contrib.archive.event as event
event.event_batches.__defaults__ = (500, event.BATCH_BYTES)
owner, name, number, when = sys.argv[1:5]
owner, calls = import_string(owner), []
original = getattr(owner, name)

def killed(*arguments, **options):
    calls.append(arguments)
    if len(calls) == int(number) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **options)
    if len(calls) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, killed)
call_command("eventlog_copy", *sys.argv[5:])
"""
COMPARE = """
from datetime import UTC, datetime
from eventlog.contrib.archive.open_stores import open_store

def rows(name):
    store = open_store(name, sys.argv[1])
    found = store.read(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    own = (each for each in found if not each.action.startswith("EVENTLOG_"))
    return sorted((*each[:-1], json.dumps(json.loads(each.extra), sort_keys=True)) for each in own)

one, other = map(rows, sys.argv[2:])
print(json.dumps([len(one), len(other), one == other]))
"""

SERVER, STORE = "eventlog.contrib.clickhouse.server.Server", "eventlog.contrib.archive"


class Site:
    """A site of its own with a database, ClickHouse and an archive."""

    def __init__(self, project, directory):
        self.project, self.archive = project, str(directory / "archive")
        connection = {"interface": "chdb", "path": str(directory / "engine")}
        project.env["PROJECT_EVENTLOG"] = json.dumps({"CLICKHOUSE": {"connection": connection}})
        settings = project.directory / "project.py"
        apps = '"eventlog.contrib.clickhouse", "eventlog.contrib.archive", "eventlog"]'
        settings.write_text(settings.read_text().replace('"eventlog"]', apps))

    def python(self, script, *arguments, code=0):
        # The arguments of the script come after the option -c.
        preamble = f"import sys; sys.argv[1:] = {[*map(str, arguments)]!r}\n"
        return self.project.python(preamble + script, code=code)

    def copy(self, source, target, *more):
        names = ["--from", source, "--to", target, "--archive", self.archive]
        return self.project.manage("eventlog_copy", *names, "--until", "2026-05-01", *more)

    def assert_equal(self, *names):
        found = self.python(COMPARE, self.archive, *names)
        assert json.loads(found) == [NUMBER, NUMBER, True]


@pytest.fixture
def site(project, tmp_path):
    return Site(project, tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("target", "points"),
    [
        ("clickhouse", [(SERVER, "insert", 1, "after"), (SERVER, "insert", 4, "before")]),
        (
            "parquet",
            [
                (f"{STORE}.parquet_store.ParquetCopyStore", "add", 3, "after"),
                (f"{STORE}.parquet_file.ParquetWriter", "close", 1, "before"),
                ("pathlib.Path", "replace", 1, "before"),
                ("pathlib.Path", "replace", 1, "after"),
                (f"{STORE}.parquet_file.ParquetWriter", "_write_group", 1, "after"),
            ],
        ),
    ],
)
def test_a_copy_that_is_killed_is_completed(site, target, points):
    site.python(FILL, NUMBER)
    for point in points:
        arguments = ["--from", "database", "--to", target, "--archive", site.archive]
        arguments += ["--until", "2026-05-01"]
        site.python(KILL, *point, *arguments, code=-signal.SIGKILL)
    site.copy("database", target)
    assert f"have the same {NUMBER:,} events in 8 hours" in site.copy(
        "database", target, "--verify"
    )
    site.assert_equal("database", target)


@pytest.mark.faults
def test_a_copy_to_the_database_that_is_killed_is_completed(site):
    site.python(FILL + MOVE, NUMBER)
    point = f"{STORE}.database_store.DatabaseCopyStore", "add", 3
    arguments = ["--from", "clickhouse", "--to", "database", "--until", "2026-05-01"]
    for when in ("before", "after"):
        site.python(KILL, *point, when, *arguments, code=-signal.SIGKILL)
    in_transaction = "django.db.backends.base.base.BaseDatabaseWrapper", "commit", 5, "before"
    site.python(KILL, *in_transaction, *arguments, code=-signal.SIGKILL)
    site.copy("clickhouse", "database")
    site.assert_equal("clickhouse", "database")


@pytest.mark.faults
@pytest.mark.parametrize("target", ["clickhouse", "parquet"])
def test_a_copy_that_is_killed_from_outside_is_completed(site, target):
    site.python(FILL, NUMBER)
    command = [sys.executable, "-u", "-m", "django", "eventlog_copy", "--from", "database"]
    command += ["--to", target, "--archive", site.archive, "--until", "2026-05-01"]
    project = site.project
    with subprocess.Popen(
        command, env=project.env, cwd=project.directory, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("2026-03: ")  # April is being copied
        process.kill()
    assert process.returncode == -signal.SIGKILL
    site.copy("database", target)
    site.assert_equal("database", target)
