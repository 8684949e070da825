"""Which events a run deletes and anonymizes."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import CountedHour, Log, PendingKey, log
from eventlog.models.expressions import HasAnyKey, WithoutKeys

from ..shop.models import Widget
from .site import KEPT, PERSONAL, actions, event, retain

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules(settings):
    """A function that sets the rules."""

    def set_rules(*rules, **others):
        settings.EVENTLOG = {
            "ACCESS": {"prune": False},
            "RETENTION": {"rules": [*rules], **others},
        }

    return set_rules


def changes_of(run):
    """Return the statements of a run that read or change more than the times of events."""
    with CaptureQueriesContext(connection) as captured:
        run()
    texts = [query["sql"] for query in captured]
    return [text for text in texts if "CASE" in text or "DELETE" in text or "UPDATE" in text]


def test_the_first_matching_rule_applies_and_other_events_are_kept(rules):
    rules(
        {"action": ["GET_A", "POST_*"], "keep": "forever"},
        {"action": "GET_*", "keep": "30d"},
        {"search": "status:404", "keep": "2d"},
    )
    for name in ("GET_A", "GET_B", "POST_C", "PUT_D"):
        event(name)
    event("PUT_E", status=404)
    event("PUT_F", status=404, days=1)
    event("GET_G", status=404, days=10)
    output, _ = retain()
    assert actions() == ["GET_A", "GET_G", "POST_C", "PUT_D", "PUT_F"]
    assert output == (
        "rule 2 (action GET_*): 1 event deleted.\n"
        "rule 3 (search status:404): 1 event deleted.\n"
        "2 events deleted, 0 events anonymized.\n"
    )


def test_a_rule_without_conditions_applies_to_all_other_events(rules):
    rules({"action": "A", "keep": "forever"}, {"keep": "30d"})
    for name in "AB":
        event(name)
    retain()
    assert actions() == ["A"]


def test_a_plain_list_of_rules_is_enough(settings):
    settings.EVENTLOG = {"RETENTION": [{"keep": "30d"}]}
    event("A")
    retain()
    assert actions() == []


def test_an_anonymized_event_tells_what_happened_but_not_who_did_it(rules, anna):
    rules({"anonymize": "30d"})
    sprocket = Widget.objects.create(name="sprocket")
    event("GET_A", extra=PERSONAL | KEPT | {"total": 7}, user=anna, user_repr="anna", obj=sprocket)
    assert retain()[0].endswith("0 events deleted, 1 event anonymized.\n")
    found = Log.objects.get()
    assert (found.user_id, found.user_repr, found.ip) == (None, "", None)
    assert found.extra == KEPT | {"total": 7}
    assert (found.obj, found.status, found.user_name) == (sprocket, 200, "erased")


def test_an_anonymized_event_about_an_account_does_not_name_the_account(rules, anna):
    rules({"anonymize": "30d"})
    log(None, "B", obj=anna, changes={"email": ["a@b", "c@d"]}, dateof=timezone.now() - LONG)
    log(None, "C", {"changes": {"price": [1, 2]}}, dateof=timezone.now() - LONG)
    retain()
    about, other = Log.objects.order_by("action")
    assert (about.object_id, about.object_repr, about.extra) == (None, "", {})
    assert about.content_type.model == "user"
    assert other.extra == {"changes": {"price": [1, 2]}}


LONG = timedelta(days=100)


def test_a_rule_can_anonymize_first_and_delete_later(rules):
    rules({"anonymize": "30d", "keep": "90d"})
    event("OLD", ip="192.0.2.1")
    event("OLDER", ip="192.0.2.1", days=40)
    event("NEW", ip="192.0.2.1", days=1)
    retain()
    assert dict(Log.objects.values_list("action", "ip")) == {"OLDER": None, "NEW": "192.0.2.1"}


@pytest.mark.parametrize("extra", [["path", 1], "path", 7, {}, {"a": {"path": 1}}])
def test_any_document_stays_without_keys_that_it_does_not_have(extra):
    Log.objects.create(action="X", extra=extra)
    assert not Log.objects.filter(HasAnyKey("path", "ip")).exists()
    Log.objects.update(extra=WithoutKeys("path", "ip"))
    assert Log.objects.get().extra == extra


def test_a_pending_key_is_not_filled_in_after_anonymizing(rules, anna):
    rules({"anonymize": "30d"})
    row = event("A", ip="192.0.2.1")
    PendingKey.objects.create(event_id=row.pk, user_id=str(anna.pk))
    retain()
    assert not PendingKey.objects.exists()


# Runs


def test_a_second_run_neither_reads_nor_changes_the_same_events(rules):
    rules({"action": "A", "keep": "30d"}, {"anonymize": "30d"})
    for name in "ABC":
        event(name, ip="192.0.2.1")
    assert changes_of(retain)
    assert [text for text in changes_of(retain) if "eventlog_log" in text] == []
    assert actions() == ["B", "C"]


@pytest.mark.parametrize("late", ["written", "updated"])
def test_an_event_that_is_written_or_changed_later_is_found_by_the_next_run(rules, late):
    rules({"action": "A", "keep": "30d"})
    event("B")
    retain()
    if late == "written":
        log(None, "A", dateof=timezone.now() - LONG)
    else:
        Log.objects.update(action="A")
    retain()
    assert "A" not in actions()


def test_an_event_is_changed_when_it_reaches_the_next_age(rules):
    rules({"action": "A", "keep": "50d"}, {"keep": "200d"})
    event("A", days=40)
    event("B", days=190)
    retain()
    assert actions() == ["A", "B"]
    Log.objects.filter(action="B")._raw_delete("default")
    moved = timezone.now() - timedelta(days=60)
    CountedHour.objects.all().delete()
    Log.objects.update(timestamp=moved)
    retain()
    assert actions() == []


def test_changed_rules_are_applied_to_all_events(rules):
    rules({"action": "A", "keep": "30d"})
    for name in "AB":
        event(name)
    retain()
    rules({"action": "B", "keep": "30d"})
    retain()
    assert actions() == []


def test_recheck_finds_events_that_were_changed_without_notice(rules):
    rules({"action": "A", "keep": "30d"})
    event("B")
    retain()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventlog_log SET action = 'A'")
    retain()
    assert actions() == ["A"]
    retain("--recheck")
    assert actions() == []


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
@pytest.mark.parametrize("use_tz", [True, False])
def test_every_hour_around_a_change_of_the_clocks_is_checked(rules, settings, use_tz, zone):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    rules({"action": "A", "keep": "30d"})
    start = datetime(2025, 10, 25, 23, 30)
    moments = [start + timedelta(minutes=20 * n) for n in range(18)]
    for moment in moments:
        log(None, "A", dateof=timezone.make_aware(moment) if use_tz else moment)
    retain()
    assert actions() == []
    assert [text for text in changes_of(retain) if "eventlog_log" in text] == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_events_of_one_time_are_changed_in_batches(rules, size):
    rules({"action": "A", "keep": "30d"})
    moment = timezone.now() - LONG
    for number in range(10):
        log(None, "AB"[number % 2], dateof=moment)
    assert retain(f"--batch={size}")[0].endswith("5 events deleted, 0 events anonymized.\n")
    assert actions() == ["B"] * 5


def test_the_next_run_continues_where_an_interrupted_one_ended(rules, monkeypatch):
    rules({"action": "A", "keep": "30d"})
    for number in range(10):
        event("AB"[number % 2], days=100 - number)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("time.sleep", interrupt)
        retain("--batch=4")
    assert 0 < actions().count("A") < 5
    assert CountedHour.objects.exclude(retention="").exclude(retention__startswith="~").exists()
    retain("--batch=4")
    assert actions() == ["B"] * 5


def interrupt(seconds):
    raise KeyboardInterrupt


def test_a_write_during_the_check_of_an_hour_makes_it_due_again(rules, monkeypatch):
    rules({"action": "A", "keep": "30d"})
    hour = (timezone.now() - LONG).replace(minute=0, second=0, microsecond=0)
    for minute in (10, 20):
        log(None, "A", dateof=hour + timedelta(minutes=minute))
    late = iter([hour + timedelta(minutes=5)])
    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", lambda _: [log(None, "A", dateof=when) for when in late])
        retain("--batch=1")
    assert actions() == ["A"]
    retain()
    assert actions() == []


def test_a_dry_run_counts_what_the_run_then_does(rules):
    rules(
        {"action": "A", "keep": "30d"}, {"search": "is:request", "anonymize": "30d"}, hold="ip:::1"
    )
    for name in "AABCC":
        event(name, ip="192.0.2.1")
    event("A", ip="::1")
    event("B", ip="::1")
    event("B")
    before = [*Log.objects.values()]
    expected, _ = retain("--dry-run")
    assert [*Log.objects.values()] == before
    assert expected.replace("would be ", "") == retain()[0]
    assert expected == (
        "rule 1 (action A): 2 events would be deleted, 1 event under legal hold.\n"
        "rule 2 (search is:request): 3 events would be anonymized, 1 event under legal hold.\n"
        "2 events would be deleted, 3 events would be anonymized.\n"
    )


def test_a_dry_run_names_actions_that_no_event_has(rules):
    rules({"action": "GTE_*", "keep": "30d"})
    event("GET_A")
    assert "rule 1: 'GTE_*' matches no event. Did you mean GET_A?" in retain("--dry-run")[1]


# Legal hold


def test_events_under_legal_hold_are_left_until_the_hold_ends(rules, anna):
    held = {"hold": [f"user:{anna.pk}", "obj:shop.widget"]}
    kept = [{"action": "A", "keep": "30d"}, {"anonymize": "30d"}]
    rules(*kept, **held)
    for name in "AB":
        event(name, user=anna, user_repr="anna")
        event(name, obj=Widget.objects.create(name="w"), ip="192.0.2.1")
        event(name, ip="192.0.2.1")
    retain()
    assert actions() == ["A", "A", "B", "B", "B"]
    assert Log.objects.filter(ip="192.0.2.1").count() == 2
    rules(*kept)
    retain()
    assert actions() == ["B", "B", "B"]
    assert not Log.objects.exclude(ip=None, user=None).exists()


# Users who were deleted, and searches that are not valid any more


def test_a_rule_still_applies_to_events_with_the_name_of_a_deleted_account(rules, anna):
    rules({"search": "user:anna", "keep": "forever"}, {"keep": "30d"})
    event("HERS", user=anna, user_repr="anna")
    event("OTHER", user_repr="ben")
    anna.delete()
    _, errors = retain()
    assert actions() == ["HERS"]
    assert "rule 1: user:anna: No account has this name now." in errors


@pytest.mark.parametrize("search", ["user:{}", "-user:{} ip:192.0.2.1", "user:anna@example.com"])
@pytest.mark.parametrize("as_hold", [False, True])
def test_events_of_deleted_accounts_are_left_if_a_search_may_mean_them(rules, search, as_hold):
    user = User.objects.create_user("anna", email="anna@example.com")
    text = search.format(user.pk)
    if as_hold:
        rules({"keep": "30d"}, hold=text)
    else:
        rules({"search": text, "keep": "200d"}, {"keep": "30d"})
    event("HERS", user=user, user_repr="anna", ip="192.0.2.1")
    event("ANONYMOUS")
    user.delete()
    output, errors = retain()
    assert actions() == ["HERS"]
    assert f"{text.split()[0].strip('-')}: No account and no event has this name." in errors
    assert "1 event deleted" in output


def test_a_search_that_is_not_valid_any_more_stops_the_run(rules):
    rules({"action": "A", "keep": "30d"}, {"search": "obj:shop.removed", "keep": "30d"})
    event("A")
    for arguments in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=r"rule 2 .*Unknown object type.*Nothing was"):
            retain(*arguments)
    assert actions() == ["A"]


def test_a_hold_that_is_not_valid_any_more_stops_every_pruning(rules):
    rules({"keep": "30d"}, hold="obj:shop.removed")
    event("A")
    for arguments in ([], ["90d"], ["90d", "--dry-run"]):
        with pytest.raises(CommandError, match=r"hold .*Unknown object type"):
            retain(*arguments)
    assert actions() == ["A"]
