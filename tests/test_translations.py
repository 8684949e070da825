"""The catalogues are complete, and no page mixes languages."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone, translation

from eventlog.models import log

from .catalogue import PACKAGE, compiled, languages, source, texts, texts_of_django
from .events import write_request

# Texts of the frame around our pages, which Django translates.
FROM_DJANGO = {"Home", "Select this object for an action - {}"}
LIST = "/admin/eventlog/log/"
OVERVIEW = f"{LIST}overview/"
ALL_FORMS = 103  # numbers, which have all plural forms of Arabic
PLACEHOLDER = re.compile(r"%\(\w+\)[sdr]|%[sd%]")


PAGES = (
    LIST,
    f"{LIST}?q=&facets=1&pick=action&follow=1",
    f"{LIST}?q=user:ana",
    f"{LIST}?q=path:/p+last:24h&facets=1",
    f"{LIST}?q=(",
    f"{LIST}?columns=time,user,status,extra.b",
    OVERVIEW,
    f"{OVERVIEW}?period=7d&by=action",
    f"{OVERVIEW}?q=path:/p",
    f"{OVERVIEW}?q=usr:anna",
    "event",
    "event of a request",
    "field",
)
# What is data, code, or a name that is the same in all languages.
DATA = re.compile(r"<(style|script|datalist|code|kbd|pre).*?</\1>", re.DOTALL)
SEGMENT = re.compile(r'>([^<]+)<|(?:title|aria-label|placeholder|data-\w+)="([^"]*)"')


def translated(catalog, text):
    """Return the translations of a text: one for each plural form, none if it is not complete."""
    message = catalog.get(text.id, text.context)
    if message is None or message.fuzzy:
        return []
    forms = message.string if isinstance(message.string, tuple) else (message.string,)
    return forms if all(forms) else []


own_texts = sorted((text for text in texts() if text.id not in FROM_DJANGO), key=str)


def test_the_languages():
    assert languages() == ["ar", "de", "es", "fr", "ja", "pt_BR", "zh_Hans"]


@pytest.mark.parametrize("language", languages())
def test_each_catalogue_has_a_translation_of_each_text(language):
    catalog = source(language)
    assert [text for text in own_texts if not translated(catalog, text)] == []


@pytest.mark.parametrize("language", languages())
def test_no_catalogue_has_a_text_that_the_code_no_longer_has(language):
    known = {(text.context, text.id) for text in texts()}
    ids = ((m.context, m.id[0] if m.pluralizable else m.id) for m in source(language) if m.id)
    assert {*ids} - known == set()


@pytest.mark.parametrize("language", languages())
def test_a_translation_has_the_placeholders_of_its_text(language):
    catalog = source(language)
    for text in own_texts:
        expected = {*PLACEHOLDER.findall(text.plural or text.id)}
        *others, last = translated(catalog, text) or [text.id]
        assert "%" not in PLACEHOLDER.sub("", "".join([*others, last])), text
        assert {*PLACEHOLDER.findall(last)} == expected, text
        # A form for one or two events may say the number in words.
        assert all({*PLACEHOLDER.findall(other)} <= expected for other in others), text


@pytest.mark.parametrize("language", languages())
def test_each_plural_form_is_there(language):
    catalog = source(language)
    plurals = [text for text in own_texts if text.plural]
    assert plurals
    assert {len(translated(catalog, text)) for text in plurals} == {catalog.num_plurals}


@pytest.mark.parametrize("language", languages())
def test_the_compiled_catalogue_is_up_to_date(language):
    written, read = source(language), compiled(language)
    for text in own_texts:
        context = [] if text.context is None else [text.context]
        one, many = (read.pgettext, read.npgettext) if context else (read.gettext, read.ngettext)
        if text.plural is None:
            found = {one(*context, text.id)}
        else:
            found = {many(*context, text.id, text.plural, n) for n in range(ALL_FORMS)}
        assert found == {*translated(written, text)}, text


def test_no_text_of_ours_is_answered_by_the_catalogue_of_django():
    known = texts_of_django()
    bare = {text for text in texts() if text.context is None}
    assert {text.id for text in bare if {text.id, text.plural} & known} == FROM_DJANGO


def test_a_language_without_a_catalogue_has_english_texts():
    with translation.override("nl"):
        assert translation.gettext("Search") != "Search"  # of Django's own catalogue
        assert [text for text in own_texts if text_in_active_language(text) != text.id] == []


def text_in_active_language(text):
    if text.context is None and text.plural is None:
        return translation.gettext(text.id)
    if text.plural is None:
        return translation.pgettext(text.context, text.id)
    return translation.ngettext(text.id, text.plural, 1)


# Pages


@pytest.fixture
def site(root, anna, settings):
    settings.EVENTLOG = {"REQUESTS": []}
    common = {"ip": "192.0.2.1", "path": "/p", "method": "GET", "browser": "F 1", "ua": "U"}
    for n in range(40):
        extra = {"status": (200, 404, 500)[n % 3], "view": "v", "duration_ms": 61.5**n % 9e4}
        extra |= {"device_type": ("bot", "mobile")[n % 2], "exception": "E", "request_id": "R"}
        moment = timezone.now() - timedelta(hours=n * 5)
        write_request(common | extra, action="A", timestamp=moment, user=(anna, None)[n % 2])
    changed = log(anna, "C", obj=anna, changes={"b": [1, True]}, extra={"b": False, "c": ""})
    return root, {
        "event": f"{LIST}{changed.pk}/change/",
        "field": f"{LIST}{changed.pk}/field/?field=b",
        "event of a request": f"{LIST}{changed.pk - 1}/change/",
    }


def page_of(site, name):
    client, addresses = site
    response = client.get(addresses.get(name, name))
    assert response.status_code == 200
    return response.content.decode()


def segments(html):
    """Return the texts of a page and of its attributes, without code."""
    found = {"".join(parts) for parts in SEGMENT.findall(DATA.sub("", html))}
    return {each.strip() for part in found for each in unescape(part).split(" · ")}


def placeholders(*arguments):
    """Return only the placeholders of the text that would be translated."""
    texts = [each for each in arguments if isinstance(each, str)]
    return " ".join(PLACEHOLDER.findall(texts[-1]))


@pytest.mark.django_db
def test_each_text_of_a_page_is_marked_for_translation(site, monkeypatch):
    translation.gettext("")  # loads the functions
    for function in ("gettext", "pgettext", "ngettext", "npgettext"):
        monkeypatch.setattr(translation._trans, function, placeholders)
    for name in PAGES:
        words = {word for text in segments(page_of(site, name)) for word in text.split()}
        unmarked = {word for word in words if re.fullmatch(r"[A-Za-z][a-z]{2,}", word)}
        assert unmarked <= {"anna", "root", "min", "false"}, name


def english():
    """Return the pattern of the texts that differ from their German translations."""
    catalog = source("de")
    german = {form for text in own_texts for form in translated(catalog, text)}
    ids = {part for text in own_texts for part in (text.id, text.plural or text.id)}
    return re.compile(
        "|".join(".+".join(map(re.escape, PLACEHOLDER.split(each))) for each in ids - german)
    )


@pytest.mark.django_db
def test_a_german_page_has_no_english_text(site, settings):
    settings.LANGUAGE_CODE = "de"
    pattern = english()
    for name in PAGES:
        html = page_of(site, name)
        assert "Ereignis" in html
        assert [text for text in segments(html) if pattern.fullmatch(text)] == [], name


@pytest.mark.django_db
def test_an_arabic_page_runs_from_right_to_left(site, settings):
    settings.LANGUAGE_CODE = "ar"
    for name in PAGES:
        html = page_of(site, name)
        assert re.search(r'<html [^>]*dir="rtl"', html), name
        assert "الأحداث" in html


@pytest.mark.parametrize("path", sorted((PACKAGE / "static").rglob("*.css")), ids=lambda p: p.name)
def test_styles_follow_the_direction_of_the_page(path):
    physical = (
        r"(margin|padding|border)-(left|right)|(text-align|float): (left|right)|^ *(left|right):"
    )
    assert re.search(physical, path.read_text(), re.MULTILINE) is None
