"""Tests of a site whose events are in another database, which test_apart.py runs."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connections, transaction
from django.template import Context, Template
from django.utils import timezone

from eventlog.models import Log, log
from eventlog.stats import stats

from .shop.models import Country, Widget

pytestmark = pytest.mark.django_db(databases=["default", "events"])
LIST = "/admin/eventlog/log/"


@pytest.fixture
def widget():
    return Widget.objects.create(name="Lamp")


@pytest.fixture
def event(anna, widget):
    # Another model first, so that content types do not have the keys of a new database.
    log(None, "OTHER", obj=Country.objects.create(code="de"))
    made = log(anna, "MADE", obj=widget)
    Log.objects.filter(pk=made.pk).update(extra={"ip": "192.0.2.7"}, ip="192.0.2.7", own_keys="")
    return again()


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


def again():
    return Log.objects.get(action="MADE")


def actions(events):
    return {event.action for event in events}


def test_no_constraint_leads_to_another_database():
    connection = connections["events"]
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "eventlog_log").values()
    assert [entry for entry in found if entry["foreign_key"]] == []


def test_no_migration_is_missing_and_checks_pass():
    call_command("makemigrations", "eventlog", check=True, dry_run=True, verbosity=0)
    assert run_checks() == []


def test_the_doctor_finds_nothing():
    call_command("eventlog_doctor", fail_level="warning")


def test_rows_are_written_with_the_keys_of_their_user_and_their_kind_of_object(event, anna, widget):
    kind = ContentType.objects.db_manager("default").get_for_model(Widget)
    assert (again().user_id, again().content_type_id) == (anna.pk, kind.pk)
    assert (again().user_repr, again().object_repr) == ("anna", "Lamp")
    assert (event._state.db, again()._state.db) == ("events", "events")


def test_user_and_object_are_read_from_their_database(event, anna, widget):
    assert (again().user, again().obj) == (anna, widget)
    assert again().content_type.model == "widget"
    (fetched,) = Log.objects.filter(action="MADE").prefetch_related("user", "obj")
    assert (fetched.user, fetched.obj) == (anna, widget)


def test_an_event_in_a_transaction_keeps_its_user(anna):
    with transaction.atomic("events"):
        log(anna, "WITHIN")
    assert Log.objects.get(action="WITHIN").user_id == anna.pk


def test_a_row_takes_its_user_and_its_object(anna, widget):
    Log.objects.create(user=anna, obj=widget, action="MADE")
    assert (again().user, again().obj) == (anna, widget)


def test_querysets_find_events_by_user_and_object(event, anna, widget):
    assert actions(Log.objects.for_user(anna)) == {"MADE"}
    assert actions(anna.log_set.all()) == {"MADE"}
    assert actions(Log.objects.for_object(widget)) == {"MADE"}
    assert actions(Log.objects.for_user(None)) == {"OTHER"}
    assert stats()["used_seven"] == 1


def test_a_deleted_user_leaves_the_name(event, anna, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        anna.delete()
    assert (again().user_id, again().user_repr, again().user) == (None, "anna", None)


def test_many_users_are_deleted_at_once(django_capture_on_commit_callbacks):
    users = User.objects.bulk_create(User(username=f"user{n}") for n in range(1200))
    for user in users[::100]:
        log(user, "MADE")
    with django_capture_on_commit_callbacks(execute=True):
        User.objects.all().delete()
    assert {event.user_id for event in Log.objects.all()} == {None}


@pytest.mark.django_db(transaction=True, databases=["default", "events"])
def test_an_event_is_not_part_of_a_transaction_on_another_database(anna):
    for durability in ("transaction", "commit", "always"):
        with pytest.raises(RuntimeError), transaction.atomic():
            log(anna, durability.upper(), durability=durability)
            raise RuntimeError
    assert actions(Log.objects.all()) == {"TRANSACTION", "COMMIT", "ALWAYS"}


def test_a_deletion_that_is_rolled_back_changes_no_event(event, anna):
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.get(username="anna").delete()
        raise RuntimeError
    assert again().user_id == anna.pk


def test_the_key_of_a_user_deleted_without_signals_is_kept(event, anna, staff):
    User.objects.filter(pk=anna.pk)._raw_delete("default")
    assert again().user is None
    assert staff.get(LIST).status_code == 200
    assert staff.get(f"{LIST}{event.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    "query",
    ["user:anna", "is:user action:MADE", "anna", "obj:shop.widget", "ip:192.0.2.7", "lamp"],
)
def test_the_list_finds_the_event(event, staff, query):
    response = staff.get(LIST, {"q": query})
    assert actions(response.context["cl"].result_list) == {"MADE"}
    assert b"Lamp" in response.content


def test_the_list_loads_its_users_with_one_query(event, staff, django_assert_max_num_queries):
    Log.objects.update(user_repr="")
    staff.get(LIST)
    for _ in range(20):
        log(User.objects.create_user(f"user{_}"), "MORE")
    Log.objects.update(user_repr="")
    with django_assert_max_num_queries(4, using="default"):
        assert b"user19" in staff.get(LIST).content


@pytest.mark.parametrize(
    "path",
    [
        "1/change/",
        "overview/",
        "overview/?period=30d",
        "export/csv/",
        "export/jsonl/",
        "?q=is:user",
    ],
)
def test_every_page_of_the_admin_answers(event, staff, path):
    assert staff.get(LIST + path.replace("1/", f"{event.pk}/")).status_code == 200


def test_the_overview_counts_users(event, staff):
    page = staff.get(f"{LIST}overview/").content.decode()
    assert "Users" in page


def test_the_export_names_user_and_object(event, staff):
    response = staff.get(f"{LIST}export/jsonl/?q=action:MADE")
    exported = json.loads(b"".join(response.streaming_content))
    assert (exported["user"], exported["object_type"]) == ("anna", "shop.widget")


def test_a_filter_that_would_join_is_refused(event, staff):
    assert staff.get(f"{LIST}?user__username=anna").status_code == 400
    assert staff.get(f"{LIST}?user__id__exact={event.user_id}").status_code == 200


def test_an_event_can_be_deleted_in_the_admin(event, staff):
    staff.post(f"{LIST}{event.pk}/delete/", {"post": "yes"})
    assert not Log.objects.filter(action="MADE").exists()


def test_a_user_can_be_deleted_in_the_admin(event, anna, staff):
    page = f"/admin/auth/user/{anna.pk}/delete/"
    assert staff.get(page).status_code == 200
    staff.post(page, {"post": "yes"})
    assert not User.objects.filter(username="anna").exists()


def test_one_person_is_exported_and_erased(event, anna):
    out = StringIO()
    call_command("eventlog_person", "export", "anna", stdout=out)
    assert json.loads(out.getvalue())["action"] == "MADE"
    call_command("eventlog_person", "erase", "anna", yes=True, verbosity=0)
    assert (again().user_id, again().user_repr) == (None, "")


def test_the_timeline_of_an_object_names_the_user(event, widget):
    page = Template("{% load eventlog %}{% event_timeline widget %}")
    assert "anna" in page.render(Context({"widget": widget}))


def test_selected_events_can_be_deleted(event, staff):
    chosen = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    staff.post(LIST, chosen)
    assert not Log.objects.filter(action="MADE").exists()


def test_events_can_be_counted_and_pruned(event):
    Log.objects.update(timestamp=timezone.now() - timedelta(days=30))
    call_command("eventlog_count", verbosity=0)
    call_command("eventlog_prune", "7d", "--pause=0", verbosity=0)
    assert not Log.objects.filter(action="MADE").exists()


def test_retention_rules_are_applied(event, anna, settings):
    rules = [{"search": "user:anna", "anonymize": "7d"}]
    settings.EVENTLOG = {"RETENTION": {"rules": rules, "hold": f"-user:{anna.pk}"}}
    Log.objects.update(timestamp=timezone.now() - timedelta(days=30))
    call_command("eventlog_prune", "--pause=0", verbosity=0)
    assert (again().user_id, again().user_repr) == (None, "")


def test_a_request_is_recorded_with_its_user(client, anna):
    client.force_login(anna)
    client.get("/who/")
    assert actions(Log.objects.for_user(anna)) == {"GET_WHO"}


@pytest.mark.django_db(transaction=True, databases=["default", "events"])
@pytest.mark.spool
def test_the_buffered_backend_delivers_to_the_database_of_events(settings, tmp_path, anna, widget):
    settings.EVENTLOG = {
        "BACKEND": "eventlog.backends.buffered.BufferedBackend",
        "OPTIONS": {"spool": tmp_path / "spool", "interval": None},
    }
    from eventlog.backends import get_backend

    log(anna, "MADE", obj=widget)
    assert get_backend().flush()
    assert (again().user, again().obj) == (anna, widget)
    settings.EVENTLOG = {}
    anna.delete()
    assert again().user_id is None
