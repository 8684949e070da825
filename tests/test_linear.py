"""Functions that read input of visitors take linear time."""

import time
from contextlib import suppress
from io import BytesIO
from itertools import count

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch, reverse

from eventlog import text as texts
from eventlog.contrib.graphql import action_of_operation
from eventlog.metadata import correlation, user_agent
from eventlog.metadata import readers as facts
from eventlog.metadata.fields import FIELDS
from eventlog.metadata.url_secrets import mask_values, secret_patterns
from eventlog.middleware import EventLogMiddleware
from eventlog.middleware.rules import compile_rule, select_rule
from eventlog.records import Record
from eventlog.records.encoding import encode
from eventlog.records.redaction import redact, redact_query, redact_url
from eventlog.review.pagination import Cursor
from eventlog.review.search.condition import InvalidTermError
from eventlog.review.search.filters import FILTERS, find
from eventlog.review.search.parser import parse
from eventlog.review.search.query import Search
from eventlog.review.search.tree import Term

pytestmark = pytest.mark.once

# In characters. Readers cut text at 2,048 or 4,096, and may skip work for shorter text.
SIZES = ((250, 2_000), (3_000, 24_000))
# Between two sizes, the CPU time of a linear function grows 8 times, of a quadratic 64 times.
MAX_GROWTH = 24
MIN_SECONDS = 0.001  # CPU time below which the growth cannot be measured

UNITS = [
    *"./%;@:\"'\\[]{}()<>&=?#,+-_*~|^$ \t\n\x00aA0é",
    *("=&", "a,", "//", "../", "./", ".a", "a.", "-a", "/a", "a/", "%25", "%2e", "%3D", "%40"),
    *(
        "?a=",
        "a=",
        "a=b&",
        "token=",
        "token=a;",
        "key:",
        "a:",
        "x@",
        "//a@",
        "@/",
        "?#",
        '\\"',
        "\\u",
    ),
    *('{"a":', '"a":"b",', "[[", "[{", '["a",', "]]", "](", "((", "()", "<a", "<a>", "{{", "{%"),
    *(
        "1.1.1.1,",
        "for=",
        'for="',
        'for="[::1]";',
        "::",
        ":0",
        "1.",
        "10.0.0.1, ",
        "0:",
        "fe80::1%",
    ),
    *(
        "Android;",
        "Android 1; ",
        "Build/",
        "; bot",
        "(compatible; ",
        "Mozilla/5.0 (",
        "bot",
        "+http",
    ),
    *(
        "Bearer ",
        "eyJ",
        "eyJhbGciOi.",
        "A.B.",
        "AKIA",
        "sk_",
        "-----BEGIN ",
        "4111",
        "4 1 ",
        "\u2028",
    ),
    *(
        "ip:1.0.0.0/8 ",
        "extra.a:",
        "extra.",
        '"a" ',
        '"',
        "user:a ",
        "2026-01-01T",
        "1~",
        "*",
        "..a",
    ),
]
unique = count(10**6)


