import enum
import json
import types
from collections import namedtuple
from urllib.parse import quote, unquote

import pytest
from django.http import QueryDict
from django.utils.translation import gettext_lazy
from django.views.debug import SafeExceptionReporterFilter
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records.redaction import MASK, is_secret, redact, redact_query, redact_url


def test_all_names_that_django_hides_are_recognised():
    words = SafeExceptionReporterFilter.hidden_settings.pattern.split("|")
    assert len(words) > 5
    assert all(is_secret(word) for word in words)


def test_redact_adds_names(settings):
    assert not is_secret("shoe_size")
    settings.EVENTLOG = {"REDACT": ["SHOE", "diagnosis"]}
    assert is_secret("shoe_size")
    assert is_secret("mainDiagnosis")
    assert is_secret("password")


def test_a_secret_in_a_url_that_is_encoded_many_times_is_masked():
    url = "?token=hunter2"
    for _ in range(25):
        url = "?a=" + quote(url, safe="")
    assert MASK in redact_url(url)
    assert "hunter2" not in unquote(redact_url(url))


def test_redact_except_exempts_names(settings):
    settings.EVENTLOG = {"REDACT_EXCEPT": ["page_token", "Api-Key"], "REDACT": ["shoe", "apikey"]}
    kept = {"page_token": "x", "PAGE_TOKEN": "x", "apiKey": "x", "pageToken": ["x"]}
    assert redact(kept) == kept
    assert redact({"my_page_token": "x", "shoe": True}) == {"my_page_token": MASK, "shoe": MASK}
    assert redact_query("page_token=x&token=y") == f"page_token=x&token={MASK}"


def test_a_value_under_an_exempt_name_is_kept_in_any_form(settings):
    settings.EVENTLOG = {"REDACT_EXCEPT": ["order_no"]}
    assert redact({"order_no": "4111 1111 1111 1111"}) == {"order_no": "4111 1111 1111 1111"}


class Link(enum.Enum):
    RESET = "https://example.org/?token=x"
    FORM = types.MappingProxyType({"password": "x"})


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("a=1&password=x", f"a=1&password={MASK}"),
        ("password=x", f"password={MASK}"),
        ("YWJwYXNzZGVm==", "YWJwYXNzZGVm=="),
        ("the password=x is known", f"the password={MASK} is known"),
        (gettext_lazy("https://example.org/?token=x"), f"https://example.org/?token={MASK}"),
        (Link.RESET, f"https://example.org/?token={MASK}"),
        (Link.FORM, {"password": MASK}),
        ({"https://example.org/?token=x": 1}, {f"https://example.org/?token={MASK}": 1}),
        (QueryDict("a=1&b=2&b=3&pin=4"), {"a": "1", "b": ["2", "3"], "pin": MASK}),
    ],
)
def test_a_secret_is_masked_in_values_of_any_type(value, masked):
    assert redact({"seen": value}) == {"seen": masked}


def test_nested_values_are_masked_and_the_original_is_unchanged():
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
        ("token=", "token="),
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
def test_secret_parameters_of_a_query_are_masked(query, masked):
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
        ("https://example.org/token=x/", f"https://example.org/token={MASK}/"),
        ("/a;password=x/b", f"/a;password={MASK}/b"),
        ("/a;v=1;jsessionid=x", f"/a;v=1;jsessionid={MASK}"),
        ("https://example.org/x%3Ftoken=x", f"https://example.org/x%3Ftoken%3D{MASK}"),
        ("/x%253Ftoken%253Dx", f"/x%3Ftoken%3D{MASK}"),
        ("/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln/", f"/verify/{MASK}/"),
        ("android-app://com.example/", "android-app://com.example/"),
    ],
)
def test_secrets_in_every_part_of_a_url_are_masked(url, masked):
    assert redact_url(url) == masked
    assert redact({"seen_at": url}) == {"seen_at": masked}


