import pytest

from eventlog.models import Log, log
from eventlog.models.expressions import Number, Text
from eventlog.review.search.query import InvalidSearch
from eventlog.review.search.tree import Term

pytestmark = pytest.mark.django_db
NAMES = [
    *("-1", "1", "0", "+1", " 1", "007", "1e3", "-", "--", "-x", "-X", "-x%", "-x_", '-"', "-|"),
    *(
        "$",
        "$.x",
        "$[0]",
        "[0]",
        "[#-1]",
        "#-1",
        "last",
        "*",
        "**",
        "@",
        "%s",
        "{a}",
        "a,b",
        "null",
    ),
    *(
        '"',
        '""',
        'a"b',
        'a"b.c',
        '\\"',
        "\\",
        "a\\b",
        "a'b",
        "a.b",
        " ",
        "a b",
        "é",
        "\n",
        "\\u0041",
    ),
]


def found(query):
    return {event.extra["name"] for event in Log.objects.search(query)}


@pytest.fixture
def lists():
    """Events whose values have no names: lists and texts."""
    for value in ([1, 2, 3], "-1", 7):
        log(None, "OTHER", {"changes": value, "order": value})


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_field_is_found_by_any_name(lists, name):
    for each in (name, f"{name}x", f"x{name}"):
        log(None, "RENAMED", {"name": each}, changes={each: [1, 2]})
    assert found(str(Term("changed", name))) == {name}


@pytest.mark.parametrize("name", NAMES)
def test_a_nested_value_is_found_under_any_key(lists, name):
    for each in (name, f"{name}x"):
        log(None, "SOLD", {"name": each, "order": {each: {"total": 7}}})
    events = Log.objects.alias(
        text=Text("order", name, "total"), number=Number("order", name, "total")
    )
    assert events.get(text="7").extra["name"] == name
    assert events.get(number__gte=7).extra["name"] == name


@pytest.mark.parametrize("name", ["a", '"', "-1", "0"])
@pytest.mark.parametrize(
    ("value", "text"), [("7", "7"), (7.5, "7.5"), (True, "true"), (None, None), ("", "")]
)
def test_a_value_is_read_as_text_under_any_key(name, value, text):
    log(None, "SOLD", {name: value})
    assert Log.objects.annotate(text=Text(name)).get().text == text


@pytest.mark.parametrize("query", ["changed:", 'changed:""'])
def test_a_changed_field_without_a_name_is_explained(query):
    with pytest.raises(InvalidSearch, match="Write the value after the colon"):
        Log.objects.search(query)
