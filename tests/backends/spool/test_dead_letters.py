import json

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
