import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.utils import timezone

import eventlog
from eventlog.models import HourCount, Log, log

from ..shop.models import Widget

pytestmark = pytest.mark.django_db

EXTRA = {"ip": "192.0.2.7", "ua": "Firefox", "method": "POST", "view": "shop:buy", "total": 7}


class Terminal(StringIO):
    """Standard input of a terminal with prepared answers."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _only_events_of_people(settings):
    settings.EVENTLOG = {"ACCESS": {"export": False, "erase": False}}


@pytest.fixture
def answer(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


@pytest.fixture
def _events(anna):
    admin = User.objects.create_user("admin")
    sprocket = Widget.objects.create(name="sprocket")
    log(anna, "BOUGHT", obj=sprocket, extra=EXTRA)
    log(admin, "BLOCKED", obj=anna, extra=EXTRA)
    log(admin, "SOLD", obj=sprocket, extra=EXTRA)


def person(*args, **options):
    """Run the command, and return its output and its error output."""
    out, errors = StringIO(), StringIO()
    call_command("eventlog_person", *args, stdout=out, stderr=errors, **options)
    return out.getvalue(), errors.getvalue()


def exported(*args):
    return [json.loads(line)["action"] for line in person("export", *args)[0].splitlines()]


def actions():
    return [row.action for row in Log.objects.order_by("pk")]


@pytest.fixture(params=[False, True], ids=["existing", "deleted"])
def account(request, anna, _events):
    """Run the test with an account and with a deleted account."""
    if request.param:
        anna.delete()


@pytest.mark.usefixtures("account")
def test_export_has_the_events_by_and_about_the_person():
    rows = [json.loads(line) for line in person("export", "anna")[0].splitlines()]
    assert [row["action"] for row in rows] == ["BLOCKED", "BOUGHT"]
    assert rows[1]["extra"] == EXTRA


@pytest.mark.usefixtures("account")
def test_erasing_removes_the_person_and_keeps_the_events():
    assert person("erase", "anna", "--yes")[0] == "2 events erased.\n"
    bought, blocked, sold = Log.objects.order_by("pk")
    assert (bought.user_id, bought.user_repr, bought.object_repr) == (None, "", "sprocket")
    assert bought.extra == {"method": "POST", "view": "shop:buy", "total": 7}
    assert (blocked.user_repr, blocked.object_id, blocked.object_repr) == ("admin", None, "")
    assert blocked.extra == sold.extra == EXTRA
    assert sold.user_repr == "admin"


@pytest.mark.usefixtures("account")
def test_erasing_can_delete_the_events():
    assert person("erase", "anna", "--delete", "--yes")[0] == "2 events deleted.\n"
    assert actions() == ["SOLD"]


@pytest.mark.usefixtures("_events")
@pytest.mark.parametrize("by_key", [False, True])
def test_an_account_is_found_by_its_key(anna, by_key):
    assert exported(*(["--key", str(anna.pk)] if by_key else ["anna"])) == ["BLOCKED", "BOUGHT"]
    assert exported("--key", f"00{anna.pk}") == ["BLOCKED", "BOUGHT"]
    key = str(anna.pk)
    anna.delete()
    assert exported("--key", key) == ["BLOCKED"]  # the user of the other event is NULL now


# Messages and confirmation


@pytest.mark.usefixtures("_events")
@pytest.mark.parametrize("what", ["export", "erase"])
@pytest.mark.parametrize(
    "args",
    [
        ["nobdy"],
        ["Anna"],
        ["ANNA"],
        ["ánna"],
        ["anna "],
        ["ann"],
        ["ann%"],
        ["anna*"],
        ["--key", "0"],
        ["--key", "9" * 30],
        ["--key", "anna"],
        ["anna", "--key", "99"],
        ["anna", "--deleted"],
        [""],
        [],
        ["--deleted"],
        ["", "--deleted"],
        ["a\x00"],
        ["a\udcff"],
        ["--key", "\x00"],
        ["--key", "1\x00"],
        ["--key", "\udcff"],
        ["anna", "--key", "\x00"],
    ],
)
def test_an_unknown_person_is_an_error_and_nothing_changes(what, args):
    log(None, "ANONYMOUS", extra=EXTRA)
    with pytest.raises(CommandError):
        person(what, *args, "--yes")
    assert actions() == ["BOUGHT", "BLOCKED", "SOLD", "ANONYMOUS"]
    assert Log.objects.exclude(user_repr="").count() == 3


@pytest.mark.usefixtures("_events")
def test_an_error_names_the_username_or_the_key():
    with pytest.raises(CommandError, match="the username 'nobdy'"):
        person("export", "nobdy")
    with pytest.raises(CommandError, match="the key '99'"):
        person("export", "--key", "99")
    with pytest.raises(CommandError, match=r"the key '\\x00'"):
        person("erase", "--key", "\x00", "--yes")


@pytest.mark.usefixtures("_events")
def test_without_a_terminal_erasing_needs_yes():
    with pytest.raises(CommandError, match=r"2 events would be erased\..*--yes"):
        person("erase", "anna")
    with pytest.raises(CommandError, match=r"2 events would be deleted\..*--yes"):
        person("erase", "anna", "--delete")
    assert Log.objects.filter(user_repr="anna").exists()


@pytest.mark.usefixtures("_events")
@pytest.mark.parametrize("word", ["y\n", "yes\n", "Y\n"])
def test_on_a_terminal_the_command_counts_and_asks(answer, word):
    answer(word)
    out, errors = person("erase", "anna")
    assert out == "2 events erased.\n"
    assert "2 events will be erased. Continue? [y/N]" in errors


@pytest.mark.usefixtures("_events")
@pytest.mark.parametrize("word", ["n\n", "\n", "", "anna\n"])
def test_any_other_answer_changes_nothing(answer, word):
    answer(word)
    with pytest.raises(CommandError, match="Nothing was done"):
        person("erase", "anna", "--delete")
    assert Log.objects.count() == 3


@pytest.mark.usefixtures("_events")
def test_a_dry_run_counts_and_changes_nothing():
    before = list(Log.objects.values())
    assert person("erase", "anna", "--dry-run")[0] == "2 events would be erased.\n"
    assert person("erase", "anna", "--dry-run", "--delete")[0] == "2 events would be deleted.\n"
    assert list(Log.objects.values()) == before


def test_an_account_without_events_is_erased_without_a_question(anna):
    assert person("export", "anna")[0] == ""
    assert person("erase", "anna")[0] == "0 events erased.\n"


def test_the_message_for_one_event_is_singular(anna):
    log(anna, "X")
    assert person("erase", "anna", "--yes")[0] == "1 event erased.\n"


@pytest.mark.usefixtures("_events")
def test_keys_of_extra_that_the_application_chose_are_listed(anna):
    log(anna, "NOTED", {"note": "about Anna", "ip": "192.0.2.7", "status": 200})
    log(anna, "LISTED", ["no", "keys"])
    errors = person("erase", "anna", "--yes")[1]
    assert errors.rstrip().endswith("were not changed: note, total")


@pytest.mark.usefixtures("_events")
def test_a_dry_run_lists_the_keys_too_and_an_export_can_be_tried(anna):
    _, errors = person("erase", "anna", "--dry-run")
    assert errors.rstrip().endswith("would not be changed: total")
    assert person("export", "anna", "--dry-run")[0] == "2 events would be exported.\n"


@pytest.mark.usefixtures("_events")
def test_an_erasure_records_who_did_it_and_why(settings):
    settings.EVENTLOG = {}
    person("erase", "anna", "--yes", "--operator=Zora", "--reason=Request 12")
    ended = Log.objects.get(action="EVENTLOG_ERASED")
    assert (ended.extra["operator"], ended.facts["reason"]) == ("Zora", "Request 12")


# Legal hold


@pytest.fixture
def _held(_events, settings):
    settings.EVENTLOG = {"RETENTION": {"hold": "action:BOUGHT", "minimum": "30d"}}


@pytest.mark.usefixtures("_held")
@pytest.mark.parametrize("args", [["--yes"], ["--dry-run"], ["--yes", "--delete"]])
def test_a_legal_hold_forbids_an_erasure(args):
    with pytest.raises(CommandError, match=r"1 event under legal hold.*Nothing was changed"):
        person("erase", "anna", *args)
    assert Log.objects.filter(user_repr="anna").exists()


@pytest.mark.usefixtures("_held")
def test_a_legal_hold_can_be_overridden_and_this_is_recorded():
    assert person("erase", "anna", "--yes", "--override-hold")[0] == "2 events erased.\n"
    assert Log.objects.get(action="EVENTLOG_ERASED").extra["override_hold"] is True


@pytest.mark.usefixtures("_held")
def test_only_events_that_are_not_held_can_be_erased():
    out, errors = person("erase", "anna", "--yes", "--skip-held")
    assert out == "1 event erased.\n"
    assert "1 event under legal hold left" in errors
    assert Log.objects.get(user_repr="anna").action == "BOUGHT"


@pytest.mark.usefixtures("_events")
def test_an_unknown_hold_forbids_an_erasure(settings):
    settings.EVENTLOG = {"RETENTION": {"hold": "obj:shop.removed"}}
    with pytest.raises(CommandError, match=r"Unknown object type.*Nothing was changed"):
        person("erase", "anna", "--yes")
    assert person("erase", "anna", "--yes", "--override-hold")[0] == "2 events erased.\n"


@pytest.mark.usefixtures("_held")
def test_an_export_does_not_ask_for_a_hold():
    assert exported("anna") == ["BLOCKED", "BOUGHT"]


# Several accounts with the same username


def test_a_deleted_account_and_a_new_one_with_the_same_name_are_distinguished(anna):
    log(anna, "OLD", dateof=timezone.now() - timedelta(days=400))
    anna.delete()
    new = User.objects.create_user("anna")
    log(new, "NEW")
    with pytest.raises(CommandError) as caught:
        person("erase", "anna", "--yes")
    listed = str(caught.value)
    assert f"--key {new.pk}: now 'anna', 1 event, {timezone.now():%Y-%m-%d}" in listed
    assert "--deleted: deleted, 1 event, " in listed
    assert exported("anna", "--deleted") == ["OLD"]
    assert exported("anna", "--key", str(new.pk)) == ["NEW"]
    assert exported("anna", "--deleted", "--key", str(new.pk)) == ["NEW", "OLD"]
    person("erase", "anna", "--deleted", "--yes")
    assert list(Log.objects.values_list("user_repr", flat=True)) == ["anna", ""]


def test_on_a_terminal_the_command_asks_which_account(anna, answer):
    log(anna, "OLD")
    anna.delete()
    log(User.objects.create_user("anna"), "NEW")
    for word, wanted in [("1\n", ["NEW"]), ("2\n", ["OLD"]), ("1, 2\n", ["NEW", "OLD"])]:
        answer(word)
        assert exported("anna") == wanted
    answer("all\n")
    assert exported("anna") == ["NEW", "OLD"]
    for word in ("", "\n", "3\n", "1 x\n", "0\n"):
        answer(word)
        with pytest.raises(CommandError, match="not a list of these numbers"):
            person("export", "anna")


def test_a_renamed_user_is_found_by_both_names(anna):
    log(anna, "BEFORE")
    anna.username = "anya"
    anna.save()
    log(anna, "AFTER")
    log(None, "ABOUT", obj=anna)
    everything = ["ABOUT", "AFTER", "BEFORE"]
    assert exported("anya") == exported("anna") == everything
    anna.delete()
    assert exported("anya") == ["ABOUT", "AFTER"]
    assert exported("anna") == ["BEFORE"]


def test_a_new_user_with_the_former_name_of_another_user_is_another_person(anna):
    log(anna, "FIRST")
    User.objects.filter(pk=anna.pk).update(username="anya")
    second = User.objects.create_user("anna")
    log(second, "SECOND")
    with pytest.raises(CommandError, match="2 accounts have or had the username 'anna'"):
        person("erase", "anna", "--yes")
    assert exported("anna", "--key", str(second.pk)) == ["SECOND"]
    assert exported("anya") == ["FIRST"]


def test_names_that_differ_in_case_accents_or_spaces_are_different_people():
    names = ["anna", "Anna", "ánna", "anna "]
    users = ContentType.objects.get_for_model(User)
    for name in names:
        log(User(username=name), f"BY {name}")
        Log.objects.create(action=f"ABOUT {name}", content_type=users, object_repr=name)
    assert exported("anna") == ["ABOUT anna", "BY anna"]
    assert person("erase", "anna", "--delete", "--yes")[0] == "2 events deleted.\n"
    assert actions() == [f"{what} {name}" for name in names[1:] for what in ("BY", "ABOUT")]


def test_a_service_without_an_account_is_found_by_its_name():
    class Service:
        is_authenticated = True
        pk = "billing"

        def __str__(self):
            return "billing"

    log(Service(), "CHARGED")
    assert exported("billing") == ["CHARGED"]


def test_a_deleted_user_is_found_by_the_name_in_events_about_them(anna):
    admin = User.objects.create_user("admin")
    anna.delete()
    log(admin, "DELETED", obj=anna)
    assert exported("anna") == ["DELETED"]
    person("erase", "anna", "--yes")
    assert Log.objects.get().object_repr == ""


def test_events_of_several_chunks_are_erased(anna, monkeypatch):
    moment = timezone.now() - timedelta(days=1)
    rows = [
        Log(action=f"E{number % 7}", user=anna, user_repr="anna", timestamp=moment, extra=EXTRA)
        for number in range(4500)
    ]
    Log.objects.bulk_create(rows)
    log(None, "OTHER", extra=EXTRA)
    monkeypatch.setattr("eventlog.management.commands.eventlog_person.PROGRESS_STEP", 2000)
    out, errors = person("erase", "anna", "--yes")
    assert out == "4500 events erased.\n"
    assert "2000 events so far\n4000 events so far\n" in errors
    assert not Log.objects.filter(user_repr="anna").exists()
    assert not Log.objects.exclude(action="OTHER").filter(extra__has_key="ip").exists()
    assert Log.objects.get(action="OTHER").extra["ip"] == "192.0.2.7"


def test_erasing_removes_the_person_from_the_hourly_counts(anna):
    old = timezone.now() - timedelta(days=3)
    log(anna, "BOUGHT", dateof=old)
    call_command("eventlog_count", verbosity=0)
    counts = HourCount.objects.filter(value="anna")
    assert set(counts.values_list("dimension", flat=True)) == {"user", "user/d"}
    person("erase", "anna", yes=True)
    assert not counts.exists()


# Persons who acted on behalf of another user


@pytest.fixture
def _acted(anna):
    admin = User.objects.create_user("admin")
    with eventlog.context(acting_user=admin, reason="ticket 4711"):
        log(anna, "PAID", extra=EXTRA)
    log(anna, "READ", extra=EXTRA)


@pytest.mark.usefixtures("_acted")
@pytest.mark.parametrize("is_deleted", [False, True])
def test_what_a_person_did_in_the_name_of_another_is_exported(is_deleted):
    if is_deleted:
        User.objects.get(username="admin").delete()
    assert exported("admin") == ["PAID"]


@pytest.mark.usefixtures("_acted")
def test_erasing_a_person_who_acted_for_another_keeps_the_user_of_the_event(anna):
    person("erase", "admin", "--yes")
    paid, read = Log.objects.order_by("pk")
    assert paid.user == anna
    kept = {"method": "POST", "view": "shop:buy", "total": 7, "reason": "ticket 4711"}
    assert paid.extra == kept
    assert read.extra == EXTRA


def test_erasing_removes_the_changes_of_the_persons_account_only(anna):
    sprocket = Widget.objects.create(name="sprocket")
    log(None, "UPDATED_USER", obj=anna, changes={"email": ["a@example.com", "b@example.com"]})
    log(anna, "UPDATED_WIDGET", obj=sprocket, changes={"name": ["old", "new"]})
    person("erase", "anna", "--yes")
    of_account, of_widget = Log.objects.order_by("pk")
    assert of_account.extra == {}
    assert of_widget.extra == {"changes": {"name": ["old", "new"]}}


@pytest.mark.usefixtures("_acted")
def test_the_events_of_an_erased_person_are_not_anonymous():
    person("erase", "anna", "--yes")
    assert {event.user_name for event in Log.objects.all()} == {"erased"}
    assert Log.objects.for_user(None).count() == 0
