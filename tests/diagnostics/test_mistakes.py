"""Sites with one mistake each: the doctor names the mistake and its fix, and nothing else."""

import fcntl
import logging
import os
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, models
from django.utils import timezone

from eventlog.backends.losses import DROPPED
from eventlog.backends.spool import Rejected, files
from eventlog.models import Log

from ..backends.support import here, postgresql_only

OURS = "eventlog.middleware.EventLogMiddleware"
ELSEWHERE = "postgresql@elsewhere:5432,shop"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change owners")
needs_server = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has the clock of its process"
)
MISTAKES = []


@pytest.fixture
def patch(site, request):
    """A monkeypatch that is undone before the site ends, and can call a function then."""
    with pytest.MonkeyPatch.context() as context:
        context.callback = request.addfinalizer
        yield context


def mistake(*ids, fix, marks=()):
    """Add a function that makes the mistake with these ids of findings."""

    def add(make):
        MISTAKES.append(pytest.param(make, {*ids}, fix, id=make.__name__, marks=marks))
        return make

    return add


def segment(site, destination, state="jsonl", seconds=0, line="{}"):
    """Write a segment that was begun so many seconds ago."""
    begun = int((time.time() - seconds) * 1e9)
    path = site.spool / f"{begun}-1-1.{destination}.{state}"
    path.write_text(f"{line}\n")
    path.chmod(0o600)
    return path


# Middleware


@mistake("middleware-missing", fix="Add it at the top")
def no_middleware(site, patch):
    site.settings.MIDDLEWARE = site.settings.MIDDLEWARE[1:]


@mistake("eventlog.W002", fix="to the top")
def middleware_below_others(site, patch):
    site.settings.MIDDLEWARE = [*site.settings.MIDDLEWARE[1:], OURS]


@mistake("eventlog.E009", fix="Keep one of them")
def middleware_twice(site, patch):
    site.settings.MIDDLEWARE = [OURS, *site.settings.MIDDLEWARE]


# Rules


@mistake("eventlog.W012", fix="Did you mean 'shop:order-detail'?")
def rule_for_an_unknown_view(site, patch):
    site.configure(REQUESTS=[{"view": "shop:order-details"}, {}])


@mistake("rule-path-unknown", fix="Write the path as in the address")
def rule_for_an_unknown_path(site, patch):
    site.configure(REQUESTS=[{"path": "^/shops/"}, {}])


@mistake("eventlog.W008", fix="Remove")
def rule_below_a_rule_for_everything(site, patch):
    site.configure(REQUESTS=[{}, {"view": "shop:*"}])


@mistake("eventlog.E001", fix="Did you mean 'REQUESTS'?")
def misspelled_setting(site, patch):
    site.configure(REQUEST=[])


@mistake("eventlog.E002", fix="Set it to a dict")
def settings_that_are_not_a_dict(site, patch):
    site.settings.EVENTLOG = ["REQUESTS"]


@mistake("recording-disabled", fix="Remove the key")
def recording_switched_off(site, patch):
    site.configure(ENABLED=False)


@mistake("backend-stores-nothing", fix="Use DatabaseBackend")
def backend_for_tests(site, patch):
    site.configure(BACKEND="eventlog.backends.locmem.LocMemBackend", OPTIONS={})


@mistake("error-log-disabled", fix="'disable_existing_loggers'")
def disabled_logger(site, patch):
    patch.setattr(logging.getLogger("eventlog"), "disabled", True)


# Proxies


@mistake("eventlog.E007", fix="Use addresses, networks")
def proxy_that_is_not_an_address(site, patch):
    site.configure(TRUSTED_PROXIES=["10.0.0.0/99"])


@mistake("eventlog.W003", fix="Set TRUSTED_PROXIES")
def proxy_that_is_not_in_the_settings(site, patch):
    site.settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    site.configure(TRUSTED_PROXIES=[])


@mistake("proxy-trusts-everyone", fix="of your proxies only")
def everyone_is_a_proxy(site, patch):
    site.configure(TRUSTED_PROXIES=["0.0.0.0/0"])


@mistake("proxy-headers-empty", fix="such as 'X-Forwarded-For'")
def no_header_is_read(site, patch):
    site.configure(PROXY_HEADERS=[])


@mistake("proxy-sends-no-header", fix="Let the proxy set X-Forwarded-For or Forwarded")
def proxy_without_header(site, patch):
    for _ in range(20):
        site.request("10.0.0.1")


@mistake("proxy-not-trusted", fix="Add '10.0.0.1'")
def requests_with_the_address_of_a_proxy(site, patch):
    site.configure(TRUSTED_PROXIES=[])
    users = User.objects.create(username="anna"), User.objects.create(username="ben")
    for number in range(20):
        site.request("10.0.0.1", user=users[number % 2])


# Database


@mistake("migrations-unapplied", fix="manage.py migrate --database default")
def migration_that_is_not_applied(site, patch):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '0008_retention'")


@mistake("database-unreachable", fix="Start the database")
def database_that_is_down(site, patch):
    def fail():
        raise OSError("no route to host")

    patch.setattr(connection, "ensure_connection", fail)


@mistake("index-missing.eventlog_new", fix="CREATE INDEX")
def missing_index(site, patch):
    new = models.Index(fields=["object_repr"], name="eventlog_new")
    patch.setattr(Log._meta, "indexes", [*Log._meta.indexes, new])


@mistake("index-invalid.eventlog_ip_time", fix="REINDEX INDEX", marks=postgresql_only)
def interrupted_creation_of_an_index(site, patch):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'eventlog_ip_time'::regclass"
        )


