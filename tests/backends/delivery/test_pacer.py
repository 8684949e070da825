import pytest

from eventlog.backends.delivery import pacer as pacing
from eventlog.backends.delivery.pacer import NoPacer, Pacer

from ..support import Clock


@pytest.fixture
def segment(spool):
    """A segment of a megabyte."""
    for _ in range(3000):
        spool.append("x" * 400, "here")
    spool.rotate()
    (segment,) = spool.claim()
    yield segment
    segment.release()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pacing, "time", clock)
    return clock


def sizes(chunks):
    return [sum(len(line) + 1 for line in chunk) for chunk in chunks]


@pytest.mark.parametrize(
    ("waiting", "late", "size"),
    [
        (10**9, 0.0, pacing.CHUNK_BYTES),
        (10**7, 0.005, pacing.CHUNK_BYTES + 10**4 * pacing.WAITS_PER_CHUNK),
        (10**9, 0.015, pacing.READ_BYTES),
    ],
)
def test_chunks_are_small_unless_the_thread_could_not_keep_up(segment, clock, waiting, late, size):
    clock.late = late
    pacer = Pacer(5.0)
    pacer.start_round(waiting, urgent=False)
    found = sizes(pacer.chunks(segment, holds_locks=False))
    assert sum(found) == segment.path.stat().st_size
    assert max(found) == pytest.approx(size, abs=500)


@pytest.mark.parametrize(
    ("interval", "shortest", "longest"),
    [
        (2.0, 0.95, 1.05),  # seconds of all sleeps
        (3600.0, 0.95 * pacing.MAX_SPREAD, 1.05 * pacing.MAX_SPREAD),
        (1e-9, 100 * pacing.MIN_REST, 250 * pacing.MIN_REST),
    ],
)
def test_the_sleeps_of_a_round_take_half_its_interval_within_limits(
    segment, clock, interval, shortest, longest
):
    pacer = Pacer(interval)
    pacer.start_round(segment.path.stat().st_size, urgent=False)
    list(pacer.chunks(segment, holds_locks=False))
    assert len({*clock.rests}) == 1
    assert shortest <= sum(clock.rests) <= longest


def test_a_sleep_is_short_if_few_bytes_wait(segment, clock):
    pacer = Pacer(5.0)
    pacer.start_round(100, urgent=False)
    next(iter(pacer.chunks(segment, holds_locks=False)))
    assert clock.rests == [pacing.MAX_REST]


@pytest.mark.parametrize(("urgent", "holds_locks"), [(True, False), (False, True)])
def test_sleeps_are_minimal_in_an_urgent_round_and_while_locks_are_held(
    segment, clock, urgent, holds_locks
):
    pacer = Pacer(5.0)
    pacer.start_round(10_000, urgent=urgent)
    list(pacer.chunks(segment, holds_locks=holds_locks))
    assert {*clock.rests} == {pacing.MIN_REST}


def test_sleeps_end_when_another_thread_waits_for_the_round(segment, clock):
    pacer = Pacer(5.0)
    pacer.start_round(10**6, urgent=False)
    chunks = pacer.chunks(segment, holds_locks=False)
    next(chunks)
    pacer.hurry.set()
    assert len([*chunks]) == 2  # of a megabyte at most
    assert len(clock.rests) == 1


def test_without_a_pacer_a_segment_is_read_in_large_chunks(segment, clock):
    chunks = list(NoPacer().chunks(segment, holds_locks=False))
    assert len(chunks) == 2
    assert clock.rests == []
