"""Real processes that are killed under load lose and double no event.

``EVENTLOG_FAULT_SECONDS`` is the duration of each test.
"""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from django.db import connection

from .faults import (
    SECONDS,
    Load,
    Process,
    Site,
    assert_nothing_lost_or_doubled,
    free_port,
    kill_a_worker,
)
from .settings import DB

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc"),
]


@pytest.fixture
def database(tmp_path, django_db_setup, django_db_blocker):
    """Settings of an empty database."""
    if DB == "sqlite":
        yield {"NAME": str(tmp_path / "faults.sqlite3")}
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS eventlog_faults")
        cursor.execute("CREATE DATABASE eventlog_faults")
    yield {"NAME": "eventlog_faults"}
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        force = " WITH (FORCE)" if DB == "postgresql" else ""
        cursor.execute(f"DROP DATABASE eventlog_faults{force}")


@pytest.fixture
def site(tmp_path, database):
    site = Site(tmp_path, database)
    site.manage("migrate", "-v0")
    yield site
    site.end()


@pytest.mark.parametrize(
    "options",
    [(), ("--preload",), ("--max-requests", "50"), ("--threads", "4"), ("-k", "gevent")],
    ids=["workers", "preload", "max-requests", "threads", "gevent"],
)
def test_killed_workers_lose_and_double_no_event(site, options):
    master = site.gunicorn(*options)
    with Load(site) as load:
        for _ in range(max(1, round(SECONDS))):
            load.pace(1)
            load.until(len(load.answered) + 20)  # workers may start slowly
            kill_a_worker(master)
    assert master.stop() == 0
    site.deliver()
    assert_nothing_lost_or_doubled(load, site.stored())
    assert list(site.spool.iterdir()) == []


def test_the_next_start_delivers_the_events_of_a_killed_process_without_a_request(site):
    master = site.gunicorn()
    site.configure(interval=3600.0)
    master.stop()
    master = site.gunicorn()
    with Load(site) as load:
        load.until(50)
    os.killpg(master.popen.pid, signal.SIGKILL)
    master.popen.wait()
    assert list(site.spool.glob("*.jsonl"))
    site.configure()
    site.gunicorn()
    while list(site.spool.glob("*.jsonl")):
        load.pace(0.01)
    assert_nothing_lost_or_doubled(load, site.stored())


def test_a_killed_uvicorn_loses_and_doubles_no_event(site):
    server = site.uvicorn("--log-level", "warning")
    with Load(site, "/aok/") as load:
        load.pace(SECONDS / 2)
    os.killpg(server.popen.pid, signal.SIGKILL)
    server.popen.wait()
    site.deliver()
    assert_nothing_lost_or_doubled(load, site.stored())


def mount_small_disk(site, folder):
    """Give the site a spool that holds 64 kB."""
    site.spool = folder / "small"
    site.spool.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(site.spool)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")


def test_on_a_full_disk_events_are_written_inline(site, tmp_path):
    mount_small_disk(site, tmp_path)
    try:
        site.configure(on_full="inline", interval=3600.0)
        master = site.gunicorn("-w", "2")
        with Load(site) as load:
            load.until(400)
        master.stop()
        site.deliver()
        assert_nothing_lost_or_doubled(load, site.stored())
    finally:
        site.end()
        subprocess.run(["umount", "-l", str(site.spool)], check=True)


def test_events_that_do_not_fit_are_dropped_and_counted(site, tmp_path):
    mount_small_disk(site, tmp_path)
    try:
        site.configure(on_full="drop", interval=3600.0)
        master = site.gunicorn("-w", "1")
        with Load(site, threads=2) as load:
            load.until(400)
        master.stop()
        site.deliver()
        code = (
            "from eventlog.models import Log; print(sum(e['count'] for e in "
            "Log.objects.action('EVENTLOG_DROPPED').values_list('extra', flat=True)))"
        )
        dropped = int(site.manage("shell", "-v0", "-c", code))
        stored = site.stored()
        assert max(stored.values()) == 1
        assert dropped > 0
        assert len(stored) + dropped == len(load.answered)
    finally:
        site.end()
        subprocess.run(["umount", "-l", str(site.spool)], check=True)


def postgres(*command, **options):
    """Run a program of PostgreSQL, which refuses to run as root."""
    binaries = sorted(os.scandir("/usr/lib/postgresql"), key=lambda entry: float(entry.name))
    command = [os.path.join(binaries[-1].path, "bin", command[0]), *map(str, command[1:])]
    if os.getuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
    return subprocess.run(command, check=True, capture_output=True, **options)


