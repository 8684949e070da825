"""Logins, passwords and permissions as events, in a site of Django's own views."""

import re
from pathlib import Path

import django
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_login_failed
from django.core import mail, serializers
from django.core.management import call_command
from django.db import connection, transaction
from django.template.response import TemplateResponse
from django.test import override_settings
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

import eventlog
from eventlog.backends import get_backend
from eventlog.contrib.sign_ins import OWASP
from eventlog.contrib.sign_ins.actions import KEYS
from eventlog.contrib.sign_ins.checks import check_sign_ins
from eventlog.contrib.sign_ins.connect_receivers import connect, disconnect
from eventlog.contrib.sign_ins.watched_views import after_response
from eventlog.middleware.response_hooks import hooks
from eventlog.models import Log
from eventlog.records.redaction import MASK
from eventlog.records.user_state import UserState

from ...backends.support import needs_server
from ...shop.models import Widget
from ...stock.models import Account
from .conftest import PASSWORD
from .signed import actions, events, the_event

BACKENDS = "django.contrib.auth.backends"

pytestmark = pytest.mark.usefixtures("sign_ins")


def log_in(client, password=PASSWORD, username="anna"):
    return client.post("/admin/login/", {"username": username, "password": password})


class TestLogins:
    def test_a_login_is_recorded_with_its_request(self, client, anna):
        assert log_in(client).status_code == 302
        event = the_event("LOGGED_IN")
        assert event.user == anna
        assert (event.extra["path"], event.extra["ip"]) == ("/admin/login/", "127.0.0.1")

    def test_a_logout_is_recorded_with_its_user(self, client, anna):
        client.force_login(anna)
        client.post("/admin/logout/")
        assert [(event.action, event.user) for event in events()] == [
            ("LOGGED_IN", anna),
            ("LOGGED_OUT", anna),
        ]

    def test_the_logout_page_without_a_login_is_not_a_logout(self, client):
        client.get("/log-out/")
        assert events() == []

    def test_a_failed_login_has_the_name_and_not_the_password(self, client):
        log_in(client, password="hunter2")
        event = the_event("LOGIN_FAILED")
        assert (event.user, event.user_repr, event.extra["username"]) == (None, "", "anna")
        assert event.extra["path"] == "/admin/login/"
        assert "hunter2" not in str(event.extra)
        states = {each.user_state for each in Log.objects.filter(extra__path="/admin/login/")}
        assert states == {UserState.ANONYMOUS}  # of the request and of its failed login

    @pytest.mark.parametrize("name", ["zora", "anna"])
    def test_a_login_that_the_form_refuses_is_a_failed_login(self, client, settings, name):
        settings.AUTHENTICATION_BACKENDS = [f"{BACKENDS}.AllowAllUsersModelBackend"]
        User.objects.create_user("zora", password=PASSWORD)  # who is not in the staff
        User.objects.filter(username="anna").update(is_active=False)
        Log.objects.all().delete()
        assert log_in(client, username=name).status_code == 200
        event = the_event("LOGIN_FAILED")
        assert (event.user, event.obj) == (None, User.objects.get(username=name))
        assert (event.extra["username"], event.extra["refused"]) == (name, True)
        assert PASSWORD not in str(event.extra)

    def test_a_login_page_without_a_login_is_not_a_failure(self, client):
        client.get("/admin/login/")
        client.post("/admin/login/", {"username": "anna"})
        assert events() == []

    def test_async_logins_logouts_and_failures_are_recorded(self, async_client, anna):
        get = async_to_sync(async_client.get)
        get("/log-in/", {"password": "wrong"})
        get("/log-in/", {"password": PASSWORD})
        get("/log-out/")
        assert [(event.action, event.user) for event in events()] == [
            ("LOGIN_FAILED", None),
            ("LOGGED_IN", anna),
            ("LOGGED_OUT", anna),
        ]
        assert all(event.extra["ip"] == "127.0.0.1" for event in events())

    def test_a_failure_without_a_request_is_recorded(self):
        authenticate(username="anna", password="wrong")
        assert the_event("LOGIN_FAILED").extra == {"username": "anna"}

    @pytest.mark.parametrize(
        "name",
        [
            "anna",
            "anna.mueller@example.com",
            "CORP\\anna",
            "Anna Müller",
            "anna_1987",
            "Anna99",
            "o'brien",
            "+491511234567",
            7,
        ],
    )
    def test_a_name_is_kept(self, name):
        authenticate(username=name, password="wrong")
        assert the_event("LOGIN_FAILED").extra == {"username": str(name)}

    @pytest.mark.parametrize(
        "name",
        [
            "s3cret!",
            "p@ssword",
            "Hunter2hunter2",
            "correct horse battery staple",
            "q7Xk29ZpLm4vB81n",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "Ko7-" + "marzipan" * 1000,
        ],
    )
    def test_a_name_that_looks_like_a_password_is_masked(self, name):
        authenticate(username=name, password="wrong")
        assert the_event("LOGIN_FAILED").extra == {"username": MASK}

    def test_a_long_name_is_cut(self):
        authenticate(username="anna." * 1000, password="wrong")
        assert the_event("LOGIN_FAILED").extra == {"username": ("anna." * 30)[:-1] + "…"}

    def test_credentials_without_a_name_are_recorded_without_one(self):
        authenticate(token="q7Xk29ZpLm4")
        assert the_event("LOGIN_FAILED").extra == {}

    def test_receivers_that_are_connected_twice_record_once(self, client, anna):
        connect()
        client.force_login(anna)
        client.post("/reset/", {"email": "anna@example.com"})
        assert actions() == ["LOGGED_IN", "PASSWORD_RESET_REQUESTED"]