@mistake("clock-differs", fix="Synchronise both clocks", marks=needs_server)
def server_with_another_clock(site, patch):
    clock = time.time
    patch.setattr(time, "time", lambda: clock() + 60)


@mistake("event-in-future", fix="Correct the clock")
def event_of_tomorrow(site, patch):
    site.request(timestamp=timezone.now() + timedelta(days=1))


@mistake("counts-missing", fix="manage.py eventlog_count once")
def uncounted_hours(site, patch):
    for hours in range(2, 60):
        site.request(timestamp=timezone.now() - timedelta(hours=hours))


@mistake("retention-not-applied", fix="daily by a timer")
def rules_that_no_timer_applies(site, patch):
    site.request(timestamp=timezone.now() - timedelta(days=500))


@mistake("retention-search-invalid", fix="Correct the search")
def rule_for_a_removed_model(site, patch):
    site.configure(RETENTION=[{"search": "obj:shop.removed", "keep": "400d"}])


# Spool


@mistake("eventlog.E010", fix="belongs to the user")
def spool_that_is_not_writable(site, patch):
    (site.spool / "file").touch()
    site.options(spool=site.spool / "file" / "spool")


@mistake("eventlog.W011", fix="chmod 700")
def spool_that_others_can_read(site, patch):
    site.spool.chmod(0o755)


@mistake("spool-missing", fix="in the same container")
def spool_of_another_machine(site, patch):
    site.options(spool=site.spool / "other")


@mistake("spool-owners", fix="chown -R", marks=needs_root)
def file_of_another_user(site, patch):
    os.chown(segment(site, here()), 65534, 65534)


@mistake("spool-other-user", fix="as the user that runs the site", marks=needs_root)
def spool_of_another_user(site, patch):
    os.chown(site.spool, 65534, 65534)


@mistake("spool-network", fix="on a local disk")
def spool_on_a_network_file_system(site, patch):
    site.mount("nfs4")


@mistake("spool-volatile", fix="on a volume")
def spool_in_memory(site, patch):
    site.mount("tmpfs")


@mistake("spool-without-locks", fix="on a local disk")
def file_system_without_locks(site, patch):
    def refuse(*args):
        raise OSError("no locks available")

    patch.setattr(fcntl, "flock", refuse)


@mistake("spool-age", fix="eventlog_spool deliver")
def events_that_no_process_delivers(site, patch):
    segment(site, here(), seconds=900)


@mistake("spool-locked", "spool-age", fix="lslocks")
def process_that_keeps_a_lock(site, patch):
    path = segment(site, here(), seconds=900)
    lock = files.lock(path)
    patch.callback(lambda: files.unlock(lock))


@mistake("spool-dead-letters", fix="eventlog_spool dead")
def events_that_no_database_accepts(site, patch):
    site.backend.spool.dead_letters.add("1-1-1", here(), [Rejected("line", "reason")])


@mistake("spool-unknown-database", fix=f"eventlog_spool reassign {ELSEWHERE}")
def renamed_database(site, patch):
    segment(site, ELSEWHERE)


@mistake("spool-shared", fix="Give each site a directory of its own")
def two_sites_in_one_directory(site, patch):
    lock = files.lock(segment(site, ELSEWHERE))
    patch.callback(lambda: files.unlock(lock))


@mistake("spool-filling", fix="'max_bytes'")
def spool_that_is_nearly_full(site, patch):
    site.options(max_bytes=100)
    segment(site, here(), line="x" * 50)


@mistake("spool-dropped", fix="Free the disk")
def lost_events(site, patch):
    Log.objects.create(action=DROPPED, extra={"count": 7, "reason": "disk full"})


# Task queues


@mistake("queue-without-worker", fix="celery -A … worker -Q events")
def queue_that_no_worker_reads(site, patch):
    broker(patch, "memory://")
    site.options(BACKEND="eventlog.backends.celery.CeleryBackend", queue="events")


@mistake("queue-without-worker", fix="Does a worker read the queue")
def celery_app_that_is_not_loaded(site, patch):
    broker(patch, None)
    patch.setattr(pytest.importorskip("celery").current_app, "main", "default")
    site.options(BACKEND="eventlog.backends.celery.CeleryBackend")


@mistake("queue-unknown", fix="Start the broker")
def broker_that_is_down(site, patch):
    broker(patch, "redis://127.0.0.1:1/0")
    site.options(BACKEND="eventlog.backends.celery.CeleryBackend")


@mistake("queue-without-worker", "queue-overdue", fix="celery -A … worker -Q celery")
def batch_that_no_worker_writes(site, patch):
    broker(patch, "memory://")
    site.options(BACKEND="eventlog.backends.celery.CeleryBackend")
    path = segment(site, here(), "inflight", seconds=90)
    changed = path.stat().st_ctime
    patch.setattr(time, "time", lambda: changed + 3)


@mistake("queue-without-worker", fix="in settings.TASKS")
def tasks_that_never_run(site, patch):
    pytest.importorskip("django_tasks")
    site.settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    site.options(BACKEND="eventlog.backends.tasks.TasksBackend")


def broker(patch, url):
    celery = pytest.importorskip("celery")
    patch.setattr(celery.current_app.conf, "broker_url", url)


@pytest.mark.parametrize(("make", "ids", "fix"), MISTAKES)
def test_a_mistake_is_named_with_its_fix(make, ids, fix, site, patch):
    make(site, patch)
    found = site.findings()
    assert {*found} == ids
    assert any(fix in finding.fix for finding in found.values())


def test_nothing_is_wrong_on_a_correct_site(site):
    site.request()
    assert site.findings() == {}
