"""Requests, sign-ins and changes of models that django-easy-audit has recorded."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth import signals as auth
from django.contrib.auth.models import Group, User
from django.core.signals import request_started
from django.db import connection
from django.db.models import signals
from easyaudit import settings as easyaudit_settings
from easyaudit.models import CRUDEvent, LoginEvent, RequestEvent
from easyaudit.signals import auth_signals, model_signals, request_signals

from eventlog.models import Log
from eventlog.records.redaction import MASK
from eventlog.records.user_state import KNOWN, UNKNOWN

from .models import Label, Product
from .running import events, imported, run

pytestmark = pytest.mark.django_db
RECEIVERS = (
    (request_started, request_signals.request_started_handler),
    (auth.user_logged_in, auth_signals.user_logged_in),
    (auth.user_logged_out, auth_signals.user_logged_out),
    (auth.user_login_failed, auth_signals.user_login_failed),
    (signals.pre_save, model_signals.pre_save),
    (signals.post_save, model_signals.post_save),
    (signals.m2m_changed, model_signals.m2m_changed),
    (signals.post_delete, model_signals.post_delete),
)


@pytest.fixture(autouse=True)
def _recording(settings, monkeypatch):
    settings.ROOT_URLCONF = "tests.packages.importers.urls"
    settings.TEST = True  # django-easy-audit then writes changes before the commit.
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "easyaudit.middleware.easyaudit.EasyAuditMiddleware",
    ]
    monkeypatch.setattr(request_signals, "UNREGISTERED_URLS", [])
    monkeypatch.setattr(model_signals, "REGISTERED_CLASSES", [Group, Product, User])
    assert easyaudit_settings.WATCH_MODEL_EVENTS is False
    for signal, receiver in RECEIVERS:
        signal.connect(receiver)
    yield
    for signal, receiver in RECEIVERS:
        signal.disconnect(receiver)


def only(table):
    """Import one table; return its events."""
    return imported("easyaudit", f"--table=easyaudit.{table}")


def test_a_request_has_the_facts_that_it_had_when_it_arrived(client, anna):
    client.force_login(anna)
    client.get("/orders/7/?page=2&token=c0ffee4711", REMOTE_ADDR="203.0.113.7")
    Log.objects.all().delete()
    (event,) = only("RequestEvent")
    row = RequestEvent.objects.get()
    assert (event.timestamp, event.user, event.action) == (row.datetime, anna, "GET_ORDER")
    assert (event.ip, event.status, event.is_request) == ("203.0.113.7", None, True)
    assert event.extra == {
        "ip": "203.0.113.7",
        "method": "GET",
        "path": "/orders/7/",
        "query": f"page=2&token={MASK}",
        "route": "orders/<int:pk>/",
        "view": "order",
        "imported": {"from": "easyaudit.RequestEvent", "pk": row.pk},
    }
    assert Log.objects.search("ip:203.0.113.7 path:/orders/ is:request").get() == event


def test_a_query_that_was_recorded_under_asgi_is_no_text_of_python(client):
    client.get("/orders/7/")
    RequestEvent.objects.update(query_string="b'page=2'")
    (event,) = only("RequestEvent")
    assert (event.extra["query"], event.user_state) == ("page=2", UNKNOWN)


def test_of_several_addresses_the_last_untrusted_one_is_the_client(client, settings):
    client.get("/orders/7/")
    RequestEvent.objects.update(remote_ip="6.6.6.6, 203.0.113.7, 10.0.0.1")
    settings.EVENTLOG = {"TRUSTED_PROXIES": ["10.0.0.0/8"]}
    assert only("RequestEvent")[0].ip == "203.0.113.7"


def test_text_that_is_not_an_address_is_kept_in_extra(client):
    client.get("/orders/7/")
    RequestEvent.objects.update(remote_ip="unknown")
    (event,) = only("RequestEvent")
    assert (event.ip, event.extra["remote_ip"]) == (None, "unknown")


def test_an_account_that_was_deleted_without_django_keeps_its_key(client, anna):
    client.get("/orders/7/")
    RequestEvent.objects.update(user=anna)
    key = anna.pk
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [key])
    (event,) = only("RequestEvent")
    assert (event.user, event.user_repr, event.user_state) == (None, f"user {key}", KNOWN)


def test_sign_ins_have_the_actions_of_eventlog(client, zora, settings):
    settings.EVENTLOG = {"SIGN_INS": {"logged_out": "LEFT"}}
    for password in ("wrong", "secret"):
        client.post("/admin/login/", {"username": "zora", "password": password})
    client.post("/admin/logout/")
    rows = list(LoginEvent.objects.order_by("pk"))
    found = only("LoginEvent")
    assert [(event.action, event.user, event.user_state) for event in found] == [
        ("LOGIN_FAILED", None, None),
        ("LOGGED_IN", zora, KNOWN),
        ("LEFT", zora, KNOWN),
    ]
    assert found[0].extra["username"] == "zora"
    assert [event.timestamp for event in found] == [row.datetime for row in rows]
    assert {event.ip for event in found} == {"127.0.0.1"}


def test_a_deleted_account_keeps_the_name_of_its_login(client, anna):
    client.force_login(anna)
    anna.delete()
    (event,) = only("LoginEvent")
    assert (event.user, event.user_name, event.user_state) == (None, "anna", KNOWN)


def test_a_name_that_looks_like_a_password_is_masked(client):
    client.post("/admin/login/", {"username": "hunter2!", "password": "x"})
    assert only("LoginEvent")[0].extra["username"] == MASK


def test_changes_have_the_types_that_eventlog_stores():
    product = Product.objects.create(name="Lamp", price=Decimal("9.50"))
    product.stock, product.is_sold = 3, True
    product.added = datetime(2024, 5, 1, 12, tzinfo=UTC)
    product.save()
    key = str(product.pk)
    product.delete()
    created, updated, deleted = only("CRUDEvent")
    rows = list(CRUDEvent.objects.order_by("pk"))
    assert [event.action for event in events()] == [
        "CREATED_PRODUCT",
        "UPDATED_PRODUCT",
        "DELETED_PRODUCT",
    ]
    assert created.changes == {
        "name": [None, "Lamp"],
        "price": [None, "9.50"],
        "is_sold": [None, False],
    }
    assert updated.changes == {
        "stock": [None, 3],
        "is_sold": [False, True],
        "added": [None, "2024-05-01T12:00:00Z"],
    }
    assert deleted.changes["stock"] == [3, None]
    assert {(event.object_id, event.object_repr) for event in events()} == {(key, "Lamp")}
    assert [event.timestamp for event in events()] == [row.datetime for row in rows]
    state = json.loads(rows[1].object_json_repr)[0]["fields"]
    assert updated.extra["object"] == {**state, "api_key": state["api_key"]}


def test_a_password_hash_is_masked(anna):
    assert only("CRUDEvent")[0].changes["password"] == [None, MASK]


def test_relations_have_the_keys_that_were_added_and_removed(anna):
    product, label = Product.objects.create(name="Lamp"), Label.objects.create(text="new")
    product.labels.add(label)
    product.labels.remove(label)
    product.labels.clear()
    Group.objects.create(name="Staff").user_set.add(anna)
    found = [event for event in only("CRUDEvent") if "relation" in event.extra]
    added, removed, cleared, reverse = found
    assert added.changes == {"labels": [[], [label.pk]]}
    assert removed.changes == {"labels": [[label.pk], []]}
    assert cleared.changes == {}
    assert reverse.changes == {"auth.user": [[], [anna.pk]]}
    assert [(event.action, event.extra["relation"]) for event in found] == [
        ("UPDATED_PRODUCT", "add"),
        ("UPDATED_PRODUCT", "remove"),
        ("UPDATED_PRODUCT", "clear"),
        ("UPDATED_GROUP", "reverse add"),
    ]


def test_the_key_of_a_deleted_account_is_kept(client, zora, anna):
    client.force_login(zora)
    client.post(f"/admin/auth/user/{anna.pk}/delete/", {"post": "yes"})
    key = zora.pk
    User.objects.filter(pk=key).delete()
    deleted = [event for event in only("CRUDEvent") if event.action == "DELETED_USER"]
    assert [(event.object_repr, event.user_name) for event in deleted] == [
        ("anna", f"user {key}"),
        ("zora", ""),
    ]


def test_changes_in_an_unknown_form_are_kept_and_reported():
    Product.objects.create(name="Lamp").save()
    CRUDEvent.objects.filter(event_type=CRUDEvent.UPDATE).update(changed_fields="{'name")
    assert "Imported with a restriction: 1 row, the changes could not" in run(
        "easyaudit", "--final"
    )
    assert events()[-1].extra["changed_fields"] == "{'name"
