"""Each event has an identifier that is unique across stores."""

import os
from uuid import UUID

import pytest

from eventlog.models import Log, log
from eventlog.records.record import Record
from eventlog.records.uid import new_uid


def test_an_identifier_is_a_uuid_of_version_7_in_order_of_time():
    uids = [UUID(new_uid()) for _ in range(1000)]
    assert {(uid.version, uid.variant) for uid in uids} == {(7, "specified in RFC 4122")}
    assert len({*uids}) == 1000
    milliseconds = [uid.int >> 80 for uid in uids]
    assert milliseconds == sorted(milliseconds)


@pytest.mark.django_db
def test_each_row_has_an_identifier(client):
    log(None, "LOGGED")
    client.get("/ok/")
    uids = set(Log.objects.values_list("uid", flat=True))
    assert len(uids) == 2
    assert {uid.version for uid in uids} == {7}


def test_a_record_keeps_its_identifier_on_the_way_through_a_spool():
    record = Record.build(None, "X")
    assert Record.from_json(record.to_json()) == record
    assert record.uid


def test_a_forked_process_makes_other_identifiers():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_uid()[13:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() != new_uid()[13:]
    os.close(read)
    os.close(write)
