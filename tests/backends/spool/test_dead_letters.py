import json

import pytest

from eventlog.backends.spool import Rejected

from ..support import files
from .claimed import HERE, lines


def test_dead_letters_are_listed_and_put_back(spool):
    spool.dead_letters.add("1-1-1", HERE, [Rejected("line", "reason")])
    assert spool.dead_letters.read() == [Rejected("line", "reason")]
    assert spool.status().dead_letters == 1
    assert spool.dead_letters.retry() == 1
    assert lines(spool) == [["line"]]
    assert spool.dead_letters.read() == []


def test_dead_letters_put_back_twice_have_the_same_batch_id(spool):
    ids = set()
    for _ in range(2):
        spool.dead_letters.add("1-1-1", HERE, [Rejected("line", "reason")])
        spool.dead_letters.retry()
        (segment,) = spool.claim()
        ids.add(segment.id)
        segment.remove()
    assert len(ids) == 1


def test_a_file_of_dead_letters_can_be_read_with_ordinary_tools(spool):
    spool.dead_letters.add("1-1-1", HERE, [Rejected("line", "reason")])
    (path,) = files(spool, "*.dead")
    assert json.loads(path.read_text()) == {"line": "line", "reason": "reason"}


@pytest.mark.parametrize(
    "damage", [b"not JSON\n", b"[1]\n", b'{"line": 1, "reason": 2}\n', b'{"line": "x"\n', b"\xff\n"]
)
def test_a_damaged_file_is_named_and_does_not_hold_the_others(spool, damage):
    spool.dead_letters.add("1-1-1", HERE, [Rejected("line", "reason")])
    (spool.directory / "0-0-0.dead").write_bytes(damage)
    damaged, other = spool.dead_letters.read()
    assert damaged.line == "0-0-0.dead" and "cannot be read" in damaged.reason
    assert other == Rejected("line", "reason")
    assert spool.dead_letters.retry() == 1
    assert (spool.directory / "0-0-0.dead").read_bytes() == damage


def test_a_directory_among_the_dead_letters_does_not_hold_the_others(spool):
    spool.dead_letters.add("1-1-1", HERE, [Rejected("line", "reason")])
    (spool.directory / "0-0-0.dead").mkdir()
    assert len(spool.dead_letters.read()) == 2
    assert spool.dead_letters.retry() == 1
