import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.staticfiles import finders
from django.template import engines
from django.test import RequestFactory

from eventlog.admin import EventsMixin
from eventlog.models import log
from eventlog.review.links import addresses_of

from .events import write_request
from .shop.models import Widget

pytestmark = pytest.mark.django_db

TAG = "{% load eventlog %}{% event_timeline obj %}"


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def draw(obj, template=TAG, **context):
    return engines["django"].from_string(template).render({"obj": obj, **context})


def test_a_timeline_has_the_events_of_an_object_newest_first(anna):
    log(anna, "CREATED", obj=anna)
    log(anna, "CHANGED", obj=anna)
    log(anna, "OTHER", obj=User.objects.create_user("b"))
    html = draw(anna)
    assert html.index("CHANGED") < html.index("CREATED")
    assert "OTHER" not in html


def test_a_timeline_has_at_most_limit_events(anna):
    for n in range(9):
        log(None, f"E{n}", obj=anna)
    html = draw(anna, "{% load eventlog %}{% event_timeline obj limit=2 %}")
    assert html.count("<li") == 2


@pytest.mark.parametrize("obj", [None, "", "text"])
def test_a_value_that_is_not_an_object_has_no_events(anna, obj):
    nothing = draw(anna)
    assert draw(obj) == nothing
    assert draw(obj, "{% load eventlog %}{% event_timeline unknown limit='5' %}") == nothing


def test_an_action_can_have_a_template_of_its_own(anna, settings, tmp_path):
    (tmp_path / "eventlog").mkdir()
    (tmp_path / "eventlog" / "special.html").write_text("<li>{{ event.action }}, specially</li>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    log(None, "SPECIAL", obj=anna)
    log(AnonymousUser(), "USUAL", obj=anna)
    html = draw(anna)
    assert "SPECIAL, specially" in html
    assert "<b>anonymous</b>" in html


@pytest.mark.parametrize("action", ["TIMELINE", "LINES", "EVENT", "PARTS"])
def test_no_action_uses_another_template_of_the_package(anna, action):
    log(AnonymousUser(), action, obj=anna)
    assert "<b>anonymous</b>" in draw(anna)


@pytest.mark.parametrize("action", ["x" * 255, "é" * 200, "../admin/login", "a/b", "a\\b", "�"])
def test_an_action_that_cannot_name_a_template_uses_the_default(anna, action):
    log(None, action, obj=anna)
    assert f">{action}</span>" in draw(anna)


def test_values_from_visitors_are_escaped(anna):
    evil = "<script>alert(1)</script>"
    facts = {"path": evil, "method": evil, "status": evil}
    write_request(facts, action=evil, obj=anna)
    assert "<script" not in draw(anna)


@pytest.mark.parametrize("is_staff", [True, False])
def test_only_staff_get_links_to_the_admin_and_durations(anna, is_staff):
    write_request({"path": "/", "duration_ms": 1234}, obj=anna)
    request = RequestFactory().get("/")
    request.user = User(is_staff=is_staff)
    context = {"obj": anna}
    html = engines["django"].from_string(TAG).render(context, request)
    assert ("/admin/eventlog/log/" in html) is is_staff
    assert ("1.2 s" in html) is is_staff


class WithEvents(EventsMixin, UserAdmin):
    pass


def test_the_button_extends_a_template_of_the_project(client, settings, tmp_path):
    folder = tmp_path / "admin" / "auth" / "user"
    folder.mkdir(parents=True)
    own = '{% extends "admin/change_form.html" %}{% block form_top %}of the project{% endblock %}'
    (folder / "change_form.html").write_text(own)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    settings.ROOT_URLCONF = "tests.sites"
    root = User.objects.create_superuser("root")
    client.force_login(root)
    html = client.get(f"/ops/auth/user/{root.pk}/change/").content.decode()
    assert "of the project" in html
    assert "/ops/eventlog/log/?q=obj" in html


@pytest.mark.parametrize("may_see", [True, False])
def test_the_button_leads_to_the_events_of_an_object(rf, anna, may_see):
    log(anna, "X", obj=anna)
    staff = User.objects.create_user("staff", is_staff=True)
    names = ["view_log", "view_user"] if may_see else ["view_user"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    request = rf.get("/")
    request.user = staff
    page = WithEvents(User, admin.site).change_view(request, str(anna.pk))
    html = page.render().content.decode()
    assert (f"?q=obj%3Aauth.user%3A{anna.pk}" in html) is may_see
    assert ("?q=user%3Aanna" in html) is may_see


def test_a_user_has_links_to_events_done_by_and_done_to_the_user(anna):
    assert [(str(label), address.partition("?q=")[2]) for label, address in labels_of(anna)] == [
        ("Done by", "user%3Aanna"),
        ("Done to", f"obj%3Aauth.user%3A{anna.pk}"),
    ]


def test_another_object_has_one_link():
    widget = Widget.objects.create(name="w")
    assert [str(label) for label, _ in labels_of(widget)] == ["Events"]


def labels_of(obj):
    return addresses_of(obj, "admin")


def test_the_style_of_a_timeline_is_a_static_file():
    style = Path(finders.find("eventlog/timeline.css")).read_text()
    names = {"event-lines", "quiet", "status"}
    assert names <= set(re.findall(r"\.([a-z-]+)", style))
