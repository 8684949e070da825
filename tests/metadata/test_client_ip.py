import pytest
from django.test import RequestFactory

from eventlog.metadata.client_ip import TrustedProxies, client_ip

factory = RequestFactory()


def seen(settings, proxies, peer, anonymize=False, **headers):
    settings.EVENTLOG = {"TRUSTED_PROXIES": proxies, "ANONYMIZE_IP": anonymize}
    return client_ip(factory.get("/", REMOTE_ADDR=peer, **headers))


@pytest.mark.parametrize(
    "header",
    [
        "HTTP_X_FORWARDED_FOR",
        "HTTP_FORWARDED",
        "HTTP_X_REAL_IP",
        "HTTP_CF_CONNECTING_IP",
        "HTTP_TRUE_CLIENT_IP",
        "HTTP_CLIENT_IP",
    ],
)
def test_by_default_no_forwarding_header_is_read(settings, header):
    assert seen(settings, (), "192.0.2.1", **{header: "6.6.6.6"}) == "192.0.2.1"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        (["10.0.0.1"], "10.0.0.1", "203.0.113.5", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "203.0.113.5, 10.9.9.9", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "6.6.6.6, 10.0.0.1, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        (["10.0.0.0/8"], "198.51.100.9", "6.6.6.6, 10.0.0.1", "198.51.100.9"),
        (["10.0.0.0/8"], "10.1.2.3", None, "10.1.2.3"),
        (["10.0.0.0/8"], "10.1.2.3", "", "10.1.2.3"),
        (["10.0.0.0/8"], "10.1.2.3", "10.5.5.5, 10.6.6.6", "10.5.5.5"),
        (["10.0.0.0/8"], "10.1.2.3", "garbage, 203.0.113.5", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "203.0.113.5, garbage", None),
        (["10.0.0.0/8"], "10.1.2.3", "203.0.113.5, unknown, 10.0.0.2", None),
        (["10.0.0.0/8"], "10.1.2.3", "203.0.113.5:4711", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "[2001:db8::1]:4711", "2001:db8::1"),
        (["10.0.0.0/8"], "10.1.2.3", "::ffff:203.0.113.5", "203.0.113.5"),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", "203.0.113.5", "203.0.113.5"),
        (["2001:db8::/32"], "2001:db8::9", "203.0.113.5", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "203.0.113.5,", "203.0.113.5"),
        (["10.0.0.0/8"], "10.1.2.3", "1.1.1.1, " * 2000 + "203.0.113.5", "203.0.113.5"),
        (["unix"], "", "203.0.113.5", "203.0.113.5"),
        (["unix"], "", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (["unix"], "198.51.100.9", "203.0.113.5", "198.51.100.9"),
        (["10.0.0.0/8"], "", "203.0.113.5", None),
        ((), "", None, None),
        ((), "no address", None, None),
        (1, "10.1.2.3", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (2, "10.1.2.3", "6.6.6.6, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        (2, "10.1.2.3", "203.0.113.5", "203.0.113.5"),
        (1, "203.0.113.5", None, "203.0.113.5"),
        (1, "", "203.0.113.5", "203.0.113.5"),
        (0, "10.1.2.3", "6.6.6.6", "10.1.2.3"),
    ],
)
def test_the_client_is_the_right_most_untrusted_hop(settings, proxies, peer, forwarded, client):
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    assert seen(settings, proxies, peer, **headers) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("for=203.0.113.5", "203.0.113.5"),
        ("For=203.0.113.5;proto=https;by=10.0.0.1", "203.0.113.5"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for=6.6.6.6, for="203.0.113.5:80";by="a,b"', "203.0.113.5"),
        (r'for=6.6.6.6, for=203.0.113.5;by="c:\\"', "203.0.113.5"),
        ("for=_hidden", None),
        ("for=unknown", None),
        ("proto=https", None),
    ],
)
def test_the_forwarded_header_of_rfc_7239_is_parsed(settings, forwarded, client):
    assert seen(settings, ["10.0.0.1"], "10.0.0.1", HTTP_FORWARDED=forwarded) == client


@pytest.mark.parametrize("trusted", [["10.0.0.0/8"], 1])
@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_FORWARDED_FOR": 'for=6.6.6.6;x=", 9.9.9.9'},
        {"HTTP_X_FORWARDED_FOR": '", 9.9.9.9'},
        {"HTTP_FORWARDED": 'for=6.6.6.6;host="x, for=9.9.9.9'},
        {"HTTP_FORWARDED": 'for="6.6.6.6\\", for=9.9.9.9'},
    ],
)
def test_an_open_quote_of_a_client_does_not_hide_the_proxys_hops(settings, trusted, headers):
    assert seen(settings, trusted, "10.0.0.1", **headers) == "9.9.9.9"


def test_the_first_of_proxy_headers_is_read(settings):
    headers = {"HTTP_X_FORWARDED_FOR": "203.0.113.5", "HTTP_FORWARDED": "for=6.6.6.6"}
    assert seen(settings, ["10.0.0.1"], "10.0.0.1", **headers) == "203.0.113.5"
    settings.EVENTLOG = {"TRUSTED_PROXIES": ["10.0.0.1"], "PROXY_HEADERS": ["Forwarded"]}
    assert client_ip(factory.get("/", REMOTE_ADDR="10.0.0.1", **headers)) == "6.6.6.6"


@pytest.mark.parametrize(
    ("peer", "kept"),
    [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3::4", "2001:db8:1::")],
)
def test_an_anonymous_address_keeps_its_network(settings, peer, kept):
    assert seen(settings, (), peer, anonymize=True) == kept


@pytest.mark.parametrize("proxies", [["10.0.0.300"], ["nginx"], -1, [""]])
def test_an_invalid_proxy_address_raises(proxies):
    with pytest.raises(ValueError):
        TrustedProxies(proxies)


@pytest.mark.parametrize("proxies", ["10.0.0.1", True, [10], None])
def test_proxies_of_an_invalid_type_raise(proxies):
    with pytest.raises(TypeError):
        TrustedProxies(proxies)