def hostile(unit, size):
    """Return ``size`` characters of a unit and a new number, because results are cached."""
    number = str(next(unique))
    return (number + unit * (size // len(unit) + 1))[: size - len(number)] + number


def seconds(prepare, unit, size):
    """Return the CPU time of this thread for one call with new input."""
    run = prepare(hostile(unit, size))
    started = time.thread_time()
    with suppress(ValueError, TypeError):  # rejecting the input takes time too
        run()
    return time.thread_time() - started


def least(prepare, unit, size, rounds):
    return min(seconds(prepare, unit, size) for _ in range(rounds))


def grows_too_fast(prepare, unit, sizes):
    """Return whether the cost grows faster than the input between two sizes.

    A growth in one measurement must be confirmed by the minimum of several.
    """
    if seconds(prepare, unit, sizes[-1][1]) < MIN_SECONDS:
        return False
    for smaller, larger in sizes:
        for rounds in (1, 3, 5):
            took = least(prepare, unit, larger, rounds)
            if took < MIN_SECONDS or took < MAX_GROWTH * least(prepare, unit, smaller, rounds):
                break
        else:
            return True
    return False


def assert_linear(prepare, units=UNITS, sizes=SIZES):
    seconds(prepare, "a", 50)  # so that loading and compiling are not measured
    assert next((unit for unit in units if grows_too_fast(prepare, unit, sizes)), None) is None


def make(**environ):
    base = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/ok/",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "10.0.0.1",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(),
    }
    # Latin-1, as PEP 3333 requires of servers.
    return WSGIRequest(
        {k: latin(v) if isinstance(v, str) else v for k, v in {**base, **environ}.items()}
    )


def latin(value):
    return value.encode("utf-8", "replace").decode("latin-1")


PATHS = [
    "/{}",
    "/{}/",
    "/accounts/reset/a/{}/x",
    "/accounts/reset/a/{}",
    "/accounts/reset/{}/a/",
    "/de/accounts/reset/a/{}/x",
    "/de/reset/{}/",
    "/shop/reset/{}/",
    "/shop/invite-{}",
    "/shop/key/{}",
    "/secrets/api/{}/",
    "/secrets/lazy/{}/",
    "/secrets/optional/{}",
    "/secrets/either/{}/",
    "/secrets/page/abcd/{}",
    "/any/{}/end/",
    "/any/{}",
    "/dots/{}/x",
    "/words/{}.html",
    "/ok/?{}",
]


def in_path(read, path):
    def prepare(text):
        request = make(PATH_INFO=path.format(text))
        return lambda: read(request)

    return prepare


def after_view(read, path):
    """Like ``in_path()``, with a resolver match that captured the text."""

    def prepare(text):
        request = make(PATH_INFO=path.format(text))
        request.resolver_match = ResolverMatch(len, (), {"token": text, "pk": text}, route="a/")
        return lambda: read(request)

    return prepare


def in_header(read, name, value="{}", **others):
    def prepare(text):
        # Servers refuse line breaks in headers.
        request = make(**{name: value.format(text).replace("\n", " ")}, **others)
        return lambda: read(request)

    return prepare


PROXIES = [(), ["10.0.0.0/8"], ["10.0.0.1", "2001:db8::/32", "1.1.1.1"], ["unix"], 1, 3]
FORWARDED = ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED"]

READERS = {
    facts.address: [in_header(facts.address, name) for name in (*FORWARDED, "REMOTE_ADDR")],
    facts.method: [in_header(facts.method, "REQUEST_METHOD")],
    facts.path: [in_path(facts.path, path) for path in PATHS]
    + [after_view(facts.path, path) for path in ("/a/{}/", "/accounts/reset/a/{}/x")],
    facts.query: [
        in_header(facts.query, "QUERY_STRING", value)
        for value in (
            "{}",
            "next={}",
            "token={}",
            "a[{}]=b",
            "a={}&token=x",
            "next=https://a/?b={}",
        )
    ],
    facts.route_and_view: [
        after_view(facts.route_and_view, "/a/{}/"),
        in_path(facts.route_and_view, "/{}"),
    ],
    facts.client: [
        in_header(facts.client, "HTTP_USER_AGENT", value)
        for value in (
            "{}",
            "Mozilla/5.0 (Linux; Android 9; {})",
            "Mozilla/5.0 ({}",
            "Mozilla/5.0 (compatible; {}",
            "{}/1.0",
        )
    ],
    facts.referrer: [
        in_header(facts.referrer, "HTTP_REFERER", value)
        for value in ("{}", "//{}", "https://{}/", "https://testserver/?{}", "/a?next={}")
    ]
    + [in_header(facts.referrer, "HTTP_REFERER", "https://testserver" + path) for path in PATHS]
    + [
        in_header(facts.referrer, name, HTTP_REFERER="https://a.example/accounts/reset/a/b/")
        for name in ("HTTP_HOST", "HTTP_X_FORWARDED_HOST")
    ],
    correlation.correlation_ids: [
        in_header(correlation.correlation_ids, "HTTP_X_REQUEST_ID"),
        *(
            in_header(correlation.correlation_ids, "HTTP_TRACEPARENT", value)
            for value in ("{}", "01-" + "a" * 32 + "-" + "b" * 16 + "-00-{}")
        ),
    ],
}


@pytest.fixture(autouse=True)
def _site(settings):
    settings.ROOT_URLCONF = "tests.urls_linear"
    settings.EVENTLOG = {"BACKEND": "eventlog.backends.dummy.DummyBackend"}


def test_every_reader_of_a_request_is_tested():
    assert set(READERS) == {field.reader for field in FIELDS.values()} - {None}


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(prepare, id=f"{reader.__name__}-{number}")
        for reader, prepares in READERS.items()
        for number, prepare in enumerate(prepares)
    ],
)
def test_readers_of_requests_take_linear_time(prepare):
    assert_linear(prepare)


