from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log, log
from eventlog.models.expressions import NumberFact, Text
from eventlog.review.pagination import page
from eventlog.review.search import plan
from eventlog.review.search.known_values import known_actions
from eventlog.review.search.query import Search

from .events import request_row, write_request
from .shop.models import Widget

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def event(action, **extra):
    values = {name: extra.pop(name) for name in ("user", "timestamp") if name in extra}
    return write_request(extra, action=action, **values)


def found(text):
    search = Search.parse(text)
    assert not search.errors, search.errors
    return set(Log.objects.filter(search.plan.condition).values_list("action", flat=True))


needs_index_of_names = pytest.mark.skipif(
    not connection.features.supports_partial_indexes, reason="unknown names are searched instead"
)


def errors(text):
    return [(error.part, error.reason) for error in Search.parse(text).errors]


def suggestions(text):
    return [error.suggested_part or None for error in Search.parse(text).errors]


# Each key


def test_user_takes_a_name_or_a_key(anna):
    event("HERS", user=anna)
    event("ANONYMOUS")
    assert found("user:anna") == found(f"user:{anna.pk}") == {"HERS"}


@needs_index_of_names
def test_an_unknown_user_finds_nothing():
    event("X")
    search = Search.parse("user:zoe")
    reason = "Unknown user 'zoe'. Use a username, an e-mail address or a user's primary key."
    assert errors("user:zoe") == [("user:zoe", reason)]
    assert not Log.objects.filter(search.plan.condition).exists()


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("192.0.2.7", {"192.0.2.7"}),
        ("192.0.2.0/24", {"192.0.2.7", "192.0.2.70"}),
        ("192.0.2.6/31", {"192.0.2.7"}),
        ("192.0.0.0/16", {"192.0.2.7", "192.0.2.70", "192.0.20.1"}),
        ("192.0.2.0/23", {"192.0.2.7", "192.0.2.70"}),
        ("192.0.0.0/18", {"192.0.2.7", "192.0.2.70", "192.0.20.1"}),
        ("192.0.0.0/8", {"192.0.2.7", "192.0.2.70", "192.0.20.1"}),
        ("2001:db8::1", {"2001:db8::1"}),
        ("2001:DB8:0::1", {"2001:db8::1"}),
        ("2001:db8::/32", {"2001:db8::1", "2001:db8:0:1::5", "2001:db8:1::1"}),
        ("2001:db8::/48", {"2001:db8::1", "2001:db8:0:1::5"}),
        ("2001:db8:1::/48", {"2001:db8:1::1"}),
        ("2001:db8:0:1::/64", set()),
    ],
)
def test_ip_takes_an_address_or_a_network(value, addresses):
    for address in (
        "192.0.2.7",
        "192.0.2.70",
        "192.0.20.1",
        "193.0.2.7",
        "2001:db8::1",
        "2001:db8:0:1::5",
        "2001:db8:1::1",
        "2001:db80::1",
    ):
        event(address, ip=address)
    if addresses:
        assert found(f"ip:{value}") == addresses
    else:
        assert "IPv6 network" in errors(f"ip:{value}")[0][1]


def test_action_takes_a_name_or_a_prefix():
    for action in ("LOGIN", "LOGIN_FAILED", "LOGOUT", "LOG%IN"):
        event(action)
    assert found("action:LOGIN") == {"LOGIN"}
    assert found("action:LOGIN*") == {"LOGIN", "LOGIN_FAILED"}
    assert found("action:LOG%*") == {"LOG%IN"}
    assert found("action:LOGIN action:LOGOUT") == {"LOGIN", "LOGOUT"}


def test_obj_takes_an_object_or_a_type(anna):
    sprocket = Widget.objects.create(name="sprocket")
    log(None, "ANNA", obj=anna)
    log(None, "SPROCKET", obj=sprocket)
    assert found(f"obj:auth.user:{anna.pk}") == {"ANNA"}
    assert found("obj:auth.User") == {"ANNA"}
    assert found(f"obj:{sprocket._meta.label_lower}:{sprocket.pk}") == {"SPROCKET"}


