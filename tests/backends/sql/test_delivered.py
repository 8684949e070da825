"""A batch is written exactly once, even with invalid lines."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from eventlog.backends.sql import delivered
from eventlog.models import DeliveredBatch, Log, log
from eventlog.records.columns import EVENT_KEY, EXTRA_KEY
from eventlog.records.record import Record

from ...shop.models import Widget
from ..support import actions, files, mysql_only, postgresql_only

pytestmark = pytest.mark.django_db(transaction=True)


VALID = Record.build(None, "X", dateof=datetime(2026, 1, 1, tzinfo=UTC)).to_json()


def line(action, **facts):
    return Record.build(None, action, **facts).to_json()


def damaged_lines():
    """Yield lines in which a value of an event has another type, or no valid value."""
    start = len(EVENT_KEY)
    head, _, extra = VALID.partition(EXTRA_KEY)
    values = json.loads(head[start:])
    for number, wrong in (
        *((2, [1]), (4, [1]), (5, 5), (6, {}), (8, 5), (8, None), (9, ["x"]), (10, 1.5)),
        *((11, ["x"]), (12, 5), (12, "z" * 32), (12, "ab"), (13, None)),
    ):
        event = json.dumps([*values[:number], wrong, *values[number + 1 :]])
        yield f"{EVENT_KEY}{event}{EXTRA_KEY}{extra}"
    yield EVENT_KEY + "[" * 100_000


@pytest.fixture
def deliver():
    """Deliver a batch in chunks; return its dead letters."""

    def run(*chunks, batch_id="1-1-1"):
        dead = []
        delivered.deliver(
            batch_id, lambda: chunks, "default", lambda batch_id, rejected: dead.extend(rejected)
        )
        return dead

    return run


def test_a_batch_is_written_once(deliver):
    for _ in range(2):
        assert deliver([line("X")], [line("Y")]) == []
    assert actions() == ["X", "Y"]
    assert delivered.delivered_batches(["1-1-1", "2-2-2"]) == {"1-1-1"}


def test_an_invalid_line_among_500_becomes_a_dead_letter(backend, caplog):
    for number in range(500):
        log(None, f"A{number}", {"number": number})
    (path,) = files(backend.spool)
    path.write_text(path.read_text().replace('{"number":250}', "{broken}"))
    backend.flush()
    assert actions() == [f"A{number}" for number in range(500) if number != 250]
    (rejected,) = backend.spool.dead_letters.read()
    assert "{broken}" in rejected.line
    assert "Error" in rejected.reason
    assert "Dead letters" in caplog.text


@pytest.mark.parametrize(
    "invalid",
    [
        "no json",
        "[]",
        '{"event":["X"]}',
        '{"event":["X"],"extra":{}}',
        VALID.replace("2026", "x"),
        VALID.replace('"X"', "null"),
        VALID.replace("[", '["one too many",'),
        VALID.replace("[", "").replace("]", ""),
        VALID.removesuffix("}"),
        VALID.replace("event", "other"),
        *damaged_lines(),
    ],
)
@pytest.mark.parametrize("chunked", [True, False])
def test_a_line_that_is_not_an_event_is_a_dead_letter(deliver, invalid, chunked):
    lines = [line("A"), invalid, line("B")]
    dead = deliver(*([each] for each in lines)) if chunked else deliver(lines)
    assert [each.line for each in dead] == [invalid]
    assert actions() == ["A", "B"]
    assert DeliveredBatch.objects.get().count == 2


def test_nothing_is_written_if_dead_letters_cannot_be_kept(backend, monkeypatch):
    log(None, "A")
    log(None, "B")
    (path,) = files(backend.spool)
    path.write_text(path.read_text().replace('"A"', "null"))

    def full(*args):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(backend.spool.dead_letters, "add", full)
        assert not backend.flush()
    assert actions() == []
    assert backend.flush()
    assert actions() == ["B"]
    assert len(backend.spool.dead_letters.read()) == 1


def test_dead_letters_put_back_twice_are_written_once(backend):
    log(None, "A")
    log(None, "B")
    (path,) = files(backend.spool)
    good = path.read_text()
    path.write_text(good.replace('"A"', "null"))
    backend.flush()
    (dead,) = files(backend.spool, "*.dead")
    mended = json.dumps({"line": good.splitlines()[0], "reason": "mended"}) + "\n"
    for _ in range(2):
        dead.write_text(mended)
        backend.spool.dead_letters.retry()
        backend.flush()
    assert sorted(actions()) == ["A", "B"]


def test_a_line_that_was_cut_short_is_skipped(backend):
    log(None, "A")
    (path,) = files(backend.spool)
    with path.open("a") as file:
        file.write('{"timestamp":"2026')
    assert backend.flush()
    assert actions() == ["A"]
    assert not backend.spool.dead_letters.read()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite checks keys at the commit alone")
def test_an_event_whose_content_type_does_not_exist_is_a_dead_letter(backend, monkeypatch):
    log(None, "OK")
    log(None, "BAD", obj=Widget.objects.create(name="w"))
    monkeypatch.setattr("eventlog.backends.sql.insert.content_type_id", lambda *args: 999_999)
    assert backend.flush()
    assert (actions(), backend.status().dead_letters) == (["OK"], 1)


@postgresql_only
def test_a_value_too_long_for_an_index_of_the_site_is_a_dead_letter(backend):
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX own ON eventlog_log ((extra ->> 'note'))")
    try:
        for note in ("short", "".join(map(chr, range(256, 9000))), "short"):
            log(None, "X", {"note": note})
        assert backend.flush()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX own")
    assert actions() == ["X", "X"]
    assert len(backend.spool.dead_letters.read()) == 1


@pytest.fixture
def old_column():
    """``user_repr`` as in a table that was made before utf8mb4."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW CREATE TABLE eventlog_log")
        (column,) = re.findall(r"^ *(`user_repr` .*),$", cursor.fetchone()[1], re.MULTILINE)
        modify = "ALTER TABLE eventlog_log MODIFY"
        cursor.execute(f"{modify} user_repr varchar(255) CHARACTER SET latin1 NOT NULL")
        yield
        cursor.execute("DELETE FROM eventlog_log")
        cursor.execute(f"{modify} {column}")


