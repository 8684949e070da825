import os

from eventlog.backends.spool import Spool

from ..support import files
from .claimed import HERE, lines


def test_a_batch_in_flight_is_kept_until_it_is_acknowledged(spool):
    spool.append("x", HERE)
    spool.rotate()
    (segment,) = spool.claim()
    segment.mark_in_flight()
    assert lines(spool) == []
    assert list(spool.in_flight()) == [HERE]
    assert list(spool.in_flight()[HERE]) == [segment.id]
    assert (spool.status().events, spool.status().in_flight) == (1, 1)
    spool.ack(segment.id, HERE)
    assert files(spool) == []


def test_a_batch_that_is_requeued_can_be_claimed_again(spool):
    spool.append("x", HERE)
    spool.rotate()
    (segment,) = spool.claim()
    segment.mark_in_flight()
    spool.requeue(segment.id, HERE)
    assert lines(spool) == [["x"]]
    spool.requeue(segment.id, HERE)  # by a second process
    assert lines(spool) == [["x"]]


def test_reassign_changes_the_segments_of_one_destination(tmp_path):
    spool = Spool(tmp_path, batch_size=1)
    for destination in ("old", "old", "other"):
        spool.append("x", destination)
    assert spool.reassign("old", "new") == 2
    assert spool.status().destinations == {"new": 2, "other": 1}


def test_reassign_leaves_the_file_that_a_process_writes(spool):
    spool.append("x", "old")
    assert Spool(spool.directory).reassign("old", "new") == 0


def test_clean_up_removes_segments_of_abandoned_destinations(tmp_path):
    spool = Spool(tmp_path, batch_size=1)
    for destination in ("abandoned", "other"):
        spool.append("x", destination)
    spool.clean_up(lambda destination: destination == "abandoned")
    assert spool.status().destinations == {"other": 1}


def test_clean_up_removes_old_temporary_files(spool):
    spool.directory.mkdir()
    old, new = spool.directory / ".old.tmp", spool.directory / ".new.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    spool.clean_up(lambda destination: False)
    assert (old.exists(), new.exists()) == (False, True)