@pytest.mark.skipif(
    DB != "postgresql" or not os.path.isdir("/usr/lib/postgresql"), reason="it stops PostgreSQL"
)
def test_a_stopped_postgresql_loses_and_doubles_no_event(tmp_path):
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    if os.getuid() == 0:
        shutil.chown(data, "postgres", "postgres")
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o055)
    postgres("initdb", "-D", data, "-U", "postgres", "-A", "trust")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    log = data / "log"
    postgres("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
    database = {"NAME": "postgres", "HOST": "127.0.0.1", "PORT": port, "USER": "postgres"}
    site = Site(tmp_path, database)
    try:
        site.manage("migrate", "-v0")
        master = site.gunicorn()
        with Load(site) as load:
            load.pace(1)
            postgres("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
            before = len(load.answered)
            load.pace(SECONDS / 2)
            kill_a_worker(master)
            load.pace(SECONDS / 2)
            assert len(load.answered) > before  # the site went on answering
            postgres("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
            load.pace(1)
        master.stop()
        site.deliver()
        assert_nothing_lost_or_doubled(load, site.stored())
    finally:
        site.end()
        postgres("pg_ctl", "-D", data, "-m", "immediate", "stop")


class Redis:
    """A Redis broker that stores nothing on disk."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.start()

    def start(self):
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", ""]
        self.process = Process([*command, "--dir", self.folder], dict(os.environ))
        self.process.listens(self.port)

    def stop(self):
        self.process.end()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"


class RabbitMQ:
    """A RabbitMQ node in addition to a system node."""

    PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def __init__(self, folder):
        self.port = free_port()
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        (folder / "plugins").write_text("[].\n")
        self.env = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"faults{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }
        self.start()

    def start(self):
        self.process = Process([self.PROGRAM], self.env).listens(self.port)

    def stop(self):
        self.process.end()

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"


@pytest.fixture
def redis(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is missing")
    broker = Redis(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def rabbitmq(tmp_path):
    if not os.path.exists(RabbitMQ.PROGRAM):
        pytest.skip("RabbitMQ is missing")
    (tmp_path / "rabbitmq").mkdir()
    broker = RabbitMQ(tmp_path / "rabbitmq")
    yield broker
    broker.stop()


def worker(site, *options):
    command = [sys.executable, "-m", "celery", "-A", "tests.fault_site", "worker", "-c", "2"]
    more = ["--without-gossip", "--without-mingle", "-l", "WARNING", *options]
    return site.start([*command, *more])


def wait_until_empty(site, load, worker):
    """Deliver until the worker has written all events."""
    for _ in range(150):
        if not any(site.spool.glob("*.[ji]*")):
            return
        assert worker.popen.poll() is None, worker.read_output()
        site.manage("eventlog_spool", "deliver")
        load.pace(0.2)
    raise AssertionError(f"the spool is not empty: {worker.read_output()[-3000:]}")


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_stopped_broker_and_a_killed_celery_worker_lose_and_double_no_event(site, kind, request):
    broker = request.getfixturevalue(kind)
    site.env["FAULTS_BROKER"] = broker.url
    site.configure("celery.CeleryBackend", resend_after=3.0)
    first = worker(site)
    master = site.gunicorn()
    with Load(site) as load:
        load.pace(SECONDS / 2)
        kill_a_worker(first)
        broker.stop()  # its messages are lost
        load.pace(SECONDS / 2)
        broker.start()
        first.end()
        second = worker(site)
        load.pace(1)
    master.stop()
    wait_until_empty(site, load, second)
    second.stop()
    assert_nothing_lost_or_doubled(load, site.stored())


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_the_doctor_knows_whether_a_celery_worker_reads_the_queue(site, kind, request):
    broker = request.getfixturevalue(kind)
    site.env["FAULTS_BROKER"] = broker.url
    site.configure("celery.CeleryBackend", queue="events")
    worker(site)  # of the default queue
    assert "queue-without-worker" in doctor(site)
    worker(site, "-Q", "events", "-n", "events@%h")
    # A worker may start slowly.
    assert any("queue-" not in doctor(site) for _ in range(10))
    broker.stop()
    assert "queue-unknown" in doctor(site)


def doctor(site):
    """Return the output of the doctor, which may find problems."""
    code = (
        "import tests.fault_site; from django.core.management import execute_from_command_line; "
        "execute_from_command_line(['manage.py', 'eventlog_doctor'])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=site.env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_killed_worker_of_django_tasks_loses_and_doubles_no_event(site):
    django_tasks = pytest.importorskip("django_tasks_db")
    assert django_tasks
    site.env["FAULTS_TASKS"] = "django_tasks_db.DatabaseBackend"
    site.configure("tasks.TasksBackend", resend_after=30.0)
    site.manage("migrate", "-v0")
    master = site.gunicorn()
    command = [sys.executable, "-m", "django", "db_worker", "--interval", "0.1"]
    first = site.start(command)
    with Load(site) as load:
        load.pace(SECONDS / 2)
        first.end()
        second = site.start(command)
        load.pace(SECONDS / 2)
    master.stop()
    wait_until_empty(site, load, second)
    second.end()
    assert_nothing_lost_or_doubled(load, site.stored())
