"""Values of an application as rows of an event's page."""

import re
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from eventlog.review.values import (
    MAX_ITEMS,
    MAX_LABEL_LENGTH,
    MAX_ROWS,
    is_web_address,
    more_values,
    rows_table,
    value_html,
    value_rows,
)


def shown(value):
    """Return the rows as text, without tags."""
    return {label: re.sub(r"<[^>]+>", "", html) for label, html in value_rows(value).rows}


def test_nested_values_have_dotted_labels():
    assert shown({"a": {"b": {"c": 1}}, "items": [{"sku": "A"}, {"sku": "B"}]}) == {
        "a.b.c": "1",
        "items.0.sku": "A",
        "items.1.sku": "B",
    }


def test_the_order_of_the_document_is_kept():
    assert list(shown({"z": 1, "a": {"y": 1, "b": 2}, "m": 3})) == ["z", "a.y", "a.b", "m"]


def test_a_list_of_simple_values_is_one_row():
    assert shown({"tags": ["new", 7, None, True]}) == {"tags": "new, 7, -, yes"}


def test_values_below_the_fourth_level_are_json():
    assert shown({"a": {"b": {"c": {"d": {"e": 1}}}}}) == {"a.b.c.d": "{&quot;e&quot;: 1}"}


def test_a_document_nested_beyond_the_recursion_limit_is_shown():
    value = []
    for _ in range(5000):
        value = [value]
    assert len(value_rows(value).rows) == 1


def test_rows_are_limited_and_the_rest_is_counted():
    found = value_rows({f"key{number}": number for number in range(MAX_ROWS + 43)})
    assert len(found.rows) == MAX_ROWS
    assert found.left_out == 43
    assert "43 more values" in rows_table(found)
    assert "more value" not in rows_table(value_rows({"a": 1}))


def test_the_items_of_a_list_are_limited():
    assert "20 more values" in value_html(list(range(MAX_ITEMS + 20)))
    assert more_values(1) == "1 more value"


def test_a_long_label_is_cut():
    ((label, _value),) = value_rows({"x" * 500: 1}).rows
    assert len(label) == MAX_LABEL_LENGTH


def test_a_value_that_is_not_an_object_has_the_label_extra():
    assert [label for label, _ in value_rows("text", "extra").rows] == ["extra"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-01-31T09:30:15Z", "Jan. 31, 2026, 10:30:15 CET"),
        ("2026-07-31T09:30:00+00:00", "July 31, 2026, 11:30 CEST"),
        ("2026-01-31 09:30", "Jan. 31, 2026, 09:30"),
        ("2026-01-31", "Jan. 31, 2026"),
        ("2026-01-31T09:30:15.123456+0500", "Jan. 31, 2026, 05:30:15 CET"),
    ],
)
def test_a_time_is_readable_and_has_the_value_as_title(value, text):
    html = unescape(value_html(value))
    assert html == f'<time datetime="{value}" title="{value}">{text}</time>'


def test_a_time_is_in_the_current_zone_and_language():
    with timezone.override(ZoneInfo("Asia/Kathmandu")), translation.override("de"):
        assert ">31. Januar 2026, 15:15:15 +0545<" in value_html("2026-01-31T09:30:15Z")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0001-01-01T00:00:00+14:00", "Jan. 1, 0001, 00:00 UTC+14:00"),
        ("9999-12-31T23:59:59-14:00", "Dec. 31, 9999, 23:59:59 UTC-14:00"),
    ],
)
def test_a_time_at_the_ends_of_the_calendar_keeps_its_offset(value, text):
    assert f">{text}<" in value_html(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-30",
        "2026-13-01T00:00",
        "2026-01-31T25:00",
        "20260131",
        "2026-01-31 and more",
        "\u0662\u0660\u0662\u0666-01-31",
    ],
)
def test_a_text_that_is_not_a_time_stays_as_it_is(value):
    assert "<time" not in value_html(value)
    assert value in unescape(value_html(value))


def test_a_web_address_is_a_link_that_tells_its_target_nothing():
    html = value_html("https://pay.example/r/7?a=1&b=2")
    assert html == (
        '<a href="https://pay.example/r/7?a=1&amp;b=2" rel="noreferrer noopener">'
        "https://pay.example/r/7?a=1&amp;b=2</a>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JAVASCRIPT://https://a.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//a.example/",
        "ftp://a.example/",
        "https://",
        "https://bank.example@evil.test/",
        "https://bank.example\\@evil.test/",
        "https://a.example/ more",
        "https://a.example/\u202egpj.exe",
        "https://[a.example/",
        "see https://a.example/",
        "https://a.example/" + "x" * 3000,
    ],
)
def test_other_texts_are_not_links(text):
    assert "<a" not in value_html(text)


def test_an_address_with_a_quotation_mark_does_not_leave_its_attribute():
    html = value_html('https://a.example/"onmouseover="alert(1)')
    assert re.fullmatch(r'<a href="[^"<>]*" rel="noreferrer noopener">[^"<>]*</a>', html)
    assert is_web_address("HTTPS://a.example")


@pytest.mark.parametrize("value", ["<b>x</b>", ["<b>x</b>"], {"a": "<b>x</b>"}])
def test_markup_is_text(value):
    label = next(iter(shown({"<i>": value})))
    html = rows_table(value_rows({"<i>": value}))
    assert label.startswith("<i>")
    assert "<b>" not in html
    assert "<i>" not in html


@pytest.mark.parametrize(
    ("value", "text"),
    [("", "(empty)"), ([], "(empty)"), ({}, "(empty)"), (0, "0"), (False, "no"), (1.5, "1.5")],
)
def test_empty_values_and_numbers_are_told_apart(value, text):
    assert shown({"a": value}) == {"a": text}


def test_lone_surrogates_are_replaced():
    assert value_html("a\ud800").encode()
    assert rows_table(value_rows({"\ud800": 1})).encode()
