"""No search is silently wrong: it finds what it says, or says why it finds nothing."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

import eventlog
from eventlog.models import Log, log
from eventlog.review.search.query import Search

from ..events import write_request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def event(action, **extra):
    values = {name: extra.pop(name) for name in ("user", "user_repr", "timestamp") if name in extra}
    return write_request(extra, action=action, **values)


def found(text):
    search = Search.parse(text)
    assert not search.errors, search.errors
    return set(Log.objects.filter(search.plan.condition).values_list("action", flat=True))


def problem(text):
    """Return the only error of a search: part, reason, suggested search, search without it."""
    (error,) = Search.parse(text).errors
    assert not Log.objects.filter(Search.parse(text).plan.condition).exists()
    return error.part, error.reason, error.suggestion, error.without


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("-status:200", {"FAILED", "LOGGED"}),
        ("NOT user:admin", {"HERS", "FAILED", "LOGGED"}),
        ("user:admin OR user:anna", {"HERS", "HIS"}),
        ("user:admin,anna", {"HERS", "HIS"}),
        ("user:ANNA", {"HERS"}),
        ("user:ANNA anna", {"HERS"}),
        ("user:anna@example.com", {"HERS"}),
        ("user:anonymous", {"FAILED"}),
        ("-has:user", {"FAILED", "LOGGED"}),
        ("extra.duration_ms:>100", {"HERS"}),
        ("extra.duration_ms:<=100", {"HIS"}),
        ("duration:>100ms", {"HERS"}),
        ("-duration:>100ms", {"HIS"}),
        ("action:failed", {"FAILED"}),
        ("action:f*", {"FAILED"}),
        ("action:*ED", {"FAILED", "LOGGED"}),
        ("-action:H*", {"FAILED", "LOGGED"}),
        ("status:404,200", {"HERS", "HIS"}),
        ("status:>=500", {"FAILED"}),
        ("-status:>=500", {"HERS", "HIS"}),
        ("has:status", {"HERS", "HIS", "FAILED"}),
        ("-has:status", {"LOGGED"}),
        ("has:extra.title", {"LOGGED"}),
        ("(user:anna OR is:event) -has:extra.title", {"HERS"}),
    ],
)
def test_each_form_of_a_search_finds_its_events(anna, text, actions):
    User.objects.filter(pk=anna.pk).update(email="anna@example.com")
    event("HERS", user=anna, status=200, duration_ms=150)
    event("HIS", user=User.objects.create_user("admin"), status=200, duration_ms=50)
    event("FAILED", status=500)
    log(None, "LOGGED", extra={"title": "Foo"})
    assert found(text) == actions


@pytest.mark.parametrize(
    ("text", "part", "suggestion", "without"),
    [
        ("user:", "user:", "has:user", ""),
        ("status: a", "status:", "has:status a", "a"),
        ("extra.title:", "extra.title:", "has:extra.title", ""),
        ("obj:", "obj:", "has:object", ""),
        ("last:", "last:", "", ""),
        ("status:!200", "status:!200", "-status:200", ""),
        ("status:!=200 a", "status:!=200", "-status:200 a", "a"),
        ("status:40x", "status:40x", "status:4xx", ""),
        ("status:>=40x", "status:>=40x", "status:>=4xx", ""),
        ("user:>anna", "user:>anna", "user:anna", ""),
        ("duration:500ms", "duration:500ms", "duration:>=500ms", ""),
        ("duration:>fast", "duration:>fast", "", ""),
        ("extra.total:>many", "extra.total:>many", "", ""),
        ("has:extra.", "has:extra.", "", ""),
        ("has:users", "has:users", "has:user", ""),
        ("colour:red -a", "colour:red", "extra.colour:red -a", "-a"),
        ("a OR statu:200", "statu:200", "a OR status:200", "a"),
        ("at:2026-01-31", "at:2026-01-31", "from:2026-01-31", ""),
        ("path:*a*b*c*d*", "path:*a*b*c*d*", "", ""),
    ],
)
def test_a_term_without_a_meaning_has_a_reason_and_the_nearest_search(
    text, part, suggestion, without
):
    event("X")
    found_part, reason, found_suggestion, found_without = problem(text)
    assert (found_part, found_suggestion, found_without) == (part, suggestion, without)
    assert reason.endswith((".", "quotation marks.", "ms."))


def test_a_suggested_search_corrects_all_terms():
    suggested = {error.suggestion for error in Search.parse("usr:anonymous is:hummn").errors}
    assert suggested == {"user:anonymous is:human"}


def test_an_action_that_has_not_occurred_finds_nothing_with_the_nearest_name():
    event("ORDER_PLACED")
    search = Search.parse("action:ORDER_PLACD -is:bot")
    (hint,) = search.hints
    assert not search.errors
    assert found("action:ORDER_PLACD") == set()
    assert hint.reason == "No event has the action 'ORDER_PLACD'."
    assert hint.suggestion == "action:ORDER_PLACED -is:bot"


def test_a_field_that_no_model_has_and_no_event_changed_is_named():
    for name, suggestion in (("Price", "changed:price -is:bot"), ("qqqq", "")):
        (hint,) = Search.parse(f"changed:{name} -is:bot").hints
        assert hint.reason.startswith(f"No model has the field {name!r}")
        assert hint.suggestion == suggestion


def test_a_field_of_a_model_or_of_an_event_has_no_remark():
    log(None, "X", changes={"Price": [1, 2]})
    assert [hints(f"changed:{name}") for name in ("Price", "price", "tags")] == [[], [], []]


def test_values_of_changes_are_searched_in_python():
    log(None, "PAID", changes={"state": ["new", "paid"]})
    log(None, "SENT", changes={"state": ["paid", "sent"]})
    for text in ("extra.changes.state:paid", "extra.changes.state.1:paid"):
        (hint,) = Search.parse(text).hints
        assert hint.suggestion == "changed:state"
    assert hints("extra.changes:7") == hints("has:extra.changes.state") == []
    paid = Log.objects.search("changed:state").filter(extra__changes__state__1="paid")
    assert [event.action for event in paid] == ["PAID"]


def test_a_name_in_place_of_a_key_has_a_remark(anna):
    (hint,) = Search.parse("obj:auth.user:anna").hints
    assert hint.reason.startswith("'anna' is not a key of auth.user.")
    assert hint.suggestion == f"obj:auth.user:{anna.pk}"
    assert len(hints("obj:stock.item:Lamp")) == 1
    for text in (
        f"obj:auth.user:{anna.pk}",
        "obj:shop.country:de",
        "obj:shop.stay:x",
        "obj:auth.user",
    ):
        assert hints(text) == []


def test_a_deleted_account_is_found_by_the_name_it_had(anna):
    event("HERS", user=anna, user_repr="anna")
    event("ALONE")
    anna.delete()
    assert found("user:anna") == {"HERS"}
    assert found("is:anonymous") == {"ALONE"}
    assert found("has:user") == {"HERS"}


@pytest.mark.skipif(
    connection.features.supports_partial_indexes, reason="the index tells that no event has it"
)
def test_without_an_index_of_names_the_name_is_searched_with_a_remark(anna):
    search = Search.parse("user:ana")
    assert search.hints[0].suggestion == "user:anna"
    assert search.plan.index_scan is None


def test_at_finds_a_minute_and_its_neighbours():
    for minute in range(28, 33):
        event(str(minute), timestamp=datetime(2026, 5, 1, 10, minute, 59, tzinfo=UTC))
    assert found("at:2026-05-01T10:30+00:00") == {"29", "30", "31"}
    assert found("at:2026-05-01T10:30:58+00:00") == {"30"}


def test_an_alternative_of_indexed_terms_is_read_from_the_indexes(anna):
    event("HERS", user=anna)
    for text in ("user:anna OR action:HERS", "(user:anna is:bot) OR action:HERS"):
        assert Search.parse(text).plan.index_scan is not None
    for text in ("user:anna OR is:bot", "-user:anna"):
        plan = Search.parse(text).plan
        assert plan.index_scan is None
        assert plan.residual


# Names survive


@pytest.fixture
def renamed():
    """Return an account that was called zora when it logged an event, and is called yves now."""
    account = User.objects.create_user("zora")
    log(account, "OLD")
    User.objects.filter(pk=account.pk).update(username="yves")
    return account


def hints(text):
    return [hint.reason for hint in Search.parse(text).hints]


def test_a_renamed_account_is_found_by_the_name_it_had(renamed):
    assert found("user:zora") == found("user:Zora") == {"OLD"}
    assert hints("user:zora") == [
        f"Events with the name 'zora' are by: user {renamed.pk}, who was renamed."
    ]


def test_a_renamed_account_is_found_among_counted_hours(renamed, monkeypatch):
    at = timezone.now() - timedelta(days=2)
    Log.objects.update(timestamp=at)
    call_command("eventlog_count", stdout=StringIO())
    monkeypatch.setattr("eventlog.review.search.former_names.MAX_NEWEST_EVENTS", 1)
    log(None, "NEW")
    assert found("user:zora") == {"OLD"}


def test_a_new_account_with_an_old_name_is_told_apart(renamed):
    new = User.objects.create_user("zora")
    log(new, "NEW")
    assert found("user:zora") == {"OLD", "NEW"}
    (hint,) = Search.parse("user:zora").hints
    assert hint.reason == (
        f"Events with the name 'zora' are by: user {new.pk}; user {renamed.pk}, who was renamed."
    )
    assert hint.suggestion == f"user:{new.pk}"
    assert found(hint.suggestion) == {"NEW"}
    assert {event.action for event in Log.objects.for_user(new)} == {"NEW"}


@pytest.mark.skipif(
    not connection.features.supports_partial_indexes, reason="names are searched with a remark"
)
def test_a_deleted_account_and_a_new_one_with_its_name_are_told_apart():
    log(User.objects.create_user("zora"), "OLD")
    User.objects.all().delete()
    new = User.objects.create_user("zora")
    log(new, "NEW")
    assert found("user:zora") == {"OLD", "NEW"}
    assert "an account that no longer exists" in hints("user:zora")[0]


@pytest.mark.parametrize(
    "text", ["acting_user:admin", "acting_user:ADMIN", "reason:4711", "reason:TICKET*",
             "has:acting_user", "has:reason"],
)  # fmt: skip
def test_what_code_says_about_its_events_is_found(anna, text):
    with eventlog.context(acting_user=User.objects.create_user("admin"), reason="ticket 4711"):
        log(anna, "PAID")
    log(anna, "READ", extra={"reason": "ticket 4711"})  # the application's own value
    assert found(text) == {"PAID"}


def test_an_acting_user_who_was_renamed_is_found_by_both_names(anna):
    admin = User.objects.create_user("admin")
    with eventlog.context(acting_user=admin):
        log(anna, "PAID")
    User.objects.filter(pk=admin.pk).update(username="boss")
    assert found("acting_user:boss") == found("acting_user:admin") == {"PAID"}
