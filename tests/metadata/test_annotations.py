"""What code says about its events with ``eventlog.context()`` and ``eventlog.annotate()``."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path

import eventlog
from eventlog.decorators import log_request
from eventlog.models import Log, alog, log

from ..settings import DB

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db):
    return User.objects.create_user("admin")


def test_events_in_a_block_have_its_values(anna, admin, outbox):
    with eventlog.context(
        user=anna, acting_user=admin, ip="2001:DB8::1", reason="ticket 4711", extra={"job": 7}
    ):
        log(None, "INSIDE", extra={"own": 1})
    log(None, "OUTSIDE")
    inside, outside = outbox
    assert (inside.user_id, inside.user_repr, inside.ip) == (anna.pk, "anna", "2001:db8::1")
    assert inside.extra == {
        "ip": "2001:db8::1",
        "acting_user": "admin",
        "acting_user_id": str(admin.pk),
        "reason": "ticket 4711",
        "job": 7,
        "own": 1,
    }
    assert (outside.user_id, outside.extra) == (None, {})


def test_inner_blocks_add_to_outer_ones_and_take_precedence(anna, admin, outbox):
    with eventlog.context(user=anna, reason="outer", extra={"a": 1, "b": 1}):
        with eventlog.context(user=admin, extra={"b": 2}):
            log(None, "INNER")
        log(None, "OUTER")
    inner, outer = outbox
    assert (inner.user_repr, outer.user_repr) == ("admin", "anna")
    assert inner.extra == {"reason": "outer", "a": 1, "b": 2}
    assert outer.extra == {"reason": "outer", "a": 1, "b": 1}


def test_the_user_and_the_values_of_log_take_precedence_over_those_of_the_block(
    anna, admin, outbox
):
    with eventlog.context(user=anna, reason="of the block", extra={"a": 1}):
        log(admin, "X", extra={"a": 2, "reason": "own"})
    (event,) = outbox
    assert event.user_repr == "admin"
    assert event.extra == {"a": 2, "reason": "own"}
    assert event.own_keys == ",reason,"


def test_a_block_that_raises_ends(anna, outbox):
    with pytest.raises(KeyError), eventlog.context(user=anna):
        raise KeyError
    log(None, "AFTER")
    assert outbox[0].user_repr == ""


@pytest.mark.django_db(transaction=True)
def test_tasks_of_one_loop_have_blocks_of_their_own(anna, admin, outbox):
    async def work(user, ready, wait):
        async with eventlog.context(user=user):
            ready.set()
            await wait.wait()
            await alog(None, f"BY_{user.username.upper()}")

    async def both():
        first, second = asyncio.Event(), asyncio.Event()
        await asyncio.gather(work(anna, first, second), work(admin, second, first))

    asyncio.run(both())
    assert {(event.action, event.user_repr) for event in outbox} == {
        ("BY_ANNA", "anna"),
        ("BY_ADMIN", "admin"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ip": "here"}, "ip is 'here'"),
        ({"ip": "fe80::1%" + "x" * 100}, "ip is 'fe80"),
        ({"reason": 4711}, "reason is 4711"),
        ({"extra": [1]}, r"extra is \[1\]"),
        ({"extra": {"a": {1}}}, "a"),
        ({"user": "anna"}, "user is 'anna'"),
        ({"acting_user": 7}, "acting_user is 7"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_it(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        eventlog.context(**arguments)


def test_secrets_in_the_reason_and_in_extra_are_masked(outbox):
    with eventlog.context(reason="password=hunter2", extra={"password": "hunter2"}):
        log(None, "X")
    assert "hunter2" not in str(outbox[0].extra)


def test_the_address_of_a_block_is_anonymized_as_others(settings, outbox):
    settings.EVENTLOG = {**settings.EVENTLOG, "ANONYMIZE_IP": True}
    with eventlog.context(ip="203.0.113.7"):
        log(None, "X")
    assert outbox[0].ip == "203.0.113.0"


def test_without_enrich_an_event_has_the_values_of_the_block_only(client, settings, outbox):
    settings.EVENTLOG = {**settings.EVENTLOG, "ENRICH": False}
    settings.ROOT_URLCONF = __name__
    client.get("/block/")
    inside, _of_request, _request = outbox
    assert inside.extra == {"reason": "ticket 4711"}


def block(request):
    with eventlog.context(reason="ticket 4711"):
        log(None, "INSIDE")
        log(None, "OF_THE_REQUEST", request=request)
    return HttpResponse()


def annotated_in_a_block(request):
    with eventlog.context(extra={"order": 7}):
        eventlog.annotate(request, reason="ticket 4711")
        log(None, "INSIDE")
    return HttpResponse()


def raising(request):
    with eventlog.context(reason="ticket 4711"):
        raise KeyError


def annotated(request):
    eventlog.annotate(request, reason="ticket 4711", extra={"order": 7})
    log(None, "INSIDE")
    return HttpResponse()


@log_request("DECORATED")
def decorated(request):
    return HttpResponse()


def decorated_in_a_block(request):
    with eventlog.context(reason="ticket 4711"):
        return decorated(request)


urlpatterns = [
    path("block/", block),
    path("annotated-in-a-block/", annotated_in_a_block),
    path("raising/", raising),
    path("annotated/", annotated),
    path("decorated-in-a-block/", decorated_in_a_block),
]


@pytest.fixture
def visit(client, settings):
    settings.ROOT_URLCONF = __name__

    def get(path):
        client.get(path)
        return [(event.action, event.extra) for event in Log.objects.order_by("pk")]

    return get


def test_a_block_inside_a_request_keeps_the_facts_of_the_request(visit):
    inside, of_request, request = visit("/block/")
    assert inside[1]["path"] == of_request[1]["path"] == request[1]["path"] == "/block/"
    assert inside[1]["reason"] == of_request[1]["reason"] == "ticket 4711"
    assert "reason" not in request[1]


def test_an_exception_inside_a_block_is_still_the_exception_of_the_request(visit):
    ((_, extra),) = visit("/raising/")
    assert extra["exception"] == "KeyError"


def test_annotations_belong_to_the_request_and_all_events_during_it(visit):
    for _, extra in visit("/annotated/"):
        assert (extra["reason"], extra["order"]) == ("ticket 4711", 7)


def test_annotations_inside_a_block_apply_to_the_block(visit):
    inside, request = visit("/annotated-in-a-block/")
    assert (inside[1]["reason"], inside[1]["order"]) == ("ticket 4711", 7)
    assert request[1]["reason"] == "ticket 4711"


def test_a_source_that_fails_costs_no_event(visit, monkeypatch, caplog):
    def broken(request):
        raise RuntimeError("the session store is down")

    monkeypatch.setattr("eventlog.metadata.given.sources", {broken})
    (inside, _request) = visit("/annotated/")
    assert inside[1]["reason"] == "ticket 4711"
    assert "the session store is down" in caplog.text


def test_a_decorated_view_inside_a_block_is_recorded_once(visit):
    assert [action for action, _ in visit("/decorated-in-a-block/")] == ["DECORATED"]


def test_only_requests_can_be_annotated():
    with pytest.raises(TypeError, match="request is 7"):
        eventlog.annotate(7, reason="x")


SCRIPT = """
import eventlog
from eventlog.models import log
from eventlog.backends.locmem import outbox
with eventlog.context():
    log(None, "X")
