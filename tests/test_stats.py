from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist
from django.utils import timezone

from eventlog.counts.users import count_users_with_keys
from eventlog.models import Log, log
from eventlog.review.dashboard import Overview
from eventlog.stats import stats, used_active

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_requests(settings):
    settings.EVENTLOG = {"REQUESTS": []}


@pytest.fixture
def _two_users():
    old = User.objects.create_user("old", date_joined=timezone.now() - timedelta(days=99))
    for user in (old, User.objects.create_user("new"), None):
        log(user, "X")


@pytest.fixture(params=["absent", "property"])
def _without_date_joined(request, monkeypatch):
    """Remove the field from the user model, or replace it by a property."""
    meta, get_field = User._meta, User._meta.get_field

    def without(name):
        if name == "date_joined":
            raise FieldDoesNotExist
        return get_field(name)

    monkeypatch.setattr(meta, "get_field", without)
    if request.param == "property":
        monkeypatch.setattr(
            User, "date_joined", property(lambda _: timezone.now(), lambda *_: None)
        )


@pytest.mark.usefixtures("_two_users")
def test_users_who_joined_before_the_period_are_counted_as_active():
    assert used_active(7) == (2, 1)
    assert Overview("7d", "status", "admin").users() == (2, 1)


@pytest.fixture
def now(monkeypatch, settings):
    """A time at the start of an hour and of a day, at which the clock stands still."""
    settings.TIME_ZONE = "UTC"
    moment = datetime(2026, 5, 8, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return moment


@pytest.mark.parametrize("minutes", [0, 50])
def test_the_period_of_stats_begins_at_a_minute_and_not_at_an_hour(anna, now, monkeypatch, minutes):
    moment = now + timedelta(minutes=minutes)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    start = moment - timedelta(days=7)
    log(anna, "X", dateof=start - timedelta(minutes=1))
    assert used_active(7) == (0, 0)
    log(anna, "X", dateof=start)
    User.objects.update(date_joined=start)
    assert used_active(7) == (1, 1)
    User.objects.update(date_joined=start + timedelta(minutes=1))
    assert used_active(7) == (1, 0)


def test_stats_count_an_event_of_this_moment(anna, now):
    log(anna, "X")
    assert used_active(7)[0] == 1


def test_very_many_users_are_counted_in_parts(monkeypatch):
    monkeypatch.setattr("eventlog.counts.users.MAX_KEYS", 2)
    start = timezone.now()
    joined = [start - timedelta(days=1)] * 3 + [start + timedelta(days=1)] * 2
    users = [User.objects.create_user(f"user{n}", date_joined=day) for n, day in enumerate(joined)]
    assert count_users_with_keys({user.pk for user in users}, start) == (5, 3)
    assert count_users_with_keys(set(), start) == (0, 0)


def test_stats_need_one_query_for_each_period(anna, django_assert_num_queries):
    with django_assert_num_queries(2):
        stats()


@pytest.mark.usefixtures("_two_users", "_without_date_joined")
def test_without_a_field_date_joined_all_users_count_as_active():
    assert stats() == dict.fromkeys(
        ["used_seven", "used_thirty", "active_seven", "active_thirty"], 2
    )


@pytest.mark.usefixtures("_two_users", "_without_date_joined")
def test_without_a_field_date_joined_the_overview_omits_new_users(admin_client):
    page = admin_client.get("/admin/eventlog/log/overview/")
    assert page.status_code == 200
    figures = {each.name: each.text for each in page.context["overview"].figures()}
    assert figures["Users"] == "2"
    assert not {"New users", "Returning"} & figures.keys()


@pytest.mark.usefixtures("_two_users")
def test_users_that_the_default_manager_hides_are_counted(monkeypatch):
    class OnlyOld(type(User.objects)):
        def get_queryset(self):
            return super().get_queryset().filter(username="old")

    hidden = OnlyOld()
    hidden.model = get_user_model()
    monkeypatch.setitem(User._meta.__dict__, "default_manager", hidden)
    assert User._default_manager.count() == 1
    assert used_active(7) == (2, 1)
    assert Overview("7d", "status", "admin").users() == (2, 1)
    assert Log.objects.count() == 3
