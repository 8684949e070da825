import enum
import types
from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.utils.translation import gettext_lazy
from django.views.debug import SafeExceptionReporterFilter

from eventlog import redaction
from eventlog.redaction import MASK, is_secret, redact, redact_query, redact_url


@pytest.mark.parametrize(
    "name",
    [
        "password", "new_password", "password1", "PASSWORD", "passwd", "passphrase", "pwd",
        "token", "access_token", "refreshToken", "csrfmiddlewaretoken", "xsrf",
        "secret", "client_secret", "SECRET_KEY", "apiKey", "api_key", "apikey", "X-API-Key",
        "reset_key", "private_key", "sshkey", "keys", "authorization", "Authorization", "auth",
        "oauth", "session", "sessionid", "sid", "cookie", "Set-Cookie", "signature", "sig",
        "card", "card_number", "creditCard", "cvv", "cvc2", "otp", "otp_code", "totp", "pin",
        "PHPSESSID", "pincode", "sshkeys", "credentials", "jwt", "bearer", "iban", "ssn",
        "mfa_code", "verificationCode", "security_code", "recovery_codes", "backup_codes", "hmac",
        "magic_link", "DATABASE_URL", "webhook_url", "SAMLResponse", "account_number", "dsn",
        "salt", "aws_creds",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret(name):
    assert is_secret(name)


def test_djangos_own_list_is_in_it():
    words = SafeExceptionReporterFilter.hidden_settings.pattern.split("|")
    assert len(words) > 5
    assert all(is_secret(word) for word in words)


@pytest.mark.parametrize(
    "name",
    [
        "author", "author_id", "authors", "keyword", "keyboard", "monkey", "capital", "therapist",
        "rootpath", "footprint", "discard", "wildcard", "cardinality", "compass", "passenger",
        "shipping", "opinion", "page", "q", "id", "name", "status", "secretary", "inside",
        "code", "country_code", "promo_code", "salty", "url", "account", "ticket",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_to_a_machine(name):
    assert not is_secret(name)


def test_a_site_adds_names(settings):
    assert not is_secret("shoe_size")
    settings.EVENTLOG = {"REDACT": ["SHOE", "diagnosis"]}
    assert is_secret("shoe_size")
    assert is_secret("mainDiagnosis")
    assert is_secret("password")


def test_urls_within_urls_are_read_once_each(monkeypatch):
    calls = []
    search = redaction._OF_URL.search
    monkeypatch.setattr(
        redaction, "_OF_URL", types.SimpleNamespace(search=lambda t: calls.append(t) or search(t))
    )
    url = "?token=x"
    for _ in range(25):
        url = "?a=" + quote(url, safe="")
    assert MASK in redact_url(url)
    assert len(calls) < 50


class Link(enum.Enum):
    RESET = "https://example.org/?token=x"
    FORM = types.MappingProxyType({"password": "x"})


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("a=1&password=x", f"a=1&password={MASK}"),
        ("password=x", f"password={MASK}"),
        ("YWJwYXNzZGVm==", "YWJwYXNzZGVm=="),
        ("the password=x is known", "the password=x is known"),
        (gettext_lazy("https://example.org/?token=x"), f"https://example.org/?token={MASK}"),
        (Link.RESET, f"https://example.org/?token={MASK}"),
        (Link.FORM, {"password": MASK}),
        ({"https://example.org/?token=x": 1}, {f"https://example.org/?token={MASK}": MASK}),
        (QueryDict("a=1&b=2&b=3&pin=4"), {"a": "1", "b": ["2", "3"], "pin": MASK}),
    ],
)
def test_in_whatever_form_it_comes(value, masked):
    assert redact({"seen": value}) == {"seen": masked}


def test_values_are_masked_nested_and_the_original_is_left():
    extra = {"a": [{"Password": "x", "n": 1}], "token": {"deep": "x"}, "note": None, "pin": None}
    assert redact(extra) == {
        "a": [{"Password": MASK, "n": 1}],
        "token": MASK,
        "note": None,
        "pin": None,
    }
    assert extra["token"] == {"deep": "x"}


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("a=1&token=abc&b=2", f"a=1&token={MASK}&b=2"),
        ("PASSWORD=x", f"PASSWORD={MASK}"),
        ("user%5Bpassword%5D=x", f"user%5Bpassword%5D={MASK}"),
        ("pass%77ord=x", f"pass%77ord={MASK}"),
        ("a=1;session_id=x", f"a=1;session_id={MASK}"),
        ("token=a=b=c", f"token={MASK}"),
        ("password=what?ever&a=1", f"password={MASK}&a=1"),
        ("password=hunter;2secret", f"password={MASK}"),
        ("password=a\u00a0b", f"password={MASK}"),
        ("=&token=x", f"=&token={MASK}"),
        ("token=", f"token={MASK}"),
        ("next=%2Fr%3Ftoken%3Dabc&a=1", f"next=/r%3Ftoken%3D{MASK}&a=1"),
        ("u=%" + "25" * 300 + "3D", f"u={MASK}"),
        ("next=%252Fr%253Ftoken%253Dabc&a=1", f"next=/r%3Ftoken%3D{MASK}&a=1"),
        ("to=https://anna:pw@example.org/", f"to=https%3A//{MASK}%40example.org/"),
        ("to=https%3A%2F%2Fanna%3Apw%40example.org/", f"to=https%3A//{MASK}%40example.org/"),
        ("mail=anna@example.org&data=YWJj==", "mail=anna@example.org&data=YWJj=="),
        ("q=a+b&page=2", "q=a+b&page=2"),
        ("token", "token"),
        ("", ""),
    ],
)
def test_query_strings(query, masked):
    assert redact_query(query) == masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://example.org/a?token=x#b", f"https://example.org/a?token={MASK}#b"),
        (
            "https://example.org/#access_token=x&a=1",
            f"https://example.org/#access_token={MASK}&a=1",
        ),
        ("https://anna:secret@example.org/", f"https://{MASK}@example.org/"),
        ("postgres://bob:p@ss@db/x", f"postgres://{MASK}@db/x"),
        ("https://example.org/token=x/", "https://example.org/token=x/"),
        ("android-app://com.example/", "android-app://com.example/"),
    ],
)
def test_urls(url, masked):
    assert redact_url(url) == masked
    assert redact({"seen_at": url}) == {"seen_at": masked}