@pytest.mark.parametrize("is_form", [True, False])
def test_what_a_page_loads_late_is_not_loaded_to_look_for_a_login_form(rf, is_form):
    def load():
        raise AssertionError("loaded")

    context = {"form": SimpleLazyObject(load)} if is_form else SimpleLazyObject(load)
    request = rf.post("/contact/")
    assert after_response(request, TemplateResponse(request, "contact.html", context)) is None


class TestPasswords:
    def test_a_changed_password_is_an_event_of_its_account(self, client, anna):
        client.force_login(User.objects.create_superuser("root"))
        data = {"usable_password": "true", "password1": "Zu9-anders", "password2": "Zu9-anders"}
        client.post(f"/admin/auth/user/{anna.pk}/password/", data)
        event = events()[-1]
        assert (event.action, event.user.username, event.obj) == ("PASSWORD_CHANGED", "root", anna)
        assert event.extra["ip"] == "127.0.0.1"
        assert "Zu9-anders" not in str(event.extra)

    def test_a_password_that_a_command_changes_is_recorded(self, anna):
        anna.set_password("new")
        anna.save()
        event = the_event("PASSWORD_CHANGED")
        assert (event.user, event.obj, event.extra) == (None, anna, {})

    def test_only_the_password_may_be_saved(self, anna):
        anna.set_password("new")
        anna.save(update_fields=["password"])
        assert actions() == ["PASSWORD_CHANGED"]

    def test_a_password_that_is_switched_off_is_recorded(self, anna):
        anna.set_unusable_password()
        anna.save()
        assert the_event("PASSWORD_CHANGED").extra == {"usable": False}

    def test_a_newer_hash_at_login_is_not_a_changed_password(self, anna, settings):
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.ScryptPasswordHasher",
            *settings.PASSWORD_HASHERS,
        ]
        assert authenticate(username="anna", password=PASSWORD) == anna
        assert User.objects.get(pk=anna.pk).password != anna.password
        assert events() == []

    def test_a_save_that_changes_nothing_is_not_recorded(self, anna):
        anna.first_name = "Anna"
        anna.save()
        assert events() == []

    def test_other_saves_take_no_query_more(self, anna, django_assert_num_queries):
        anna.last_login = timezone.now()
        with django_assert_num_queries(1):
            anna.save(update_fields=["last_login"])
        with django_assert_num_queries(1):
            Widget.objects.create(name="sprocket")

    def test_a_failed_save_leaves_nothing_for_the_next(self, anna):
        anna.set_password("new")
        with pytest.raises(ValueError, match="Cannot force both"):
            anna.save(force_insert=True, force_update=True)
        anna.refresh_from_db()
        anna.save()
        assert events() == []


