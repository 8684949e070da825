import pytest
from django.db import OperationalError

from eventlog.backends.buffered import BufferedBackend
from eventlog.backends.delivery.pacer import NoPacer
from eventlog.backends.delivery.segments import SegmentDelivery
from eventlog.backends.spool import Segment, Spool
from eventlog.models import DeliveredBatch, log
from eventlog.records.record import Record

from ..support import actions, files, here

pytestmark = pytest.mark.django_db(transaction=True)


class FailingDelivery(SegmentDelivery):
    """A delivery that fails for some segments."""

    error = RuntimeError("a trigger of the site")

    def __init__(self, spool, on_lost=lambda count: None):
        super().__init__(spool, on_lost)
        self.failing = set()
        self.tried = []

    def send(self, segment, using, pacer):
        self.tried.append(segment.id)
        if segment.id in self.failing:
            raise self.error
        super().send(segment, using, pacer)

    def run_once(self, deadline=None):
        return self.run(NoPacer(), deadline, lambda: False)


@pytest.fixture
def delivery(tmp_path):
    """A delivery of five segments with one event each."""
    spool = Spool(tmp_path, batch_size=1)
    for number in range(5):
        spool.append(Record.build(None, f"X{number}").to_json(), here())
    return FailingDelivery(spool)


def ids(delivery):
    return [path.name.partition(".")[0] for path in files(delivery.spool, "*.jsonl")]


def test_segments_are_delivered_oldest_first(delivery):
    assert delivery.run_once()
    assert actions() == ["X0", "X1", "X2", "X3", "X4"]
    assert files(delivery.spool) == []


def test_failing_segments_block_neither_other_segments_nor_pruning(delivery):
    DeliveredBatch.objects.create(id="1-1-1", count=1, written="2020-01-01T00:00:00Z")
    delivery.failing = {*ids(delivery)[:3]}
    assert not delivery.run_once()
    assert (actions(), DeliveredBatch.objects.filter(pk="1-1-1").count()) == ([], 1)
    assert not delivery.run_once()
    assert (actions(), DeliveredBatch.objects.filter(pk="1-1-1").count()) == (["X3", "X4"], 0)
    delivery.failing = set()
    assert delivery.run_once()
    assert actions() == ["X3", "X4", "X0", "X1", "X2"]


def test_two_segments_are_tried_in_each_round_while_the_database_is_down(delivery):
    delivery.failing, delivery.error = {*ids(delivery)}, OperationalError("it is down")
    for _ in range(3):
        assert not delivery.run_once()
    assert len(delivery.tried) == 6


def test_nothing_is_delivered_after_the_deadline(delivery):
    assert not delivery.run_once(deadline=0.0)
    assert delivery.tried == []
    assert delivery.run_once()


def test_a_round_ends_after_a_segment_when_it_is_stopped(delivery):
    assert not delivery.run(NoPacer(), None, lambda: len(delivery.tried) == 2)
    assert actions() == ["X0", "X1"]


def test_a_segment_that_was_written_but_not_removed_is_not_written_again(delivery, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Segment, "remove", Segment.release)
        delivery.run_once()
    assert len(ids(delivery)) == 5
    assert delivery.run_once()
    assert len(actions()) == 5
    assert files(delivery.spool) == []


def test_a_directory_that_refuses_deletion_for_months_causes_no_duplicates(
    tmp_path, delivery, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Segment, "remove", Segment.release)
        for _ in range(3):
            # Each process prunes in its first round.
            FailingDelivery(Spool(tmp_path)).run_once()
            DeliveredBatch.objects.update(written="2020-01-01T00:00:00Z")
    FailingDelivery(Spool(tmp_path)).run_once()
    assert len(actions()) == 5


def test_the_id_of_an_existing_segment_is_renewed(delivery, monkeypatch):
    monkeypatch.setattr(Segment, "remove", Segment.release)
    delivery.run_once()
    DeliveredBatch.objects.update(written="2020-01-01T00:00:00Z")
    delivery.run_once()
    assert not DeliveredBatch.objects.filter(written__year=2020).exists()


