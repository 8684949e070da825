"""A search finds the same events in ClickHouse as in the database and in plain Python."""

from datetime import UTC, datetime

import pytest
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.db.models.lookups import Exact
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from eventlog.contrib.clickhouse.conditions import Renderer
from eventlog.contrib.clickhouse.name_source import ClickHouseNameSource
from eventlog.models import Log, log
from eventlog.review.search.name_sources import looking_up_names_in
from eventlog.review.search.query import InvalidSearch, Search

from ...events import write_request
from ...review.test_search_properties import EXAMPLES, rows
from ...review.trees import FOUND_TERMS, holds, trees_of

__all__ = ["rows"]

# Each example is a query of ClickHouse's engine, which takes milliseconds.
FEW_EXAMPLES = hypothesis_settings(EXAMPLES, max_examples=150)


@pytest.fixture
def found(backend):
    """Return a function that returns a column of the events that a search finds."""

    def run(text, column="action"):
        with looking_up_names_in(ClickHouseNameSource(backend.table)):
            search = Search.parse(text)
        assert not search.errors, search.errors
        renderer = Renderer()
        where = renderer.condition(search.plan.condition)
        sql = f"SELECT {column} FROM {backend.table.name} WHERE {where}"
        return {value for (value,) in backend.table.server.query(sql, renderer.parameters)}

    return run


def test_a_search_finds_the_rows_that_a_plain_filter_finds(rows, copy, found):
    copy()

    @FEW_EXAMPLES
    @given(trees_of(FOUND_TERMS))
    def check(tree):
        assert found(str(tree), "id") == {pk for pk, row in rows.items() if holds(tree, row)}

    check()


def test_each_term_finds_what_it_finds_in_the_database(rows, copy, found):
    copy()
    for term in FOUND_TERMS.elements:
        for text in (f"{term}", f"-{term}"):
            in_database = Log.objects.search(text).values_list("pk", flat=True)
            assert found(text, "id") == set(in_database), text


def event(action, **extra):
    values = {name: extra.pop(name) for name in ("user", "user_repr", "timestamp") if name in extra}
    return write_request(extra, action=action, **values)


def test_words_find_users_actions_addresses_objects_and_paths(anna, copy, found):
    event("HERS", user=anna)
    event("LOGIN")
    event("FROM", ip="192.0.2.7")
    event("PATH", path="/shop/invoice/7/")
    log(None, "ABOUT", obj=anna)
    copy()
    for text in ("anna", "login", "192.0.2.7", "invoice", "ANN", "/shop", "nothing-of-the-kind"):
        assert found(text) == set(Log.objects.search(text).values_list("action", flat=True)), text


def test_networks_are_ranges_of_addresses(copy, found):
    for ip in ("192.0.2.7", "192.0.2.70", "192.0.20.1", "2001:db8::1", "::1", None):
        event(str(ip), ip=ip)
    copy()
    for text in ("ip:192.0.2.0/24", "ip:192.0.2.6/31", "ip:0.0.0.0/0", "ip:2001:db8::/32"):
        assert found(text) == set(Log.objects.search(text).values_list("action", flat=True)), text


@pytest.mark.parametrize(
    "own", [{"device_type": "bot"}, {"path": "/x"}, {"request_id": "abc"}, {"duration_ms": 900}]
)
def test_values_of_the_application_are_not_taken_for_a_request(copy, found, own):
    log(None, "PAID", extra=own)
    Log.objects.create(action="OLD", extra=own)  # as pinax-eventlog wrote it
    copy()
    for text in ("is:bot", "path:/x", "request:abc", "duration:>1ms"):
        assert found(text) == set()


def test_only_json_numbers_are_numbers(copy, found):
    for value in (7, 7.5, 1.0, "7", "1.0", True, None, [7], 2**63):
        event(repr(value), total=value, duration_ms=value)
    copy()
    for text in ("extra.total:>0", "duration:>0ms"):
        assert found(text) == {"7", "7.5", "1.0", str(2**63)}
    for text in (
        "has:duration",
        "extra.total:7",
        "extra.total:true",
        "extra.total:1.0",
        "has:extra.total",
    ):
        assert found(text) == set(Log.objects.search(text).values_list("action", flat=True)), text


@pytest.mark.parametrize("extra", [[], "text", 7, {"a.b": 1}, {"a": {"b": 1}}])
def test_any_document_can_be_stored_and_searched(copy, found, extra):
    Log.objects.create(action="X", extra=extra)
    copy()
    assert found("has:extra.a.b") == ({"X"} if extra == {"a": {"b": 1}} else set())
    assert found("-has:extra.a.b") != found("has:extra.a.b")


@pytest.mark.parametrize("text", ["%", "_", "\\", "a'b", "{p0:String}", "🙂", '"'])
def test_no_character_of_a_value_is_an_operator(copy, found, text):
    event(text, path=text, title=text)
    event("OTHER", path="x", title="x")
    copy()
    for key in ("path", "extra.title", "action"):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        assert found(f'{key}:"{quoted}"') == {text}


def test_a_renamed_and_a_deleted_account_are_found_by_their_names(anna, copy, found):
    event("HERS", user=anna, user_repr="zora")
    event("GONE", user_repr="yves")
    event("CAPITAL", user_repr="Adam")
    copy()
    assert found("user:zora") == {"HERS"}
    assert found("user:yves") == {"GONE"}
    assert found("user:Adam") == {"CAPITAL"}
    assert found(f"user:{anna.pk}") == {"HERS"}


@pytest.mark.parametrize(
    "condition",
    [
        Q(extra__path="/x"),
        Q(user__username="anna"),
        Q(action__regex="x"),
        Q(Exact(Upper(F("action")), "X")),
        Q(Exact(F("model"), "X")),
        Q(action="X", _connector=Q.XOR),
    ],
)
def test_a_condition_that_cannot_be_rendered_is_refused(condition):
    with pytest.raises(InvalidSearch, match="ClickHouse cannot apply the condition"):
        Renderer().condition(condition | Q(pk=1) if condition.connector != Q.XOR else condition)


def test_a_time_is_compared_in_microseconds(copy, backend):
    moment = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
    event("X", timestamp=moment)
    copy()
    for lookup, count in (("timestamp__gte", 1), ("timestamp__gt", 0), ("timestamp__lte", 1)):
        renderer = Renderer()
        where = renderer.condition(Q(**{lookup: moment}))
        sql = f"SELECT count() FROM {backend.table.name} WHERE {where}"
        assert backend.table.server.query(sql, renderer.parameters) == [(count,)]