class TestReset:
    @pytest.fixture
    def link(self, client):
        """The link in the mail that a visitor has requested for anna."""
        client.post("/reset/", {"email": "anna@example.com"})
        return re.search(r"/reset/\S+/\S+/", mail.outbox[0].body)[0]

    def test_a_requested_reset_is_an_event_of_the_account(self, link, anna):
        event = the_event("PASSWORD_RESET_REQUESTED")
        assert (event.user, event.obj, event.extra["email"]) == (None, anna, "anna@example.com")
        assert event.extra["path"] == "/reset/"

    def test_a_completed_reset_is_recorded_once(self, client, link, anna):
        form = client.get(link, follow=True).redirect_chain[-1][0]
        client.post(form, {"new_password1": "Zu9-anders", "new_password2": "Zu9-anders"})
        assert User.objects.get().check_password("Zu9-anders")
        assert actions() == ["PASSWORD_RESET_REQUESTED", "PASSWORD_RESET_COMPLETED"]
        assert (events()[-1].user, events()[-1].obj) == (None, anna)
        assert link.split("/")[-2] not in str([event.extra for event in Log.objects.all()])

    def test_an_unknown_address_is_recorded_without_an_account(self, client):
        client.post("/reset/", {"email": "ben@example.com"})
        event = the_event("PASSWORD_RESET_REQUESTED")
        assert (event.obj, event.extra["email"]) == (None, "ben@example.com")

    def test_an_invalid_form_is_not_a_request(self, client):
        client.get("/reset/")
        client.post("/reset/", {"email": "not an address"})
        assert events() == []

    def test_a_reset_is_recorded_under_asgi(self, async_client, anna):
        async_to_sync(async_client.post)("/reset/", {"email": "anna@example.com"})
        assert the_event("PASSWORD_RESET_REQUESTED").obj == anna