def test_the_id_of_a_segment_at_a_broker_is_kept(delivery):
    first, *others = delivery.spool.claim()
    first.mark_in_flight()
    for other in others:
        other.remove()
    for batch_id in (first.id, "1-1-1"):
        DeliveredBatch.objects.create(id=batch_id, count=1, written="2020-01-01T00:00:00Z")
    delivery.run_once()
    assert DeliveredBatch.objects.get().pk == first.id


def test_old_ids_are_pruned_when_their_segments_are_gone(tmp_path, delivery):
    delivery.run_once()
    DeliveredBatch.objects.update(written="2020-01-01T00:00:00Z")
    FailingDelivery(Spool(tmp_path)).run_once()
    assert not DeliveredBatch.objects.exists()


def test_segments_of_an_unknown_destination_wait_and_are_reported_once(delivery, caplog):
    delivery.spool.append("x", "postgresql@elsewhere:5432,shop")
    assert not delivery.run_once()
    assert not delivery.run_once()
    assert len(actions()) == 5
    assert delivery.spool.status().destinations == {"postgresql@elsewhere:5432,shop": 1}
    (record,) = [each for each in caplog.records if "elsewhere" in each.message]
    assert "eventlog_spool reassign" in record.message


def test_segments_of_another_test_database_are_ignored_without_a_report(delivery, caplog):
    clone = here().replace("!test-", "_1!test-")  # of another process of a parallel test run
    delivery.spool.append("x", clone)
    assert delivery.run_once()
    assert delivery.spool.status().destinations == {clone: 1}
    assert caplog.text == ""


def test_many_unknown_destinations_do_not_block_the_known_destination(tmp_path):
    spool = Spool(tmp_path, batch_size=1)
    for number in range(60):
        spool.append("x", f"postgresql@elsewhere:5432,shop{number}")
    spool.append(Record.build(None, "X").to_json(), here())
    assert not FailingDelivery(spool).run_once()
    assert actions() == ["X"]


def test_a_segment_that_cannot_be_opened_does_not_block_the_others(delivery, caplog):
    strange = delivery.spool.directory / f"0-other-user.{here()}.jsonl"
    strange.symlink_to(strange.name)  # opening it fails for root as well
    assert not delivery.run_once()
    assert len(actions()) == 5
    assert "0-other-user" in caplog.text


def test_a_directory_in_place_of_a_segment_does_not_block_the_others(delivery):
    (delivery.spool.directory / f"0-strange.{here()}.jsonl").mkdir()
    assert not delivery.run_once()
    assert len(actions()) == 5


class TestLost:
    @pytest.fixture
    def lost(self, delivery):
        counts = []
        delivery = FailingDelivery(delivery.spool, counts.append)
        return delivery, counts

    def test_removed_segments_are_counted(self, lost):
        delivery, counts = lost
        for path in files(delivery.spool):
            path.unlink()
        delivery.spool.directory.rmdir()
        delivery.run_once()
        delivery.run_once()
        assert counts == [5]

    def test_single_segments_that_are_removed_are_counted(self, lost):
        delivery, counts = lost
        for path in files(delivery.spool)[:2]:
            path.unlink()
        delivery.run_once()
        assert (counts, len(actions())) == ([2], 3)

    def test_a_segment_that_was_delivered_is_not_counted(self, lost):
        delivery, counts = lost
        delivery.run_once()
        assert (counts, len(actions())) == ([], 5)

    def test_segments_that_another_process_delivered_are_not_counted(self, lost):
        delivery, counts = lost
        BufferedBackend(spool=delivery.spool.directory, interval=None).flush()
        delivery.run_once()
        assert counts == []


def test_a_database_that_is_down_loses_nothing(backend, monkeypatch, caplog):
    def down(*args, **kwargs):
        raise OperationalError("the database is down")

    with monkeypatch.context() as patch:
        patch.setattr("eventlog.backends.sql.delivered.deliver", down)
        for action in "AB":
            log(None, action)
            assert not backend.flush()
    assert "the database is down" in caplog.text
    assert backend.flush()
    assert actions() == ["A", "B"]
