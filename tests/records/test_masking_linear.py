"""Masking takes linear time: 16 times the length costs about 16 times as much."""

import time

import pytest
from django.test import RequestFactory

from eventlog.metadata.url_secrets import mask_values, secret_patterns
from eventlog.records.redaction import MASK, redact, redact_query, redact_url

UNITS = [
    "a", ".", "=", "a=", "&", "a=1&", "token=S&", ";token=S", "?a=", "%", "%25", "%3Ftoken%3DS",
    "@", "//", "//a:b@", ":", "a: ", "token: ", '"', '"a":', '"token":{', "{", "[[", '{"a":',
    "\\", '\\"a\\":', "eyJa", "eyJa-", "eyJa.", "xoxb-", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ", "1", "1 ", "4111 ", "Bearer a ", "<a>", "account_key:{", "account_key=",
    'form-data; name="a"\r\n\r\n', "Cookie: a\n", "code=1&state=2&", "_", "-",
    "<name><![CDATA[", "<account_key><![CDATA[", "<password><![CDATA[", '<a name="b" ',
    "[['a', 'b'", "key='token ", "key=token;", "--token ", "--a ", "curl -u a", "token:%20",
    "$token:[a]=", "token:a=", "token: ", "\\u0041", "authorization=Bearer ", "['a']=", "%3D",
    "%3D&", "==", "token: at least ", "<name>token</name>", "intro2python3for2024", "a:b=?",
    "a:b=&",
]  # fmt: skip


def _cost(function, text):
    """Return the CPU time of the fastest of three calls."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        function(text)
        spent.append(time.process_time() - before)
    return min(spent)


def _captured(path):
    return secret_patterns(RequestFactory().get("/")).captured_in(path)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("function", [redact, redact_query, redact_url])
def test_masking_takes_linear_time(function, unit):
    _assert_linear(function, lambda size: "/x?" + unit * (size // len(unit)))


@pytest.mark.parametrize("unit", [".", "-", "/", "_", "a", "%", " ", "a."])
def test_finding_captured_secrets_takes_linear_time(unit):
    _assert_linear(_captured, lambda size: "/shop/reset/a/" + unit * (size // len(unit)) + "/x")


@pytest.mark.parametrize("secret", ["aaaa", "a" * 1000, "/a" * 500, "a"])
def test_masking_captured_secrets_takes_linear_time(secret):
    _assert_linear(lambda text: mask_values([secret], text), lambda size: "a/" * (size // 2))


def _assert_linear(function, text_of):
    short, long = (_cost(function, text_of(size)) for size in (2_000, 32_000))
    # A quadratic function takes 256 times as long. The constant covers the resolution of the clock.
    assert long < short * 64 + 0.02


def test_a_secret_in_a_path_of_16_000_characters_is_masked(client, outbox):
    client.get("/shop/reset/hunter2" + "." * 16_000)
    client.get("/shop/reset/a/" + "." * 16_000 + "/x")
    assert outbox[0].extra["path"].startswith(f"/shop/reset/{MASK}")
