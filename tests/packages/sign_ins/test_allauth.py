"""Sign-ins with django-allauth."""

import json
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    SECRET_SESSION_KEY,
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache

from eventlog.contrib.sign_ins.allauth import receivers
from eventlog.records.user_state import UserState

from ...contrib.sign_ins.conftest import PASSWORD
from ...contrib.sign_ins.signed import actions, events, the_event

pytestmark = pytest.mark.usefixtures("sign_in_site")

NEW = "Zu9-anders"


@pytest.fixture(autouse=True)
def _no_rate_limits():
    cache.clear()


@pytest.fixture
def visitor(client, anna):
    """A client that has logged in at allauth's page."""
    EmailAddress.objects.create(user=anna, email=anna.email, primary=True, verified=True)
    client.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    return client


def last():
    event = events()[-1]
    return event.action, event.user, event.obj


def test_a_login_and_a_logout_are_recorded_once(visitor, anna):
    visitor.post("/accounts/logout/")
    assert [(event.action, event.user) for event in events()] == [
        ("LOGGED_IN", anna),
        ("LOGGED_OUT", anna),
    ]


def test_a_failed_login_is_recorded_once(client):
    client.post("/accounts/login/", {"login": "anna", "password": "hunter2"})
    event = the_event("LOGIN_FAILED")
    assert event.extra["username"] == "anna"
    assert "hunter2" not in str(event.extra)


def test_a_sign_up_is_a_new_account_and_a_login(client):
    data = {"username": "ben", "email": "b@example.com", "password1": NEW, "password2": NEW}
    client.post("/accounts/signup/", data)
    assert actions()[0] == "ACCOUNT_CREATED"
    assert actions().count("LOGGED_IN") == 1
    assert "PASSWORD_CHANGED" not in actions()


def test_a_changed_password_is_recorded_once(visitor, anna):
    data = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    visitor.post("/accounts/password/change/", data)
    assert actions() == ["LOGGED_IN", "PASSWORD_CHANGED"]
    assert last() == ("PASSWORD_CHANGED", anna, anna)


def test_a_reset_is_recorded_once_from_request_to_completion(client, anna):
    client.post("/accounts/password/reset/", {"email": "anna@example.com"})
    event = the_event("PASSWORD_RESET_REQUESTED")
    assert (event.user, event.obj, event.extra["email"]) == (None, anna, "anna@example.com")
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[0].body)[0]
    form = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})
    assert actions() == ["PASSWORD_RESET_REQUESTED", "PASSWORD_RESET_COMPLETED"]
    assert last() == ("PASSWORD_RESET_COMPLETED", None, anna)


def test_a_reset_for_an_unknown_address_has_no_account(client):
    client.post("/accounts/password/reset/", {"email": "ben@example.com"})
    assert the_event("PASSWORD_RESET_REQUESTED").obj is None


def test_an_invalid_reset_form_is_not_a_request(client):
    client.post("/accounts/password/reset/", {"email": "x"})
    client.post("/accounts/password/reset/", {"email": "x"}, headers={"accept": "application/json"})
    assert events() == []


def test_a_reset_requested_by_a_script_is_recorded(client, anna):
    data = {"email": "anna@example.com"}
    client.post("/accounts/password/reset/", data, headers={"x-requested-with": "XMLHttpRequest"})
    assert the_event("PASSWORD_RESET_REQUESTED").obj == anna


def test_a_reset_by_code_is_recorded_with_its_wrong_codes(client, anna, settings):
    settings.ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
    client.post("/accounts/password/reset/", {"email": "anna@example.com"})
    code = re.search(r"^([A-Z0-9-]{6,})$", mail.outbox[0].body, re.MULTILINE)[1]
    client.post("/code/confirm/", {"code": "000000"})
    client.post("/code/confirm/", {"code": code})
    client.post("/code/complete/", {"password1": NEW, "password2": NEW})
    requested, failed, completed = events()
    assert (requested.action, requested.obj) == ("PASSWORD_RESET_REQUESTED", anna)
    assert (failed.action, failed.extra["username"]) == ("LOGIN_FAILED", "anna")
    assert (failed.extra["via"], failed.user_state) == ("code", UserState.ANONYMOUS)
    assert (completed.action, completed.obj) == ("PASSWORD_RESET_COMPLETED", anna)
    assert code not in str([event.extra for event in events()])


def test_a_part_of_allauth_that_is_not_installed_is_left_out(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "allauth.mfa"]
    connected = {signal for signal, _, _ in receivers()}
    assert signals.authenticator_added not in connected
    assert len(connected) == 8


