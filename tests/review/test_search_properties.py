"""Properties that hold for every search: its text reads as the same tree, and it finds its rows."""

import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from hypothesis import HealthCheck, given, settings

from eventlog.models import Log
from eventlog.records.user_state import UserState
from eventlog.review.pagination import page
from eventlog.review.search.parser import parse
from eventlog.review.search.query import Search

from ..shop.models import Widget
from .trees import ANY_TERMS, FOUND_TERMS, NOON, holds, trees_of

pytestmark = pytest.mark.once
EXAMPLES = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
SOME = {
    "path": ["/orders/7", "/orders/", "/a%_b", "/abc", "/x.pdf", "/other/7"],
    "query": ["page=2", "a=1&page=3"],
    "method": ["GET", "POST"],
    "view": ["shop:home", "shop:detail", "admin:index"],
    "route": ["orders/<int:pk>/", "orders/", ""],
    "exception": ["ValueError", "KeyError"],
    "referer": ["https://example.com/a", "http://example.org/"],
    "device_type": ["pc", "mobile", "bot"],
    "browser": ["Firefox 120", "Chrome 120", "Other"],
    "os": ["Windows 10", "Mac OS X"],
    "duration_ms": [0.5, 20.5, 499, 500, 501, 2000, 61_000],
    "request_id": ["r1", "r2"],
    "acting_user": ["admin", "root"],
    "reason": ["ticket 4711", "Ticket 12"],
    "command": ["import_orders", "shell"],
}
OWN = {
    "total": [5, 7, 7.5, -1, "7", "abc", True, None, [7]],
    "a": [{"b": 1}, {"b": "xyz"}, {"b": None}, {"b": 0}, {}, "text"],
}


@EXAMPLES
@given(trees_of(ANY_TERMS))
def test_the_text_of_a_tree_is_parsed_as_the_same_tree(tree):
    assert parse(str(tree)) == tree


def some(rng, choices):
    return {name: rng.choice(values) for name, values in choices.items() if rng.random() < 0.7}


@pytest.fixture
def rows(db):
    """Write 60 events, and return their plain values by primary key."""
    rng = random.Random(11)
    accounts = {name: User.objects.create_user(name) for name in ("anna", "bob")}
    widget = ContentType.objects.get_for_model(Widget)
    found = {}
    for _ in range(60):
        name = rng.choice(["anna", "bob", "zora", None, None])
        is_request = rng.random() < 0.6
        facts, own = some(rng, SOME), some(rng, OWN)
        ip = rng.choice(["192.0.2.7", "192.0.2.9", "198.51.100.1", "2001:db8::5", None])
        status = rng.choice([200, 302, 404, 410, 500, 503, None]) if is_request else None
        object_id = rng.choice(["7", "77", None])
        state = UserState.KNOWN if name else rng.choice([*UserState, None][1:])
        event = Log.objects.create(
            action=rng.choice(["LOGIN", "LOGOUT", "GET_HOME", "Get_Hall", "PAID"]),
            timestamp=NOON - timedelta(minutes=rng.randrange(120), seconds=rng.randrange(3)),
            user=accounts.get(name),
            user_repr=name or "",
            user_state=state,
            content_type=widget if object_id else None,
            object_id=object_id,
            is_request=is_request,
            ip=ip,
            status=status,
            own_keys="",
            extra=facts | own,
        )
        found[event.pk] = {
            "action": event.action,
            "timestamp": event.timestamp,
            "user": name,
            "state": state,
            "object": object_id and f"shop.widget:{object_id}",
            "is_request": is_request,
            "ip": ip,
            "status": status,
            "facts": facts,
            "extra": facts | own,
        }
    return found


def test_a_search_finds_the_rows_that_a_plain_filter_finds(rows):
    @EXAMPLES
    @given(trees_of(FOUND_TERMS))
    def check(tree):
        search = Search.parse(str(tree))
        assert not search.errors
        expected = {pk for pk, row in rows.items() if holds(tree, row)}
        found = Log.objects.filter(search.plan.condition).values_list("pk", flat=True)
        assert set(found) == expected
        shown = page(Log.objects.all(), search.plan, len(rows)).events
        assert {event.pk for event in shown} == expected

    check()