def test_status_takes_a_code_or_a_class():
    for status in (200, 302, 404, 418, 500, 503):
        event(str(status), status=status)
    event("ODD", status="odd")
    assert found("status:404") == {"404"}
    assert found("status:2xx") == {"200"}
    assert found("status:4xx") == {"404", "418"}
    assert found("status:503 status:302") == {"503", "302"}


def test_path_takes_a_prefix_or_a_part():
    for path in ("/orders/7/", "/orders/", "/shop/orders/"):
        event(path, path=path)
    assert found("path:/orders/") == {"/orders/7/", "/orders/"}
    assert found("path:*orders*") == {"/orders/7/", "/orders/", "/shop/orders/"}
    assert found("/orders/7") == {"/orders/7/"}


def test_method_device_and_is_find_their_events(anna):
    event("A", method="POST", device_type="bot")
    event("B", method="GET", device_type="mobile", user=anna)
    assert found("method:post") == found("is:bot") == found("is:anonymous") == {"A"}
    assert found("device:mobile") == found("is:human") == found("is:user") == {"B"}
    assert found("is:user is:bot") == set()


def test_is_request_and_is_event_find_requests_and_other_events():
    event("GET_ABOUT", status=200)
    log(None, "PAID", extra={"status": 500})
    assert found("is:request") == {"GET_ABOUT"}
    assert found("is:event") == {"PAID"}
    assert found("is:request is:event") == set()
    assert [row.action for row in Log.objects.requests()] == ["GET_ABOUT"]
    assert [row.action for row in Log.objects.events()] == ["PAID"]


@pytest.mark.parametrize(
    ("search", "own"),
    [
        ("status:500", {"status": 500}),
        ("status:5xx", {"status": 500}),
        ("device:bot", {"device_type": "bot"}),
        ("is:bot", {"device_type": "bot"}),
        ("path:/x", {"path": "/x"}),
        ("method:POST", {"method": "POST"}),
        ("request:abc", {"request_id": "abc"}),
        ("ip:203.0.113.7", {"ip": "203.0.113.7"}),
    ],
)
def test_values_of_the_application_are_not_taken_for_a_request(search, own):
    log(None, "PAID", extra=own)
    assert found(search) == set()
    [stored] = Log.objects.all()
    assert stored.extra == own
    assert stored.facts == {}


def test_extra_finds_any_value_at_any_depth():
    event("A", title="Foo", order={"total": 7}, paid=True)
    event("B", title="Food", order={"total": 70})
    assert found('extra.title:"Foo"') == found("extra.order.total:7") == {"A"}
    assert found("extra.title:Foo*") == {"A", "B"}
    assert found("extra.contains:x") == found("extra.a__b:x") == set()


def test_request_finds_the_events_of_one_request():
    event("A", request_id="abc")
    event("B", request_id="abcd")
    assert found("request:abc") == {"A"}


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("last:24h", {"NEW"}),
        ("last:4w", {"NEW"}),
        ("from:2026-01-02", {"NEW", "SECOND"}),
        ("to:2026-01-01", {"FIRST"}),
        ("from:2026-01-01 to:2026-01-02", {"FIRST", "SECOND"}),
        ("from:2026-01-01T13:30 to:2026-01-02T12:00+01:00", {"SECOND"}),
    ],
)
def test_last_from_and_to_bound_the_time(text, actions):
    event("FIRST", timestamp=datetime(2026, 1, 1, 12, tzinfo=UTC))
    event("SECOND", timestamp=datetime(2026, 1, 2, 10, tzinfo=UTC))
    event("NEW")
    assert found(text) == actions


@pytest.mark.parametrize(
    ("word", "actions"),
    [
        ("anna", {"HERS"}),
        ("login", {"LOGIN", "LOGIN_FAILED"}),
        ("192.0.2.7", {"FROM"}),
        ("sprock", {"ABOUT"}),
        ("invoice", {"PATH"}),
        ("nothing-of-the-kind", set()),
    ],
)
def test_a_bare_word_finds_users_actions_addresses_objects_and_paths(anna, word, actions):
    event("HERS", user=anna)
    event("LOGIN")
    event("LOGIN_FAILED")
    event("FROM", ip="192.0.2.7")
    event("PATH", path="/shop/invoice/7/")
    log(None, "ABOUT", obj=Widget.objects.create(name="sprocket"))
    assert found(word) == actions


