from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log, log
from eventlog.review import search
from eventlog.review.actions import known_actions
from eventlog.review.expressions import Number, Text
from eventlog.review.pages import page
from eventlog.review.search import Search, Term, join, split

from .shop.models import Widget

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def event(action, **extra):
    values = {name: extra.pop(name) for name in ("user", "timestamp") if name in extra}
    return Log.objects.create(action=action, extra=extra, **values)


def found(text):
    search = Search.parse(text)
    assert not search.misunderstood, search.misunderstood
    return set(Log.objects.filter(search.wanted.condition).values_list("action", flat=True))


def misunderstood(text):
    return [(str(term), why) for term, why in Search.parse(text).misunderstood]


# Reading


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("user:anna", [("user", "anna")]),
        ('user:"anna b" X', [("user", "anna b"), ("", "X")]),
        ("obj:shop.order:7", [("obj", "shop.order:7")]),
        (r'extra.title:"a \"b\" \\c"', [("extra.title", r'a "b" \c')]),
        ("ip:2001:db8::/32", [("ip", "2001:db8::/32")]),
        ('"half', [("", '"half')]),
        ("", []),
        ("   ", []),
    ],
)
def test_a_search_is_split_into_terms(text, terms):
    assert list(split(text)) == [Term(*term) for term in terms]


@pytest.mark.parametrize(
    "value", ["plain", "a b", 'say "hi"', "back\\slash", "a:b", "ünï", "x\ty", "'", '"']
)
@pytest.mark.parametrize("key", ["", "user", "extra.title"])
def test_a_term_reads_as_it_is_written(key, value):
    assert list(split(join([Term(key, value)]))) == [Term(key, value)]


# Each key


def test_user_is_a_name_or_a_key(anna):
    event("HERS", user=anna)
    event("NOBODYS")
    assert found("user:anna") == found(f"user:{anna.pk}") == {"HERS"}


def test_a_user_who_is_not_there_did_nothing():
    event("X")
    search = Search.parse("user:nobody")
    assert misunderstood("user:nobody") == [("user:nobody", "there is no user 'nobody'")]
    assert not Log.objects.filter(search.wanted.condition).exists()


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
def test_ip_is_an_address_or_a_network(value, addresses):
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
        assert "of IPv6 networks" in misunderstood(f"ip:{value}")[0][1]


def test_action_is_a_name_or_what_it_begins_with():
    for action in ("LOGIN", "LOGIN_FAILED", "LOGOUT", "LOG%IN"):
        event(action)
    assert found("action:LOGIN") == {"LOGIN"}
    assert found("action:LOGIN*") == {"LOGIN", "LOGIN_FAILED"}
    assert found("action:LOG%*") == {"LOG%IN"}
    assert found("action:LOGIN action:LOGOUT") == {"LOGIN", "LOGOUT"}


def test_obj_is_one_object_or_a_kind(anna):
    sprocket = Widget.objects.create(name="sprocket")
    log(None, "ANNA", obj=anna)
    log(None, "SPROCKET", obj=sprocket)
    assert found(f"obj:auth.user:{anna.pk}") == {"ANNA"}
    assert found("obj:auth.User") == {"ANNA"}
    assert found(f"obj:{sprocket._meta.label_lower}:{sprocket.pk}") == {"SPROCKET"}


def test_status_is_a_number_or_a_class():
    for status in (200, 302, 404, 418, 500, 503):
        event(str(status), status=status)
    event("ODD", status="odd")
    event("TEXT", status="404")
    assert found("status:404") == {"404", "TEXT"}
    assert found("status:2xx") == {"200"}
    assert found("status:4xx") == {"404", "418", "TEXT"}
    assert found("status:503 status:302") == {"503", "302"}


def test_path_begins_so_or_contains_it():
    for path in ("/orders/7/", "/orders/", "/shop/orders/"):
        event(path, path=path)
    assert found("path:/orders/") == {"/orders/7/", "/orders/"}
    assert found("path:*orders*") == {"/orders/7/", "/orders/", "/shop/orders/"}
    assert found("/orders/7") == {"/orders/7/"}


def test_method_and_device_and_what_an_event_is(anna):
    event("A", method="POST", device_type="bot")
    event("B", method="GET", device_type="mobile", user=anna)
    assert found("method:post") == found("is:bot") == found("is:anonymous") == {"A"}
    assert found("device:mobile") == found("is:human") == found("is:user") == {"B"}
    assert found("is:user is:bot") == set()


def test_anything_in_extra_can_be_asked_for():
    event("A", title="Foo", order={"total": 7}, paid=True)
    event("B", title="Food", order={"total": 70})
    assert found('extra.title:"Foo"') == found("extra.order.total:7") == {"A"}
    assert found("extra.title:Foo*") == {"A", "B"}
    assert found("extra.contains:x") == found("extra.a__b:x") == set()


