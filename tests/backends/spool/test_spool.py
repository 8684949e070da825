import os
import stat

import pytest

from eventlog.backends.spool import Spool, SpoolFull

from ..support import files
from .claimed import HERE, lines


def test_a_segment_with_batch_size_events_is_complete(tmp_path):
    spool = Spool(tmp_path, batch_size=2)
    completed = [spool.append(f"{number}", HERE) for number in range(5)]
    assert completed == [False, True, False, True, False]
    assert lines(spool) == [["0", "1"], ["2", "3"]]
    spool.rotate()
    assert lines(spool) == [["0", "1"], ["2", "3"], ["4"]]


def test_batch_bytes_limits_a_segment(tmp_path):
    spool = Spool(tmp_path, batch_bytes=100)
    for _ in range(20):
        spool.append("x" * 39, HERE)
    spool.rotate()
    assert [len(each) for each in lines(spool)] == [3] * 6 + [2]


def test_a_line_longer_than_batch_bytes_is_a_segment_of_its_own(tmp_path):
    spool = Spool(tmp_path, batch_bytes=100)
    assert spool.append("x" * 1000, HERE)
    assert not spool.append("y", HERE)
    spool.rotate()
    assert lines(spool) == [["x" * 1000], ["y"]]


def test_each_destination_has_its_own_segment(spool):
    for number, destination in enumerate([HERE, "sqlite@,there", HERE]):
        spool.append(f"{number}", destination)
    spool.rotate()
    segments = list(spool.claim())
    assert [(each.destination, each.lines()) for each in segments] == [
        (HERE, ["0", "2"]),
        ("sqlite@,there", ["1"]),
    ]
    for each in segments:
        each.release()


def test_a_process_keeps_few_files_open_for_many_destinations(spool):
    def open_files():
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    for number in range(200):
        spool.append("x", f"sqlite@,{number}")
    assert open_files() - before <= 32
    spool.rotate()
    assert len(lines(spool)) == 200


def test_a_segment_that_is_claimed_cannot_be_claimed_by_another_process(spool):
    spool.append("x", HERE)
    spool.rotate()
    (segment,) = spool.claim()
    assert list(Spool(spool.directory).claim()) == []
    segment.release()
    assert lines(Spool(spool.directory)) == [["x"]]


def test_the_directory_and_its_files_are_private(spool):
    spool.append("x", HERE)
    (path,) = files(spool)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_empty_file_of_a_killed_process_is_removed(spool):
    spool.directory.mkdir()
    (spool.directory / f"0-1-0.{HERE}.jsonl").touch()
    assert lines(spool) == []
    assert files(spool) == []


def test_files_in_another_format_are_left_alone(spool):
    spool.append("x", HERE)
    spool.rotate()
    other = spool.directory / "README"
    other.write_text("events of the site")
    assert lines(spool) == [["x"]]
    assert other.exists()


def test_max_bytes_limits_the_size_of_a_spool(tmp_path):
    spool = Spool(tmp_path, max_bytes=20)
    spool.append("x" * 15, HERE)
    with pytest.raises(SpoolFull, match="max_bytes"):
        spool.append("x" * 15, HERE)
    assert spool.append("x", HERE) is False
    assert spool.size() <= 20


class TestRemoved:
    def test_events_in_an_open_file_that_is_deleted_are_saved(self, spool, caplog):
        spool.append("before", HERE)
        files(spool)[0].unlink()
        spool.append("after", HERE)
        spool.rotate()
        assert lines(spool) == [["before"], ["after"]]
        assert spool.removed_batches() == {}
        assert "was removed from the spool" in caplog.text

    def test_events_in_an_open_file_are_saved_when_the_spool_is_idle(self, spool):
        spool.append("before", HERE)
        files(spool)[0].unlink()
        spool.rotate()
        assert lines(spool) == [["before"]]

    def test_completed_segments_that_are_deleted_are_counted_once(self, tmp_path):
        spool = Spool(tmp_path / "spool", batch_size=2)
        for number in range(5):
            spool.append(f"{number}", HERE)
        for path in files(spool):
            path.unlink()
        spool.directory.rmdir()
        spool.append("after", HERE)
        assert [*spool.removed_batches()[HERE].values()] == [2, 2]
        assert spool.removed_batches() == {}
        spool.rotate()
        assert [line for segment in lines(spool) for line in segment] == ["4", "after"]

    def test_a_segment_in_flight_is_not_counted(self, tmp_path):
        spool = Spool(tmp_path, batch_size=1)
        spool.append("x", HERE)
        (segment,) = spool.claim()
        segment.mark_in_flight()
        assert spool.removed_batches() == {}