def test_terms_with_different_keys_all_apply(anna):
    event("A", user=anna, status=500, ip="192.0.2.7", path="/a/")
    event("B", user=anna, status=200, ip="192.0.2.7", path="/a/")
    event("C", status=500, ip="192.0.2.7", path="/a/")
    assert found("user:anna status:5xx ip:192.0.2.0/24 path:/a last:1h") == {"A"}


@pytest.mark.parametrize(
    "text",
    [
        "colour:red",
        "User:anna",
        "user:",
        'user:""',
        "status:",
        "extra.title:",
        '""',
        "extra.:x",
        'action:"half',
        pytest.param("user:123456", marks=needs_index_of_names),
        "status:9xx",
        "status:60",
        "ip:300.1.1.1",
        "ip:2001:db8::/33",
        "obj:nothing.here:1",
        "obj:x",
        "device:toaster",
        "is:tall",
        "last:yesterday",
        "from:tomorrow",
        "from:2026-13-45",
        "to:99999-12-31",
        "user:a\0b",
        pytest.param("user:²", marks=needs_index_of_names),
        pytest.param("user:99999999999999999999", marks=needs_index_of_names),
        "from:0001-01-01",
        "from:9999-12-31T23:59:59-12:00",
    ],
)
def test_an_invalid_term_finds_nothing_and_has_a_reason(text):
    event("X")
    ((part, reason),) = errors(text)
    assert part in (text, f"{text}" + '""') or part.strip('"') in text
    assert reason
    wanted = Search.parse(f"action:X {text}").plan
    assert not Log.objects.filter(wanted.condition).exists()
    assert page(Log.objects.all(), wanted, 10) == ([], None, None, None)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("usr:anna", "user:anna"),
        ("User:anna", "user:anna"),
        ("sttus:404", "status:404"),
        pytest.param("user:ana", "user:anna", marks=needs_index_of_names),
        pytest.param("user:Anne", "user:anna", marks=needs_index_of_names),
        ("device:tablett", "device:tablet"),
        ("is:anonymus", "is:anonymous"),
        ("status:44x", "status:4xx"),
        ("obj:auth.usr:7", "obj:auth.user:7"),
        ("obj:user", "obj:auth.user"),
        ("last:7days", "last:7d"),
        ("colour:red", "extra.colour:red"),
        ("user:", "has:user"),
        pytest.param("user:zoe", None, marks=needs_index_of_names),
        ("ip:300.1.1.1", None),
    ],
)
def test_a_misspelled_term_has_the_nearest_valid_term(anna, text, suggestion):
    assert suggestions(text) == [suggestion]


@pytest.mark.parametrize(
    "text", ["x " * 5000, ":" * 500, "extra.:x", "a:" * 900, "\\", '""', "to:9999-12-31"]
)
def test_no_text_breaks_the_search(text):
    list(Log.objects.filter(Search.parse(text).plan.condition)[:1])


@needs_index_of_names
def test_usernames_may_be_numbers(anna, monkeypatch):
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    event("A", user=anna)
    assert found(f"user:{anna.pk}") == {"A"}
    assert errors("user:anna")
    assert not found("word")


# Indexes