class TestPermissions:
    @pytest.fixture
    def editors(self, anna):
        return Group.objects.create(name="Editors")

    @pytest.fixture
    def change(self):
        return Permission.objects.get(codename="change_widget")

    @pytest.mark.parametrize("flag", ["is_active", "is_staff", "is_superuser"])
    def test_a_changed_flag_is_an_event_of_the_account(self, anna, flag):
        value = not getattr(anna, flag)
        setattr(anna, flag, value)
        anna.save()
        event = the_event("PERMISSIONS_CHANGED")
        assert (event.obj, event.extra) == (anna, {flag: value})

    def test_changes_in_a_context_have_its_user_and_reason(self, anna):
        root = User.objects.create_superuser("root")
        with eventlog.context(user=root, ip="192.0.2.7", reason="ticket 4711"):
            anna.set_password("new")
            anna.save()
        event = events()[-1]
        assert (event.action, event.user, event.ip) == ("PASSWORD_CHANGED", root, "192.0.2.7")
        assert event.extra["reason"] == "ticket 4711"

    @override_settings(AUTH_USER_MODEL="stock.Account")
    def test_a_flag_of_an_account_without_a_password_is_recorded(self):
        connect()
        account = Account.objects.create(name="robot")
        account.is_active = False
        account.save()
        disconnect()
        assert [event.extra for event in events()] == [{}, {"is_active": False}]

    def test_changes_have_the_user_who_made_them(self, client):
        User.objects.update(is_staff=False)
        client.force_login(User.objects.create_superuser("root"))
        client.get("/promote/")
        changes = events()[2:]
        assert [event.action for event in changes] == ["PERMISSIONS_CHANGED"] * 2
        assert {event.user.username for event in changes} == {"root"}
        assert {event.extra["path"] for event in changes} == {"/promote/"}
        assert changes[0].extra["is_staff"] is True
        assert changes[1].extra["groups_added"] == ["Editors"]

    @pytest.mark.parametrize(
        ("make", "recorded"),
        [
            (lambda anna, group: anna.groups.add(group), {"groups_added": ["Editors"]}),
            (lambda anna, group: anna.groups.set([group]), {"groups_added": ["Editors"]}),
            (lambda anna, group: group.user_set.add(anna), {"groups_added": ["Editors"]}),
            (lambda anna, group: group.user_set.set([anna]), {"groups_added": ["Editors"]}),
        ],
    )
    def test_a_new_group_is_recorded_from_both_ends(self, anna, editors, make, recorded):
        make(anna, editors)
        make(anna, editors)  # which changes nothing
        event = the_event("PERMISSIONS_CHANGED")
        assert (event.obj, event.extra) == (anna, recorded)

    @pytest.mark.parametrize(
        "make",
        [
            lambda anna, group: anna.groups.remove(group),
            lambda anna, group: anna.groups.set([]),
            lambda anna, group: anna.groups.clear(),
            lambda anna, group: group.user_set.remove(anna),
            lambda anna, group: group.user_set.set([]),
            lambda anna, group: group.user_set.clear(),
        ],
    )
    def test_a_removed_group_is_recorded_from_both_ends(self, anna, editors, make):
        make(anna, editors)  # which changes nothing
        anna.groups.add(editors)
        make(anna, editors)
        _, removed = events()
        assert (removed.action, removed.obj) == ("PERMISSIONS_CHANGED", anna)
        assert removed.extra == {"groups_removed": ["Editors"]}

    def test_permissions_of_a_user_are_recorded_from_both_ends(self, anna, change):
        anna.user_permissions.add(change)
        change.user_set.clear()
        assert [(event.obj, event.extra) for event in events()] == [
            (anna, {"user_permissions_added": ["shop.change_widget"]}),
            (anna, {"user_permissions_removed": ["shop.change_widget"]}),
        ]

    def test_permissions_of_a_group_are_recorded_from_both_ends(self, editors, change):
        editors.permissions.add(change)
        change.group_set.remove(editors)
        assert [(event.obj, event.extra) for event in events()] == [
            (editors, {"permissions_added": ["shop.change_widget"]}),
            (editors, {"permissions_removed": ["shop.change_widget"]}),
        ]

    def test_each_account_of_a_group_gets_its_event(self, anna, editors):
        ben = User.objects.create_user("ben", is_active=False)
        editors.user_set.add(anna, ben)
        assert [event.obj for event in events()[1:]] == [anna, ben]

    def test_a_new_account_is_recorded_with_its_flags(self):
        call_command("createsuperuser", interactive=False, username="root", email="r@example.com")
        event = the_event("ACCOUNT_CREATED")
        assert event.obj.username == "root"
        assert event.extra == {"is_staff": True, "is_superuser": True}

    def test_fixtures_are_not_recorded(self, anna):
        anna.is_superuser = True
        data = serializers.serialize("json", [anna])
        anna.delete()
        for loaded in serializers.deserialize("json", data):
            loaded.save()
        assert User.objects.get().is_superuser
        assert events() == []

    def test_groups_in_fixtures_are_recorded_before_django_6_1(self, anna, editors):
        User.groups.through.objects.create(user=anna, group=editors)
        data = serializers.serialize("json", [anna])
        anna.groups.clear()
        for loaded in serializers.deserialize("json", data):
            loaded.save()
        assert anna.groups.get() == editors
        assert len(events()) == (1 if django.VERSION >= (6, 1) else 2)