print(outbox[0].extra["command"])
"""


def test_a_block_in_a_management_command_records_its_name(tmp_path):
    (tmp_path / "locmem.py").write_text(
        "from tests.settings import *\n"
        "EVENTLOG = {'BACKEND': 'eventlog.backends.locmem.LocMemBackend'}\n"
    )
    command = [sys.executable, "-m", "django", "shell", "-v0", "-c", SCRIPT]
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "DJANGO_SETTINGS_MODULE": "locmem"}
    env |= {"EVENTLOG_TEST_DB": DB}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "shell", done.stderr


def test_threads_may_share_a_block(outbox):
    shared = eventlog.context(reason="nightly")
    first_is_inside, second_is_inside = threading.Event(), threading.Event()

    def work(name, ready, wait):
        with eventlog.context(extra={"name": name}):
            with shared:
                ready.set()
                wait.wait(10)
            log(None, name)

    threads = [
        threading.Thread(target=work, args=("A", first_is_inside, second_is_inside)),
        threading.Thread(target=work, args=("B", second_is_inside, first_is_inside)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {event.action: event.extra for event in outbox} == {
        "A": {"name": "A"},
        "B": {"name": "B"},
    }


def test_blocks_that_end_in_the_wrong_order_all_end(outbox):
    outer, inner = eventlog.context(reason="outer"), eventlog.context(reason="inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    log(None, "AFTER")
    assert outbox[0].extra == {}


def test_a_block_applies_to_an_event_of_a_request_outside_the_middleware(anna, rf, outbox):
    with eventlog.context(user=anna, reason="ticket 4711"):
        log(None, "X", request=rf.get("/a/"))
    (event,) = outbox
    assert (event.user_repr, event.extra["reason"], event.extra["path"]) == (
        "anna",
        "ticket 4711",
        "/a/",
    )


def test_extra_that_is_too_large_is_an_error_of_the_block(settings):
    settings.EVENTLOG = {"MAX_EXTRA_BYTES": 2000}
    with pytest.raises(ValueError, match="MAX_EXTRA_BYTES"):
        eventlog.context(extra={"a": "x" * 3000})


def test_a_mapped_address_is_that_of_the_client(outbox):
    with eventlog.context(ip="::ffff:192.0.2.7"):
        log(None, "X")
    assert outbox[0].ip == "192.0.2.7"