class TestHeadless:
    @pytest.fixture
    def call(self, client):
        def send(path, data, method="post"):
            url = f"/_allauth/app/v1/{path}"
            return getattr(client, method)(url, json.dumps(data), "application/json")

        return send

    def test_logins_are_recorded_once(self, call, anna):
        EmailAddress.objects.create(user=anna, email=anna.email, primary=True, verified=True)
        call("auth/login", {"username": "anna", "password": "hunter2"})
        call("auth/login", {"username": "anna", "password": PASSWORD})
        assert actions() == ["LOGIN_FAILED", "LOGGED_IN"]

    def test_a_reset_is_recorded_once_from_request_to_completion(self, call, anna):
        call("auth/password/request", {"email": "no address"})
        call("auth/password/request", {"email": "anna@example.com"})
        assert the_event("PASSWORD_RESET_REQUESTED").obj == anna
        key = re.search(r"/reset/key/(\S+?)/?\s", mail.outbox[0].body)[1]
        call("auth/password/reset", {"key": key, "password": NEW})
        assert User.objects.get().check_password(NEW)
        assert last() == ("PASSWORD_RESET_COMPLETED", None, anna)
        assert len(events()) == 2
        assert key not in str([event.extra for event in events()])

    def test_a_reset_by_code_is_recorded(self, call, anna, settings):
        settings.ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
        call("auth/password/request", {"email": "anna@example.com"})
        assert the_event("PASSWORD_RESET_REQUESTED").obj == anna


class TestEmails:
    def test_each_change_is_an_event_of_the_account(self, visitor, anna, settings):
        settings.ACCOUNT_EMAIL_VERIFICATION = "none"
        visitor.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})
        assert last() == ("EMAIL_ADDED", anna, anna)
        assert events()[-1].extra["email_added"] == "new@example.com"
        EmailAddress.objects.update(verified=True)
        visitor.post("/accounts/email/", {"action_primary": "", "email": "new@example.com"})
        assert last() == ("EMAIL_CHANGED", anna, anna)
        extra = events()[-1].extra
        assert (extra["email_from"], extra["email_to"]) == ("anna@example.com", "new@example.com")
        visitor.post("/accounts/email/", {"action_remove": "", "email": "anna@example.com"})
        assert last() == ("EMAIL_REMOVED", anna, anna)

    def test_a_confirmed_address_is_recorded(self, visitor, anna):
        visitor.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})
        link = re.search(r"/accounts/confirm-email/\S+", mail.outbox[-1].body)[0]
        visitor.post(link)
        assert "EMAIL_CONFIRMED" in actions()
        assert events()[-1].extra["email_confirmed"] == "new@example.com"


class TestMfa:
    @pytest.fixture
    def codes(self, anna):
        """The recovery codes of anna, who also has an authenticator app."""
        TOTP.activate(anna, generate_totp_secret())
        return RecoveryCodes.activate(anna).get_unused_codes()

    def test_a_login_with_a_code_is_recorded_with_its_failures(self, codes, visitor, anna):
        assert events() == []  # The login waits for the code.
        visitor.post("/accounts/2fa/authenticate/", {"code": "000000"})
        visitor.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert [(event.action, event.obj) for event in events()] == [
            ("MFA_FAILED", anna),
            ("MFA_USED", anna),
            ("LOGGED_IN", None),
        ]
        assert events()[0].extra["mfa_failed"] == "totp"
        assert events()[1].extra["mfa_used"] == "recovery_codes"
        assert codes[0] not in str([event.extra for event in events()])

    @pytest.fixture
    def trusted(self, visitor):
        """A client that has entered its password again, as allauth asks before such changes."""
        visitor.post("/accounts/reauthenticate/", {"password": PASSWORD})
        return visitor

    def test_a_removed_factor_is_recorded(self, trusted, anna, django_capture_on_commit_callbacks):
        TOTP.activate(anna, generate_totp_secret())
        with django_capture_on_commit_callbacks(execute=True):
            trusted.post("/accounts/2fa/recovery-codes/generate/")
        assert last() == ("MFA_RESET", anna, anna)
        trusted.post("/accounts/2fa/totp/deactivate/")
        assert not Authenticator.objects.exists()
        assert actions()[-2:] == ["MFA_REMOVED", "MFA_REMOVED"]

    def test_an_added_factor_is_recorded(self, trusted, anna, django_capture_on_commit_callbacks):
        page = "/accounts/2fa/totp/activate/"
        trusted.get(page)
        secret = trusted.session[SECRET_SESSION_KEY]
        code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
        with django_capture_on_commit_callbacks(execute=True):
            trusted.post(page, {"code": code})
        added = events()[1:]
        assert {(event.action, event.user, event.obj) for event in added} == {
            ("MFA_ADDED", anna, anna)
        }
        assert {event.extra["mfa_added"] for event in added} == {"totp", "recovery_codes"}
        assert secret not in str([event.extra for event in added])


def test_a_social_account_is_recorded_when_it_is_connected_and_disconnected(visitor, anna):
    page = visitor.post("/accounts/dummy/login/?process=connect").url
    visitor.post(page, {"id": 7})
    assert last() == ("SOCIAL_ACCOUNT_ADDED", anna, anna)
    assert events()[-1].extra["social_account_added"] == "dummy"
    visitor.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})
    assert last() == ("SOCIAL_ACCOUNT_REMOVED", anna, anna)


def test_a_login_with_a_social_account_is_recorded_once(client, anna):
    SocialAccount.objects.create(user=anna, provider="dummy", uid="7")
    EmailAddress.objects.create(user=anna, email=anna.email, primary=True, verified=True)
    page = client.post("/accounts/dummy/login/").url
    client.post(page, {"id": 7})
    assert the_event("LOGGED_IN").user == anna