class TestTransactions:
    @needs_server
    @pytest.mark.django_db(transaction=True)
    def test_a_failed_login_is_written_outside_the_transaction_of_its_request(
        self, client, monkeypatch
    ):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert client.get("/try-and-crash/").status_code == 500
        assert User.objects.count() == 1
        assert the_event("LOGIN_FAILED").extra["path"] == "/try-and-crash/"

    @pytest.mark.django_db(transaction=True)
    def test_a_change_is_rolled_back_with_its_event(self, anna):
        with pytest.raises(RuntimeError), transaction.atomic():
            anna.set_password("new")
            anna.save()
            assert actions() == ["PASSWORD_CHANGED"]
            raise RuntimeError
        assert events() == []

    def test_a_failed_login_stays_when_its_request_is_rolled_back(self, client, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert client.get("/try-and-crash/").status_code == 500
        assert User.objects.count() == 1
        assert actions() == ["LOGIN_FAILED"]

    def test_a_failed_login_in_a_transaction_is_recorded(self, client, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        log_in(client, "wrong")
        log_in(client)
        assert actions() == ["LOGIN_FAILED", "LOGGED_IN"]

    @pytest.mark.django_db(transaction=True)
    def test_a_missing_table_breaks_neither_a_login_nor_a_transaction(self, client, caplog):
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE eventlog_log RENAME TO eventlog_away")
        try:
            with transaction.atomic():
                assert log_in(client).status_code == 302
                Widget.objects.create(name="after")
            client.post("/admin/logout/")
            assert "_auth_user_id" not in client.session
        finally:
            with connection.schema_editor() as editor:
                editor.execute("ALTER TABLE eventlog_away RENAME TO eventlog_log")
        assert Widget.objects.get().name == "after"
        assert "recording LOGGED_IN" in caplog.text

    def test_an_error_of_a_receiver_is_reported(self, caplog):
        user_login_failed.send(None, credentials=None, request=None)
        assert "the receiver eventlog.contrib.sign_ins.logins.login_failed" in caplog.text

    def test_an_error_of_an_event_is_reported(self, anna, settings, caplog):
        settings.EVENTLOG = {"SIGN_INS": {"permissions_changed": ""}}
        anna.is_superuser = True
        anna.save()
        assert User.objects.get().is_superuser
        assert "action is ''" in caplog.text

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.spool
    def test_events_wait_in_the_spool(self, client, settings, tmp_path):
        settings.EVENTLOG = {
            "BACKEND": "eventlog.backends.buffered.BufferedBackend",
            "OPTIONS": {"spool": tmp_path / "spool", "interval": None},
        }
        log_in(client, "wrong")
        with pytest.raises(RuntimeError), transaction.atomic():
            log_in(client, "wrong")
            User.objects.create_user("rolled-back")
            raise RuntimeError
        log_in(client)
        assert events() == []
        get_backend().flush()
        assert actions() == ["LOGIN_FAILED", "LOGIN_FAILED", "LOGGED_IN"]
        settings.EVENTLOG = {}
        get_backend()


class TestNames:
    def test_a_site_may_choose_its_names_and_leave_events_out(self, client, anna, settings):
        settings.EVENTLOG = {"SIGN_INS": {"logged_in": "HELLO", "logged_out": None}}
        client.force_login(anna)
        client.post("/admin/logout/")
        assert actions() == ["HELLO"]

    def test_a_site_may_choose_the_names_of_owasp(self, client, anna, settings):
        settings.EVENTLOG = {"SIGN_INS": {**OWASP, "logged_out": None}}
        client.force_login(anna)
        assert actions() == ["authn_login_success"]
        assert check_sign_ins() == []

    def test_the_documents_list_each_action_with_its_names(self):
        page = (Path(__file__).parents[3] / "docs" / "sign-ins.md").read_text()
        rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)`", page, re.MULTILINE)
        assert rows == [(key, key.upper(), name) for key, name in OWASP.items()]

    @pytest.mark.parametrize(
        ("names", "check_id", "words"),
        [
            ({"loged_in": "X"}, "eventlog.E001", ["'loged_in'", "'logged_in'"]),
            ({"LOGGED_IN": "X"}, "eventlog.E001", ["'LOGGED_IN'", "'logged_in'"]),
            ({"zzzz": "X"}, "eventlog.E001", ["'zzzz'", *KEYS]),
            ({"logged_in": ""}, "eventlog.E002", ["['logged_in']", "''", "None"]),
            ({"logged_in": 7}, "eventlog.E002", ["['logged_in']", "7"]),
            ({"logged_in": "X" * 256}, "eventlog.E002", ["255"]),
        ],
    )
    def test_a_wrong_name_is_reported_with_the_fix(self, settings, names, check_id, words):
        settings.EVENTLOG = {"SIGN_INS": names}
        (message,) = check_sign_ins()
        assert message.id == check_id
        assert all(word in f"{message.msg} {message.hint}" for word in words)

    def test_a_value_that_is_not_a_dict_is_left_to_the_checks_of_the_settings(self, settings):
        settings.EVENTLOG = {"SIGN_INS": "owasp"}
        assert check_sign_ins() == []

    def test_a_missing_middleware_gives_a_warning(self, settings):
        settings.MIDDLEWARE = settings.MIDDLEWARE[1:]
        (message,) = check_sign_ins()
        assert (message.id, "EventLogMiddleware" in message.hint) == ("eventlog.W013", True)


def test_an_error_of_a_response_hook_is_reported(client, async_client, caplog):
    def broken(request, response):
        raise RuntimeError("on purpose")

    hooks.add(broken)
    try:
        assert client.get("/reset/").status_code == 200
        assert async_to_sync(async_client.get)("/reset/").status_code == 200
    finally:
        hooks.remove(broken)
    assert caplog.text.count("a hook for responses") == 1