@pytest.mark.parametrize("proxies", PROXIES, ids=str)
@pytest.mark.parametrize(
    "header", [*FORWARDED, "REMOTE_ADDR", "HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT"]
)
def test_readers_of_addresses_and_ids_take_linear_time_with_any_trusted_proxies(
    settings, proxies, header
):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": proxies, "ANONYMIZE_IP": True}
    peer = (
        {}
        if header == "REMOTE_ADDR"
        else {"REMOTE_ADDR": "" if proxies == ["unix"] else "10.0.0.1"}
    )

    def read(request):
        return facts.address(request), correlation.correlation_ids(request)

    assert_linear(in_header(read, header, **peer))


def on_text(function, value="{}"):
    def prepare(text):
        text = value.replace("{}", text)
        return lambda: function(text)

    return prepare


def captured(path):
    request = make()
    return secret_patterns(request).captured_in(path)


FUNCTIONS = {
    "sanitize": on_text(lambda text: texts.sanitize(text, len(text))),
    "cut": on_text(lambda text: texts.cut(text, 100)),
    "header_text": on_text(lambda text: texts.header_text(latin(text), len(text))),
    "user agent": on_text(user_agent.parse_user_agent),
    "captured": on_text(captured, "accounts/reset/a/{}/x"),
    "captured behind a language": on_text(captured, "de/accounts/reset/a/{}"),
    "mask_values": on_text(lambda text: mask_values({text[:20], text[-20:], text[5:]}, text)),
    "mask_values, not there": on_text(lambda text: mask_values({"a.", "//", text + "x"}, text)),
    "redact_query": on_text(redact_query),
    "redact_query of a URL": on_text(redact_query, "next=https://a.example/?next={}"),
    "redact_query of a name": on_text(redact_query, "{}=1&token=2"),
    "redact_url": on_text(redact_url),
    "redact_url of a user": on_text(redact_url, "https://{}@a.example/"),
    "redact_url of a fragment": on_text(redact_url, "https://a.example/#{}"),
    "redact": on_text(redact),
    "redact of a value": on_text(lambda text: redact({"a": [text, {"b": text}], "token": text})),
    "redact of a name": on_text(lambda text: redact({text: text, "a": "b"})),
    "redact of a query": on_text(redact, "a={}&token=x"),
    "redact of JSON": on_text(redact, '{"a": "{}", "token": "x"}'),
    "redact of a header": on_text(redact, "Authorization: Bearer {}"),
    "action_of_operation": on_text(
        lambda text: action_of_operation(
            RequestFactory().post("/", {"query": text, "operationName": "-"}, "application/json"),
            None,
        )
    ),
    "encode": on_text(lambda text: encode({"a": text, text: [text]})),
    "encode of unsupported types": on_text(lambda text: encode({text: {text, "a"}})),
    "Record": on_text(lambda text: Record.build(None, "A", {"a": text, text: 1})),
    "Record as JSON": on_text(
        lambda text: Record.from_json(Record.build(None, "A", {"a": text}).to_json()).extra_value()
    ),
    "parse": on_text(parse),
    "Cursor": on_text(Cursor.read),
    "Cursor of a moment": on_text(Cursor.read, "2026-01-01T00:00:00{}~1"),
    "Cursor of a key": on_text(Cursor.read, "2026-01-01T00:00:00~{}"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_that_examine_text_take_linear_time(name):
    assert_linear(FUNCTIONS[name])


RULES = [
    {"path": r"^/api/", "log": False},
    {"path": r"\.(?:css|js|png)$", "log": False},
    {"path": r"^/[^/]+/[^/]+/$", "methods": ["POST"]},
    {"view": "shop:*", "status": "5xx"},
    {"path": r"/x$", "action": "{method}_{view}_{status}"},
    {},
]


@pytest.mark.parametrize("rules", [RULES, None])
@pytest.mark.parametrize("path", ["/{}", "/a/{}/x", "/static/{}"])
def test_rules_take_linear_time(settings, rules, path):
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": rules}

    def decide(request):
        rule = select_rule(request, HttpResponse(), None)
        if rule is not None:
            rule.action(request, None)

    assert_linear(in_path(decide, path))


def test_a_quadratic_expression_examines_a_limited_part_of_the_path():
    rule = compile_rule("REQUESTS[0]", {"path": r"\.+x$"})
    prepare = in_path(lambda request: rule.matches(request, None, None), "/{}")
    assert_linear(prepare, sizes=[(8 * texts.MAX_PATH_LENGTH, 64 * texts.MAX_PATH_LENGTH)])


def test_methods_in_rules_take_linear_time():
    rule = compile_rule("REQUESTS[0]", {"methods": ["GET"], "action": "{method}"})

    def decide(request):
        return rule.matches(request, None, None), rule.action(request, None)

    assert_linear(in_header(decide, "REQUEST_METHOD"))


def test_the_middleware_takes_linear_time():
    middleware = EventLogMiddleware(lambda request: HttpResponse())

    def prepare(text):
        header = text.replace("\n", " ")
        headers = ("QUERY_STRING", "HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_X_FORWARDED_FOR")
        request = make(PATH_INFO="/accounts/reset/a/" + text, **dict.fromkeys(headers, header))
        return lambda: middleware(request)

    assert_linear(prepare)


@pytest.mark.django_db
@pytest.mark.parametrize("key", [*FILTERS, "extra.{}", ""])
def test_terms_of_a_search_take_linear_time(key):
    def read(text):
        with suppress(InvalidTermError):
            find(Term(key.format(text), text))

    assert_linear(on_text(read))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value", ["{}", "user:{}", "ip:{}", 'extra.a:"{}', "path:{}", "-({})", "status:{}", "a OR {}"]
)
def test_searches_take_linear_time(value):
    assert_linear(on_text(lambda text: Search.parse(text.replace("\0", "")), value))


FEW = ["a", ".", "1", "=&", "%", '"', "ip:1.0.0.0/8 "]
PARAMETERS = ["q", "from", "to", "older", "newer", "look", "pick", "p", "o", "action", "unknown"]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_parameters_of_the_list_take_linear_time(admin_client, parameter):
    address = reverse("admin:eventlog_log_changelist")
    assert_linear(on_text(lambda text: admin_client.get(address, {parameter: text})), FEW)


@pytest.mark.parametrize("parameter", ["period", "by"])
def test_parameters_of_the_overview_take_linear_time(admin_client, parameter):
    address = reverse("admin:eventlog_log_overview")
    assert_linear(on_text(lambda text: admin_client.get(address, {parameter: text})), FEW)
