from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone

from eventlog.models import Log, log
from eventlog.stats import stats, used_active

from ..shop.models import Widget

pytestmark = pytest.mark.django_db


def actions(queryset):
    return sorted(queryset.values_list("action", flat=True))


def test_for_user_finds_the_events_of_a_user(anna):
    log(anna, "HERS")
    log(None, "ANONYMOUS")
    assert actions(Log.objects.for_user(anna)) == ["HERS"]
    assert actions(Log.objects.for_user(None)) == ["ANONYMOUS"]
    assert actions(Log.objects.for_user(AnonymousUser())) == ["ANONYMOUS"]
    anna.delete()
    assert actions(Log.objects.for_user(anna)) == []


def test_for_object_finds_the_events_of_an_object():
    widget = Widget.objects.create(name="w")
    log(None, "MADE", obj=widget)
    log(None, "OTHER", obj=Widget.objects.create(name="v"))
    assert actions(Log.objects.for_object(widget)) == ["MADE"]


def test_action_accepts_several_names_and_prefixes():
    for name in ("LOGIN", "LOGIN_FAILED", "LOGOUT", "SEEN"):
        log(None, name)
    assert actions(Log.objects.action("LOGIN*", "SEEN")) == ["LOGIN", "LOGIN_FAILED", "SEEN"]
    assert actions(Log.objects.action("LOGIN")) == ["LOGIN"]


def test_since_until_and_between_limit_the_time():
    now = timezone.now()
    for days in (1, 3, 5):
        log(None, f"D{days}", dateof=now - timedelta(days=days))
    assert actions(Log.objects.since(timedelta(days=4))) == ["D1", "D3"]
    assert actions(Log.objects.since(now - timedelta(days=2))) == ["D1"]
    assert actions(Log.objects.until(now - timedelta(days=2))) == ["D3", "D5"]
    between = Log.objects.between(now - timedelta(days=4), now - timedelta(days=2))
    assert actions(between) == ["D3"]


def test_methods_can_be_chained(anna):
    log(anna, "LOGIN")
    log(anna, "SEEN")
    assert actions(Log.objects.for_user(anna).action("LOGIN").since(timedelta(hours=1))) == [
        "LOGIN"
    ]


def test_for_request_finds_all_events_of_a_request(client):
    client.get("/service/")
    client.get("/ok/")
    request_id = Log.objects.get(action="DEEP_DOWN").extra["request_id"]
    assert actions(Log.objects.for_request(request_id)) == ["DEEP_DOWN", "GET_SERVICE"]


def test_events_are_ordered_newest_first():
    log(None, "OLD", dateof=timezone.now() - timedelta(days=1))
    log(None, "NEW")
    log(None, "OLDEST", dateof=timezone.now() - timedelta(days=2))
    assert [event.action for event in Log.objects.all()] == ["NEW", "OLD", "OLDEST"]


def test_stats_count_users_with_events_and_those_who_joined_before(anna, django_user_model):
    now = timezone.now()
    django_user_model.objects.filter(pk=anna.pk).update(date_joined=now - timedelta(days=100))
    newcomer = django_user_model.objects.create_user("ben")
    for user in (anna, anna, newcomer, None):
        log(user, "X", dateof=now - timedelta(days=1))
    assert used_active(7) == (2, 1)
    log(anna, "X", dateof=now - timedelta(days=20))
    assert stats() == {"used_seven": 2, "used_thirty": 2, "active_seven": 1, "active_thirty": 1}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_period_of_stats_does_not_depend_on_the_time_zone(anna, settings, zone):
    settings.TIME_ZONE = zone
    log(anna, "X", dateof=timezone.now() - timedelta(hours=23))
    assert used_active(1)[0] == 1
    log(anna, "X", dateof=timezone.now() - timedelta(hours=25))
    Log.objects.filter(timestamp__gt=timezone.now() - timedelta(hours=24)).delete()
    assert used_active(1)[0] == 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has such locales")
def test_a_prefix_of_an_action_uses_the_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan TO off")
        plan = Log.objects.order_by().action("LOGIN*").explain()
    assert "Index Cond: (((action)::text >= 'LOGIN'::text)" in plan


class Replicated:
    """A router that sends reads to a missing database."""

    def db_for_read(self, model, **hints):
        return "nowhere"

    def db_for_write(self, model, **hints):
        return "default"


def test_writes_use_the_database_for_writing(settings):
    settings.DATABASE_ROUTERS = [Replicated()]
    Log.objects.bulk_create([Log(action="X"), Log(action="Y")])
    assert Log.objects.filter(action="X").delete()[0] == 1
    assert list(Log.objects.using("default").values_list("action", flat=True)) == ["Y"]