def test_request_finds_all_that_one_request_left():
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
def test_time_has_bounds(text, actions):
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
def test_a_bare_word_is_what_it_can_be(anna, word, actions):
    event("HERS", user=anna)
    event("LOGIN")
    event("LOGIN_FAILED")
    event("FROM", ip="192.0.2.7")
    event("PATH", path="/shop/invoice/7/")
    log(None, "ABOUT", obj=Widget.objects.create(name="sprocket"))
    assert found(word) == actions


def test_different_keys_narrow_together(anna):
    event("A", user=anna, status=500, ip="192.0.2.7", path="/a/")
    event("B", user=anna, status=200, ip="192.0.2.7", path="/a/")
    event("C", status=500, ip="192.0.2.7", path="/a/")
    assert found("user:anna status:5xx ip:192.0.2.0/24 path:/a last:1h") == {"A"}


@pytest.mark.parametrize(
    "text",
    [
        "colour:red",
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
        "user:²",
        "user:99999999999999999999",
        "from:0001-01-01",
        "from:9999-12-31T23:59:59-12:00",
    ],
)
def test_what_is_not_understood_is_told_with_its_reason(text):
    ((term, why),) = misunderstood(text)
    assert term == text
    assert why


@pytest.mark.parametrize(
    "text", ["x " * 5000, ":" * 500, "extra.:x", "a:" * 900, "\\", '""', "to:9999-12-31"]
)
def test_nothing_that_is_typed_breaks_the_search(text):
    list(Log.objects.filter(Search.parse(text).wanted.condition)[:1])


def test_names_may_be_numbers(anna, monkeypatch):
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    event("A", user=anna)
    assert found(f"user:{anna.pk}") == {"A"}
    assert misunderstood("user:anna")
    assert not found("word")


# Indexes


def plans(text):
    """How the database goes about each query of the first page."""
    with CaptureQueriesContext(connection) as captured:
        page(Log.objects.all(), Search.parse(text).wanted, 10)
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
        ("ip:192.0.2.9", "eventlog_day_ip"),
        ("ip:192.0.2.0/29", "eventlog_day_ip"),
        ("ip:192.0.2.0/28", "eventlog_day_ip"),
        ("ip:203.0.113.9", "eventlog_day_ip"),
        ("status:5xx", "eventlog_failed_time"),
    ],
)
def test_an_index_finds_what_leads(anna, text, index):
    rows = [
        Log(action=f"A{n % 7}", extra={"ip": f"192.0.2.{n % 200}", "status": 200})
        for n in range(3000)
    ]
    Log.objects.bulk_create(rows)
    kind = {"postgresql": "ANALYZE eventlog_log", "sqlite": "ANALYZE", "mysql": "SELECT 1"}
    with connection.cursor() as cursor:
        cursor.execute(kind[connection.vendor])
    found = list(plans(text))
    assert any(index in plan for plan in found)
    for plan in found:
        assert "Seq Scan" not in plan
        assert "SCAN eventlog_log'" not in plan
        assert "'ALL'" not in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the others begin with the same value")
def test_the_failed_are_read_in_the_order_of_time(anna):
    Log.objects.bulk_create(
        Log(action="A", extra={"status": 400 + n % 2 * 100}) for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    (plan,) = plans("status:5xx")
    assert "eventlog_failed_time (<expr>=?)" in plan
    assert "FOR ORDER BY" not in plan


@pytest.mark.django_db(transaction=True)  # or the statistics would not know the rows
def test_the_actions_are_read_from_one_name_to_the_next():
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


def test_more_values_than_an_index_is_asked_for_are_looked_for(monkeypatch):
    monkeypatch.setattr(search, "MOST_BRANCHES", 2)
    for n in range(3):
        event(f"A{n}")
    assert found("action:A*") == {"A0", "A1", "A2"}
    assert Search.parse("action:A*").wanted.lead is None
    assert Search.parse("action:A0 action:A1").wanted.lead is not None


def test_of_more_actions_than_are_listed_each_is_found(monkeypatch):
    for module in ("actions", "terms"):
        monkeypatch.setattr(f"eventlog.review.{module}.MOST", 3)
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
    list(Log.objects.annotate(x=Text("a", "b"), y=Number("a")).values("x", "y"))


def test_a_number_is_a_number_and_nothing_else():
    for value in (7, 7.5, "7", True, None, [7]):
        event(repr(value), a=value)
    numbers = Log.objects.annotate(n=Number("a")).filter(n__isnull=False)
    assert dict(numbers.values_list("action", "n")) == {"7": 7, "7.5": 7.5}


def test_true_is_no_number():
    for value in (True, False, 1, 0, "true"):
        event(repr(value), paid=value)
    assert found("extra.paid:true") == {"True", "'true'"}
    assert found("extra.paid:false") == {"False"}
    assert found("extra.paid:1") == {"1"}


def test_an_extra_that_no_index_was_made_for_can_be_written():
    event("A", ip="x" * 500, status="y" * 500)
    event("B", ip={"a": 1}, status=None)
    event("C", ip="é😀", status="é😀")
    assert Log.objects.count() == 3
    User.objects.create_user("b")
    assert timezone.now() - Log.objects.first().timestamp < timedelta(minutes=1)
