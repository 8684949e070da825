import os

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import AsyncClient, Client

from eventlog import error_log
from eventlog.backends import locmem
from eventlog.backends.spool import locks
from eventlog.partitions.catalog import read_partitions

# Their packages are installed in one tox environment only, which has settings of its own.
# Tests whose parameters are different cases for each database.
DIFFERENT_ON_DATABASES = tuple(
    f"tests/{name}"
    for name in ("backends/", "models/", "review/test_answers", "test_search", "test_nearest",
                 "test_export", "test_counts", "test_bad_input", "packages/test_who_everywhere")
)  # fmt: skip
# Tests of a spool: whole files, and the fixtures of the others.
SPOOL_FILES = tuple(
    f"tests/{name}"
    for name in ("backends/spool/", "backends/delivery/", "backends/test_buffered.py",
                 "backends/test_queued", "backends/test_eventlog_spool.py",
                 "backends/test_losses.py", "backends/test_options.py",
                 "backends/test_permissions.py", "backends/test_tenants.py", "contrib/forward/",
                 "test_faults.py")
)  # fmt: skip
SPOOL_FIXTURES = {"spooling", "spool", "project"}
collect_ignore = [] if settings.SETTINGS_MODULE == "tests.packages.settings" else ["packages"]


def pytest_addoption(parser):
    parser.addoption(
        "--one-each", action="store_true", help="run each test with its first parameters only"
    )
    parser.addoption(
        "--all-of",
        default="",
        help="markers, separated by commas, of tests that --one-each runs with all parameters",
    )


@pytest.hookimpl(tryfirst=True)  # before pytest deselects tests by their markers
def pytest_collection_modifyitems(config, items):
    """Mark the tests that use a database or a spool, and leave out what cannot run here.

    Tests without a database need not run once for each.
    """
    for item in items:
        if item.nodeid.startswith(DIFFERENT_ON_DATABASES):
            item.add_marker("databases")
        if item.nodeid.startswith(SPOOL_FILES) or SPOOL_FIXTURES.intersection(item.fixturenames):
            item.add_marker("spool")
    if not locks.ARE_AVAILABLE:
        left = [item for item in items if item.get_closest_marker("spool")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]
    if config.getoption("--one-each"):
        whole = [name for name in config.getoption("--all-of").split(",") if name]
        kept, left, known = [], [], set()
        for item in items:
            name = item.nodeid.partition("[")[0]
            is_kept = name not in known or any(map(item.get_closest_marker, whole))
            (kept if is_kept else left).append(item)
            known.add(name)
        config.hook.pytest_deselected(items=left)
        items[:] = kept
    for item in items:
        fixtures = {"db", "transactional_db", "django_db_setup"}.intersection(item.fixturenames)
        if fixtures or item.get_closest_marker("django_db"):
            item.add_marker("database")


if os.environ.get("EVENTLOG_TEST_PARTITIONED"):

    @pytest.fixture(scope="session")
    def django_db_setup(django_db_setup, django_db_blocker):
        """Partition the table of events, so that any test can run on a partitioned one."""
        with django_db_blocker.unblock():
            call_command("eventlog_partition", "--apply", verbosity=0)
            # Some tests write events of far years.
            last = read_partitions(connection)[-1].upper
            with connection.cursor() as cursor:
                cursor.execute(
                    "CREATE TABLE eventlog_log_later PARTITION OF eventlog_log "
                    f"FOR VALUES FROM ('{last}') TO (MAXVALUE)"
                )


@pytest.fixture(autouse=True)
def _no_held_back_reports():
    error_log.reset()


@pytest.fixture
def client():
    """A client that answers an exception with status 500, as a server does."""
    return Client(raise_request_exception=False)


@pytest.fixture
def async_client():
    return AsyncClient(raise_request_exception=False)


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna")


@pytest.fixture
def root(client):
    """A client that is logged in as a superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def own_database(tmp_path, django_db_setup, django_db_blocker):
    """The name of an empty database for another process. SQLite creates its file itself."""
    if connection.vendor == "sqlite":
        yield str(tmp_path / "own.sqlite3")
        return
    name = f"{connection.settings_dict['NAME']}_own"
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
        yield name
        cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture
def outbox(settings):
    """The list to which LocMemBackend appends events."""
    settings.EVENTLOG = {"BACKEND": "eventlog.backends.locmem.LocMemBackend"}
    return locmem.outbox