def query_plans(text):
    """Yield the query plan of each query of the first page."""
    with CaptureQueriesContext(connection) as captured:
        page(Log.objects.all(), Search.parse(text).plan, 10)
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        for query in captured:
            cursor.execute(f"{explain} {query['sql']}")
            yield str(cursor.fetchall())


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("user:anna", "eventlog_user_time"),
        ("action:RARE", "eventlog_action_time"),
        ("obj:auth.user:7", "eventlog_object_time"),
        ("ip:192.0.2.9", "eventlog_ip_time"),
        ("ip:192.0.2.0/29", "eventlog_ip_time"),
        ("ip:192.0.2.0/28", "eventlog_ip_time"),
        ("ip:203.0.113.9", "eventlog_ip_time"),
        ("status:5xx", "eventlog_failed_time"),
    ],
)
def test_an_index_serves_the_search(anna, text, index):
    rows = [
        request_row(
            {
                "ip": f"192.0.2.{n}" if n < 200 else f"198.51.{n % 100}.{n % 200}",
                "status": 200 if n % 100 else 500,
            },
            action=f"A{n % 7}",
        )
        for n in range(3000)
    ]
    Log.objects.bulk_create(rows)
    kind = {"postgresql": "ANALYZE eventlog_log", "sqlite": "ANALYZE", "mysql": "SELECT 1"}
    with connection.cursor() as cursor:
        cursor.execute(kind[connection.vendor])
    found = list(query_plans(text))
    assert any(index in steps for steps in found)
    last = found[-1]  # earlier queries find the bounds of several addresses
    assert "Seq Scan" not in last
    assert "SCAN eventlog_log'" not in last
    assert "'ALL'" not in last


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has to choose an index")
def test_failed_requests_are_read_in_time_order(anna):
    Log.objects.bulk_create(request_row({"status": 400 + n % 2 * 100}) for n in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    *_known, steps = query_plans("status:5xx")
    assert "eventlog_failed_time (status=?)" in steps
    assert "FOR ORDER BY" not in steps


@pytest.mark.django_db(transaction=True)  # because statistics count committed rows only
def test_known_actions_are_read_by_a_loose_index_scan():
    Log.objects.bulk_create(Log(action=f"A{n % 3}") for n in range(3000))
    with CaptureQueriesContext(connection) as captured:
        assert known_actions() == ["A0", "A1", "A2"]
    table = "TABLE" if connection.vendor == "mysql" else ""
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table} eventlog_log")
        if connection.vendor == "mysql":
            cursor.fetchall()
        cursor.execute(f"{explain} {captured[0]['sql']}")
        plan = str(cursor.fetchall())
    way = {
        "postgresql": "Index Cond",
        "sqlite": "(action>? AND action<?)",
        "mysql": "index for group-by",
    }
    assert way[connection.vendor] in plan
    assert "Seq Scan" not in plan


def test_more_values_than_the_limit_are_checked_row_by_row(monkeypatch):
    monkeypatch.setattr(plan, "MAX_BRANCHES", 2)
    for n in range(3):
        event(f"A{n}")
    assert found("action:A*") == {"A0", "A1", "A2"}
    assert Search.parse("action:A*").plan.index_scan is None
    assert Search.parse("action:A0 action:A1").plan.index_scan is not None


def test_every_action_is_found_even_if_there_are_too_many_to_list(monkeypatch):
    for module in ("known_values", "event_filters"):
        monkeypatch.setattr(f"eventlog.review.search.{module}.MAX_ACTIONS", 3)
    for n in range(5):
        event(f"GET_{n}")
    event("POST_LOGIN")
    event("POST_LOGOUT")
    for text in ("action:POST_*", "POST_", "post_log", "action:POST_LOGIN action:POST_LOGOUT"):
        assert found(text) == {"POST_LOGIN", "POST_LOGOUT"}
    assert found("POST_LOGIN") == {"POST_LOGIN"}
    assert found("action:GET_*") == {f"GET_{n}" for n in range(5)}


@pytest.mark.parametrize("extra", [{}, [], "text", 7, {"a": None}, {"a": {"b": []}}])
def test_text_and_numbers_are_read_from_any_extra(extra):
    Log.objects.create(action="X", extra=extra)
    list(Log.objects.annotate(x=Text("a", "b"), y=NumberFact("duration_ms")).values("x", "y"))


def test_only_json_numbers_are_numbers():
    for value in (7, 7.5, "7", True, None, [7]):
        event(repr(value), duration_ms=value)
    numbers = Log.objects.annotate(n=NumberFact("duration_ms")).filter(n__isnull=False)
    assert dict(numbers.values_list("action", "n")) == {"7": 7, "7.5": 7.5}