@mysql_only
def test_a_character_that_an_old_column_cannot_hold_is_a_dead_letter(backend, old_column):
    for name in ("anna", "\N{SNOWMAN}", "bert"):
        log(User(pk=1, username=name), "X")
    assert backend.flush()
    assert list(Log.objects.order_by("id").values_list("user_repr", flat=True)) == ["anna", "bert"]
    assert backend.status().dead_letters == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases have many writers")
def test_sqlite_is_not_locked_while_a_segment_is_read():
    locked = []

    def chunks():
        for number in range(3):
            locked.append(connection.in_atomic_block)
            yield [line(f"X{number}")] * 200

    delivered.deliver("1-1-1", chunks, "default", lambda *args: None)
    assert locked == [False] * 3
    assert actions() == [f"X{number}" for number in range(3) for _ in range(200)]


def test_the_hours_of_old_events_are_marked_as_stale_once_at_the_end_of_a_batch(deliver):
    """Other transactions that write events of these hours wait for the locks."""
    old = line("X", extra={}, obj=None, dateof=datetime(2020, 1, 1, tzinfo=UTC))
    with CaptureQueriesContext(connection) as queries:
        deliver(*([old] for _ in range(3)))
    marked = ["eventlog_countedhour" in query["sql"] for query in queries]
    counted = ["UPDATE" in query["sql"] and "batch" in query["sql"] for query in queries]
    assert marked.count(True) == 1
    assert counted.index(True) == marked.index(True) + 1


def test_rows_are_written_together_under_debug_too(deliver, settings):
    settings.DEBUG = True
    with CaptureQueriesContext(connection) as queries:
        deliver([line("X")] * 300)
    assert Log.objects.count() == 300
    assert len(queries) < 50


def test_a_database_error_in_the_middle_writes_nothing(deliver):
    def chunks():
        yield [line("A")]
        raise OperationalError("on purpose")

    with pytest.raises(OperationalError):
        delivered.deliver("1-1-1", chunks, "default", lambda *args: None)
    assert (actions(), DeliveredBatch.objects.count()) == ([], 0)
    deliver([line("A")])
    assert actions() == ["A"]