Login = namedtuple("Login", "user password attempts")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ([["Authorization", "Bearer S"]], [["Authorization", MASK]]),
        ([("Host", "a"), ("Cookie", "S")], [["Host", "a"], ["Cookie", MASK]]),
        (("Authorization", "S"), ["Authorization", MASK]),
        ([{"name": "Authorization", "value": "S"}], [{"name": "Authorization", "value": MASK}]),
        ({"key": "Authorization", "value": "S"}, {"key": "Authorization", "value": MASK}),
        ({"Key": "password", "Value": "S"}, {"Key": "password", "Value": MASK}),
        (
            {"field": "password", "old": "S", "new": "S"},
            {"field": "password", "old": MASK, "new": MASK},
        ),
        ({"name": "color", "value": "red"}, {"name": "color", "value": "red"}),
        (["password", "email"], ["password", "email"]),
        (Login("anna", "S", 3), ["anna", MASK, 3]),
        ({"login": Login("anna", "S", 3)}, {"login": ["anna", MASK, 3]}),
        ("Cookie: sessionid=S", f"Cookie: {MASK}"),
        (
            "Host: a\r\nSet-Cookie: a=S; Path=/\r\nVia: b",
            f"Host: a\r\nSet-Cookie: {MASK}\r\nVia: b",
        ),
        ("Authorization: Basic dTpw", f"Authorization: {MASK}"),
        ("X-Api-Key: S", f"X-Api-Key: {MASK}"),
        ("API key: S", f"API key: {MASK}"),
        ("curl -H 'Authorization: Bearer S' x", f"curl -H 'Authorization: {MASK}' x"),
        ('{"password": "S", "n": 1}', f'{{"password": "{MASK}", "n": 1}}'),
        ('{"password":"S"}', f'{{"password":"{MASK}"}}'),
        ('{"pass\\u0077ord":"S"}', f'{{"password":"{MASK}"}}'),
        ('{"password":"S","password":"T"}', f'{{"password":"{MASK}","password":"{MASK}"}}'),
        ('sent {"password": "S"} twice', f'sent {{"password": "{MASK}"}} twice'),
        ('{"password": "S', f'{{"password": "{MASK}'),
        ('{"token": {"a": "S"', f'{{"token": {MASK}'),
        (r'{"body": "{\"password\": \"S\"}"}', f'{{"body": "{{\\"password\\": \\"{MASK}\\"}}"}}'),
        ("{'password': 'S', 'n': 1}", f"{{'password': '{MASK}', 'n': 1}}"),
        ("Login(user='anna', password='S')", f"Login(user='anna', password='{MASK}')"),
        (
            'mutation { login(password: "S") { id } }',
            f'mutation {{ login(password: "{MASK}") {{ id }} }}',
        ),
        ("see https://anna:S@example.org/ now", f"see https://{MASK}@example.org/ now"),
        ("GET /a?token=S HTTP/1.1", f"GET /a?token={MASK} HTTP/1.1"),
        ("user=anna&password=S", f"user=anna&password={MASK}"),
        ("<password>S</password>", f"<password>{MASK}</password>"),
        (
            'form-data; name="password"\r\n\r\nS\r\n--x--',
            f'form-data; name="password"\r\n\r\n{MASK}\r\n--x--',
        ),
        ({"session_id": "5", "card_ids": [1, 2]}, {"session_id": "5", "card_ids": [1, 2]}),
        (
            {"is_authenticated": True, "session_count": 3},
            {"is_authenticated": True, "session_count": 3},
        ),
        (
            {"pin": 1234, "otp": 1, "cvv": 123, "token": 5},
            {"pin": MASK, "otp": MASK, "cvv": MASK, "token": 5},
        ),
        (
            {"account_key": "acme", "other_key": "a1B2c3D4e5"},
            {"account_key": "acme", "other_key": MASK},
        ),
    ],
)
def test_a_value_next_to_a_secret_name_is_masked(value, masked):
    assert redact(value) == masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ('data={"password":"S"}', "data=%7B%22password%22%3A%22********%22%7D"),
        ("data=%7B%22password%22%3A%22S%22%7D", "data=%7B%22password%22%3A%22********%22%7D"),
        ('query={login(password:"S")}', "query=%7Blogin%28password%3A%22********%22%29%7D"),
        ('variables={"password":"S"}', "variables=%7B%22password%22%3A%22********%22%7D"),
        ("note=Bearer+S", "note=Bearer%20********"),
        (f"a={JWT}&b=1", f"a={MASK}&b=1"),
        ("code=S&state=S", f"code={MASK}&state={MASK}"),
        ("code=S&session_state=x", f"code={MASK}&session_state=x"),
        ("code_verifier=S", f"code_verifier={MASK}"),
        ("SAMLRequest=S&RelayState=/a", f"SAMLRequest={MASK}&RelayState=/a"),
        ("code=DE&page=2", "code=DE&page=2"),
        ("state=CA", "state=CA"),
        ("card=4111+1111+1111+1111", f"card={MASK}"),
        ("n=4111+1111+1111+1111", f"n={MASK}"),
    ],
)
def test_secrets_inside_the_values_of_a_query_are_masked(query, masked):
    assert redact_query(query) == masked


def test_code_is_masked_if_the_path_belongs_to_an_oauth_response():
    assert redact_query("code=S", "/accounts/google/login/callback/") == f"code={MASK}"
    assert redact_query("code=S", "/coupons/") == "code=S"


SECRET = "Zq8-hunter2-Zq8"
TEXTS = st.text(max_size=30) | st.sampled_from(
    [*"\"'{}[]()=:;&?#%@/\\ \n", "token=", "a=%7B", "//"]
)


@given(st.lists(TEXTS, max_size=12).map("".join))
def test_masking_accepts_any_text(text):
    for mask in (redact, redact_query, redact_url):
        assert isinstance(mask(text), str)
    assert redact({"password": text}) == {"password": MASK if text else ""}


@given(
    st.recursive(
        st.integers() | st.booleans() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=5) | st.just("token"), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(["password", "apiKey", "X-Auth-Token"]),
)
def test_a_secret_is_masked_among_any_other_values(around, name):
    value = {"a": around, "b": [{name: SECRET}, json.dumps({name: SECRET, "x": around})]}
    assert SECRET not in json.dumps(redact(value))