def test_true_and_false_are_not_numbers():
    for value in (True, False, 1, 0, "true"):
        event(repr(value), paid=value)
    assert found("extra.paid:true") == {"True", "'true'"}
    assert found("extra.paid:false") == {"False"}
    assert found("extra.paid:1") == {"1"}


def test_any_ip_and_status_in_extra_can_be_written():
    event("A", ip="x" * 500, status="y" * 500)
    event("B", ip={"a": 1}, status=None)
    event("C", ip="é😀", status="é😀")
    assert Log.objects.count() == 3
    User.objects.create_user("b")
    assert timezone.now() - Log.objects.first().timestamp < timedelta(minutes=1)


# Limits


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"ip:{n}.0.0.0/1" for n in range(30)),
        " ".join(f"ip:{n}.0.0.0/9" for n in range(30)),
        " ".join(f"ip:192.0.{n}.0/25" for n in range(30)),
        " ".join(f"ip:{n}.0.0.0/0" for n in range(30)),
        " ".join(f"extra.{'a.' * 29}{n}:*x*" for n in range(25)),
        " ".join(f"path:*{n}* obj:auth.user:{n}" for n in range(15)),
        " ".join(f"user:{n} action:A{n}*" for n in range(15)),
    ],
)
def test_no_number_of_terms_exceeds_the_databases_limits(text):
    wanted = Search.parse(text).plan
    list(Log.objects.filter(wanted.condition))
    assert page(Log.objects.all(), wanted, 10).events == []


def test_address_ranges_count_towards_the_limit_of_values():
    for text in (
        "ip:0.0.0.0/1 ip:128.0.0.0/1 ip:1.0.0.0/9",
        "ip:1.0.0.0/25 ip:2.0.0.0/9 ip:9.9.9.0/25",
    ):
        ((term, why),) = errors(text)
        assert term == text.split()[-1]
        assert "compares 384 values" in why
        assert "at most 256 values" in why
    assert not errors(" ".join(f"ip:{n}.0.0.0/0" for n in range(30)))


def test_the_network_of_all_ipv4_addresses_finds_no_ipv6_address():
    for ip in ("192.0.2.7", "9.9.9.9", "2001:db8::1", "::1", None):
        event(str(ip), ip=ip)
    assert found("ip:0.0.0.0/0") == {"192.0.2.7", "9.9.9.9"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 2001, "The search has 2001 characters. Use at most 2000 characters."),
        (f"extra.{'a.' * 30}b:1", "The key has 31 levels. Use at most 30 levels."),
        ("extra.a\0b:1", "The term has a NUL or a lone surrogate. Remove it."),
        ("user:\ud800", "The term has a NUL or a lone surrogate. Remove it."),
    ],
)
def test_a_search_over_a_limit_names_the_limit(text, why):
    event("X")
    assert errors(text)[0][1] == why


def test_a_search_that_is_too_long_finds_nothing():
    event("X")
    assert not Log.objects.filter(Search.parse("action:X " * 300).plan.condition).exists()


def test_the_31st_term_is_an_error_with_the_limit():
    ((_term, why),) = errors(" ".join(f"action:A{n}" for n in range(31)))
    assert why == "The search has 31 terms. Use at most 30 terms."


def test_times_with_any_utc_offset_are_read():
    event("X", timestamp=datetime(2024, 1, 1, 0, 30, tzinfo=UTC))
    assert found("from:2024-01-02T00:00+23:59") == {"X"}
    assert found("from:2024-01-02T00:30+23:59") == set()
    assert found("to:2023-12-31T00:32-23:59") == {"X"}


def test_a_day_of_25_hours_ends_at_midnight():
    event("X", timestamp=datetime(2024, 10, 27, 22, 30, tzinfo=UTC))  # 23:30 on a day with 25 hours
    assert found("from:2024-10-27 to:2024-10-27") == {"X"}
    assert found("to:2024-10-26") == set()
