"""Changes of fields on the page of an event, and the history of one field."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from eventlog.changes import diff
from eventlog.models import Log, log
from eventlog.review.changed_fields import compared_words
from eventlog.review.field_history import MAX_EXAMINED_EVENTS

from ..shop.models import Widget
from ..stock.models import Item

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
LONG = "The lamp gives a warm light to every corner of the room. "


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


@pytest.fixture
def widget():
    return Widget.objects.create(name="Lamp")


def changed(widget, before, after, **kwargs):
    return log(None, "CHANGED", obj=widget, changes=diff(before, after), **kwargs)


def page(client, event, end="change/", status=200):
    response = client.get(f"{LIST}{event.pk}/{end}")
    assert response.status_code == status
    return response.content.decode()


def rows(html):
    """Return the texts of the cells of each changed field."""
    (table,) = re.findall(r'<table class="changes">.*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("</tr>")[:-1]]
    return [[unescape(re.sub("<[^>]+>", "", cell)).strip() for cell in row] for row in cells]


def test_old_and_new_values_are_shown(root, widget):
    event = changed(
        widget, {"price": 9, "sold": None, "n": ""}, {"price": 12, "sold": True, "n": 7}
    )
    html = page(root, event)
    # PostgreSQL sorts the keys of a document.
    assert sorted(rows(html)) == [["n", "(empty)", "7"], ["price", "9", "12"], ["sold", "-", "yes"]]
    assert '<td class="old"><del><bdi>9</bdi></del></td>' in html
    assert "Data" not in re.findall(r'fieldset-heading">([^<]*)<', html)


def test_other_values_of_the_application_are_shown_too(root, widget):
    event = log(None, "X", {"source": "import"}, widget, changes={"price": [9, 12]})
    headings = re.findall(r'fieldset-heading">([^<]*)<', page(root, event))
    assert headings[:2] == ["Changes", "Data"]


def test_something_else_under_the_key_is_data(root):
    for value in (7, {"price": 7}, {"price": [1, 2, 3]}, [[1, 2]]):
        event = log(None, "X", {"changes": value})
        assert event.changes == {}
        headings = re.findall(r'fieldset-heading">([^<]*)<', page(root, event))
        assert headings[:1] == ["Data"]


def test_long_texts_are_compared_by_words(root, widget):
    html = page(root, changed(widget, {"x": LONG}, {"x": LONG.replace("warm", "cold")}))
    assert "gives a<del> warm</del><ins> cold</ins> light" in html


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LONG, LONG + "More."),
        (LONG, LONG[9:]),
        (LONG * 3, LONG.upper()),
        ("a\n\n b", " a b\n"),
        ("", "x"),
    ],
)
def test_the_compared_words_are_both_texts(old, new):
    html = unescape(compared_words(old, new))
    assert re.sub("<ins>.*?</ins>|</?del>", "", html, flags=re.DOTALL) == old
    assert re.sub("<del>.*?</del>|</?ins>", "", html, flags=re.DOTALL) == new


def test_values_and_names_are_escaped(root, widget):
    evil = "<script>alert(1)</script>"
    event = changed(widget, {evil: f"{evil} {LONG}", "b": evil}, {evil: LONG, "b": [evil]})
    html = page(root, event) + page(root, event, f"field/?field={evil}")
    assert evil not in html
    assert "&lt;script&gt;" in html


def test_a_relation_shows_the_keys_that_were_removed_and_added(root):
    item = Item.objects.create(name="Lamp")
    for before, after in (([], [3, 4]), ([2], []), ([1], [1, 3])):
        event = changed(item, {"tags": before, "data": before}, {"tags": after, "data": after})
        tags, data = sorted(rows(page(root, event)), reverse=True)
        assert data == [
            "data",
            *(", ".join(map(str, keys)) or "(empty)" for keys in (before, after)),
        ]
        assert tags[0] == "tags"
    assert tags[1:] == ["1", "1, 3"]  # all keys, as a form logs them
    html = page(root, event, "field/?field=tags")
    assert [row[1:] for row in rows(html)] == [["1", "1, 3"], ["\u2212 2"], ["+ 3, 4"]]


def test_the_keys_of_a_relation_without_its_model_are_lists(root):
    kind = ContentType.objects.create(app_label="gone", model="item")
    event = log(None, "X", changes={"tags": [[], [3]]})
    Log.objects.filter(pk=event.pk).update(content_type=kind, object_id="7")
    assert rows(page(root, event)) == [["tags", "(empty)", "3"]]
    ContentType.objects.clear_cache()  # which has the key of a row that is rolled back


def test_many_fields_are_cut(root, widget):
    html = page(root, changed(widget, {}, {f"f{number}": number for number in range(150)}))
    assert len(rows(html)) == 100
    assert "50 more fields" in html


def test_the_list_names_the_changed_fields(root, widget):
    changed(widget, {}, {"name": "Lamp", "price": 12})
    assert "Δ name, price" in root.get(LIST).content.decode()


def test_the_history_of_a_field_has_all_its_values(root, widget, anna):
    other = Widget.objects.create(name="Bulb")
    for old, new in ((7, 8), (8, 9)):
        changed(widget, {"price": old}, {"price": new})
    changed(widget, {"name": "a"}, {"name": "b"})
    changed(other, {"price": 1}, {"price": 2})
    event = log(anna, "LAST", obj=widget, changes={"price": [9, {"a": 1}], "name": ["b", "c"]})
    html = page(root, event, "field/?field=price")
    assert [row[1:] for row in rows(html)] == [["9", '{"a": 1}'], ["8", "9"], ["7", "8"]]
    assert "anna · LAST" in rows(html)[0][0]
    assert "price of Lamp" in html
    address = unescape(re.search(r'href="([^"]*changed[^"]*)"', html)[1])
    found = root.get(address).context["cl"].result_list
    assert {each.extra["changes"]["price"][0] for each in found} == {7, 8, 9}


def test_the_page_of_an_event_leads_to_the_history(root, widget):
    event = changed(widget, {"price": 9}, {"price": 12})
    assert f'href="{LIST}{event.pk}/field/?field=price&amp;at=' in page(root, event)
    event = log(None, "X", changes={"price": [9, 12]})
    assert "/field/" not in page(root, event)


def test_the_history_examines_a_stated_number_of_events(
    root, widget, django_assert_max_num_queries
):
    event = changed(widget, {"price": 9}, {"price": 12})
    for _ in range(3):
        Log.objects.bulk_create(
            Log(action="X", content_type=event.content_type, object_id=event.object_id)
            for _ in range(MAX_EXAMINED_EVENTS // 3 + 1)
        )
    with django_assert_max_num_queries(8):
        html = page(root, event, "field/?field=price")
    assert "No event has changed this field." in html
    assert f"Only the newest {MAX_EXAMINED_EVENTS} events" in html


@pytest.mark.parametrize("end", ["field/", "field/?field=%00", "field/?field="])
def test_a_history_without_a_field_is_not_found(root, widget, end):
    page(root, changed(widget, {"price": 9}, {"price": 12}), end, status=404)


def test_an_event_without_an_object_has_no_history(root):
    page(root, log(None, "X", changes={"price": [9, 12]}), "field/?field=price", status=404)
    assert root.get(f"{LIST}99/field/?field=price").status_code == 404


def test_the_history_needs_the_permission_to_view_events(widget):
    event = changed(widget, {"price": 9}, {"price": 12})
    staff, client = User.objects.create_user("staff", is_staff=True), Client()
    client.force_login(staff)
    page(client, event, "field/?field=price", status=403)
    staff.user_permissions.add(Permission.objects.get(codename="view_log"))
    page(client, event, "field/?field=price")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("changed:price", {"A", "AB"}),
        ("changed:price changed:name", {"AB"}),
        ("changed:colour.red", {"DOT"}),
        ("changed:other", set()),
        ("has:changes", {"A", "AB", "B", "DOT"}),
        ("-has:changes", {"NONE"}),
        ("-changed:price", {"B", "DOT", "NONE"}),
    ],
)
def test_changed_fields_are_found(search, found):
    log(None, "A", changes={"price": [9, None]})
    log(None, "B", changes={"name": ["x", "y"]})
    log(None, "AB", changes={"price": [9, 8], "name": ["x", "y"]})
    log(None, "DOT", changes={"colour.red": [1, 2]})
    log(None, "NONE", {"price": 9})
    assert {event.action for event in Log.objects.search(search)} == found
