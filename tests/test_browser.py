"""The pages of events in a real browser.

It needs the dependency group ``browser`` and a Chromium on the PATH, and is skipped without.
"""

import csv
import json
import re
import threading
from datetime import timedelta
from urllib.parse import urlencode

import django
import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from eventlog.models import Log, SavedSearch, log
from eventlog.review.event_page import CLIENT_FACTS, REQUEST_FACTS
from eventlog.review.search.tree import Term

from .events import request_row
from .run import CHROMIUM, CHROMIUMS
from .shop.models import Widget

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not here (the dependency group browser)"
)
expect = playwright.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=f"none of {CHROMIUMS} is on the PATH"),
]

LIST = "/admin/eventlog/log/"
OVERVIEW = f"{LIST}overview/"
DESK = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}}
on_desk = pytest.mark.parametrize("options", [DESK], ids=["desk"])
on_phone = pytest.mark.parametrize("options", [PHONE], ids=["phone"])
on_both = pytest.mark.parametrize("options", [DESK, PHONE], ids=["desk", "phone"])
with_scripts_and_without = pytest.mark.parametrize(
    "options", [{}, {"java_script_enabled": False}], ids=["scripts", "no-scripts"]
)
SCRIPT = "<script>window.owned=1</script>"
IMAGE = '"><img src=x onerror=window.owned=1>'


def strict(get_response):
    """Return a middleware with a policy of no inline code and no other origins."""

    def answer(request):
        response = get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'"
        return response

    return answer


@pytest.fixture(scope="module")
def live_server(django_db_setup):
    with override_settings(MIDDLEWARE=[f"{__name__}.strict", *site.MIDDLEWARE]):
        server = LiveServer("localhost")
    yield server
    # Joined, because the threads of the server must end before the shared database connection.
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(10)
    server.stop()


@pytest.fixture(scope="module")
def chromium(live_server):
    """Start a browser for this module, because its event loop runs in this thread."""
    with playwright.sync_playwright() as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # only that loop is asynchronous
        quiet = ["--disable-gpu", "--disable-background-networking", "--disable-sync"]
        chromium = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *quiet], timeout=60_000
        )
        yield chromium
        chromium.close()


@pytest.fixture
def options():
    """Return the options of the browser context, which tests override."""
    return DESK


@pytest.fixture
def complaints():
    """Collect messages of the console, such as violations of the policy and script errors."""
    return []


@pytest.fixture
def page(chromium, live_server, settings, client, options, complaints):
    """Open a page as superuser and check that its console stays empty."""
    settings.EVENTLOG = {"REQUESTS": []}
    client.force_login(User.objects.create_superuser("root"))
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context = chromium.new_context(base_url=live_server.url, **options)
    context.set_default_timeout(10_000)
    context.add_cookies([session | {"url": live_server.url}])
    context.add_init_script(
        "addEventListener('securitypolicyviolation', it => console.error(it.violatedDirective))"
    )
    # Answered here, because browsers request an icon and this site has none.
    context.on(
        "console",
        lambda said: said.location["url"].endswith("/favicon.ico") or complaints.append(said.text),
    )
    context.on("weberror", lambda failed: complaints.append(str(failed.error)))
    yield context.new_page()
    context.close()
    assert complaints == []


def event(minutes=0, **values):
    facts = {
        "ip": "192.0.2.7",
        "method": "POST",
        "path": "/orders/7/",
        "status": 302,
        "duration_ms": 41.2,
        "view": "order-detail",
        "browser": "Chrome 120.0",
        "os": "Linux",
        "device_type": "pc",
        "ua": "Mozilla/5.0",
    }
    facts |= values.pop("extra", {})
    moment = timezone.now() - timedelta(minutes=minutes)
    return request_row(facts, **{"action": "POST_ORDER", "timestamp": moment, **values})


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob")


@pytest.fixture
def events(page, anna, bob):
    """Write events of two users and an anonymous visitor, newest first."""
    rows = [
        event(
            number / 6,
            action="PAY" if number in (1, 3) else "BUY",
            user=user,
            user_repr=str(user or ""),
            object_repr=f"order {number}",
            extra={"ip": ip, "status": status, "request_id": f"r{number}"},
        )
        for number, (user, ip, status) in enumerate(
            [
                (anna, "192.0.2.7", 200),
                (anna, "192.0.2.7", 500),
                (bob, "192.0.2.8", 200),
                (bob, "192.0.2.8", 503),
                (None, "192.0.2.8", 404),
                (anna, "192.0.2.8", 503),
            ]
        )
    ]
    return Log.objects.bulk_create(rows)


@pytest.fixture
def long_events(page, anna):
    """Write events with long values without spaces."""
    long = "x" * 255
    facts = dict.fromkeys([*REQUEST_FACTS, *CLIENT_FACTS, long], long)
    facts |= {"path": f"/{long}", "status": 200, "device_type": "pc"}
    rows = [
        event(),
        event(user=anna, user_repr=long, action=long.upper(), object_repr=long, extra=facts),
        event(1, user=anna, user_repr=long, action="WITHIN", extra=facts),
    ]
    return Log.objects.bulk_create(rows)


def pages_above(page):
    """Return the links to other pages above the list."""
    return page.get_by_role("navigation", name="Pages").first


def events_of(page):
    """Return the lines of the list that are events, not headings of days."""
    return page.locator("#result_list tbody tr:not(.day)").filter(visible=True)


def cells(page, name):
    """Return the cells of a column of the list."""
    return page.locator(f"#result_list .field-{name}")


def shows(page, *numbers):
    """Check that the list has the events of these orders."""
    expect(cells(page, "to")).to_have_text([f"order {number}" for number in numbers])


def chips(page):
    return page.get_by_role("list", name="Terms of the search").get_by_role("link")


def box(page):
    return page.get_by_role("combobox", name="Search events")


def ask(page, text):
    box(page).fill(text)
    box(page).press("Enter")
    expect(chips(page).first).to_be_visible()


def filters(page):
    """Return the filters, which a checkbox shows on a phone."""
    if page.get_by_label("Filters", exact=True).is_visible():
        page.get_by_label("Filters", exact=True).check()
    return page.get_by_role("navigation", name="Filter")


def detail(event):
    return f"{LIST}{event.pk}/change/"


# The list


@on_desk
def test_an_event_is_one_line_on_a_wide_screen(page, long_events):
    page.goto(LIST)
    heights = {row.bounding_box()["height"] for row in events_of(page).all()}
    assert len(heights) == 1
    assert heights.pop() < 40


@on_desk
@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_long_values_do_not_widen_the_list(page, long_events, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(LIST)
    assert page.locator(".results").evaluate("it => it.scrollWidth <= it.clientWidth")


@on_phone
def test_an_event_is_a_card_on_a_phone(page, events):
    page.goto(LIST)
    expect(page.locator("#result_list thead")).to_be_hidden()
    card = events_of(page).first
    who, what, request = (
        card.locator(f".field-{name}").bounding_box() for name in ("who", "what", "request_line")
    )
    assert who["y"] < what["y"] < request["y"]


@on_phone
def test_the_filters_are_closed_on_a_phone(page, events):
    page.goto(LIST)
    hidden = page.locator(".filters")
    expect(hidden).to_be_hidden()
    expect(filters(page)).to_be_visible()
    filters(page).get_by_text("from … to").click()
    expect(page.get_by_label("From")).to_be_visible()


@on_both
def test_nothing_scrolls_sideways(page, long_events):
    pages = [LIST, f"{LIST}?pick=action&q={'x' * 255}+y:z", detail(long_events[1]), OVERVIEW]
    pages += [f"{OVERVIEW}?q={'x' * 255}+y:z", f"{OVERVIEW}?q=is:request"]
    pages += [f"{LIST}{long_events[1].pk}/delete/"]
    for address in pages:
        page.goto(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], address


@on_both
@pytest.mark.parametrize("panel", ["Columns", "Saved searches", "Permanent link"])
def test_a_panel_of_the_list_fits_its_content_and_the_window(page, events, panel):
    page.goto(f"{LIST}?q=status:5xx+last:24h+user:anna")
    page.locator("summary", has_text=panel).click()
    popover = page.locator("details[open] .popover")
    assert popover.evaluate("it => it.scrollWidth <= it.clientWidth")
    box = popover.bounding_box()
    assert 0 <= box["x"] < box["x"] + box["width"] <= page.viewport_size["width"]


@on_both
@pytest.mark.parametrize(
    ("name", "value", "orders"),
    [
        ("who", "bob", [2, 3]),
        ("what", "PAY", [1, 3]),
        ("address", "192.0.2.7", [0, 1]),
    ],
)
def test_a_click_adds_a_term_and_a_chip_removes_it(page, events, name, value, orders):
    page.goto(LIST)
    cells(page, name).get_by_role("link", name=value).first.click()
    shows(page, *orders)
    expect(cells(page, name)).to_have_text([value] * len(orders))
    chips(page).click()
    shows(page, *range(6))


@with_scripts_and_without
def test_search_and_filters_both_apply(page, events):
    page.goto(LIST)
    ask(page, "user:anna status:5xx")
    shows(page, 1, 5)
    filters(page).get_by_role("link", name="2xx").click()
    expect(box(page)).to_have_value("user:anna status:2xx")
    shows(page, 0)


def test_a_search_with_an_error_links_to_a_valid_search(page, events):
    page.goto(LIST)
    ask(page, "user:anna colour:red")
    expect(page.get_by_role("alert")).to_contain_text("Unknown key 'colour'")
    shows(page)
    page.get_by_role("link", name="Search without this term").click()
    shows(page, 0, 1, 5)


def tab_to(page, wanted):
    for _ in range(100):
        page.keyboard.press("Tab")
        if wanted.evaluate("it => it === document.activeElement"):
            return
    pytest.fail("the keyboard does not get there")


@on_both
def test_the_keyboard_alone_searches_and_opens_an_event(page, events):
    page.goto(LIST)
    tab_to(page, box(page))
    page.keyboard.type("user:bob status:503")
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_count(2)
    tab_to(page, cells(page, "when").get_by_role("link"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(str(events[3]))


def test_pages_lead_to_older_events_and_back_to_the_same(page):
    Log.objects.bulk_create(event(n // 2, object_repr=f"order {n}") for n in range(250))
    page.goto(LIST)
    pages = [cells(page, "to").all_inner_texts()]
    for way in ("Older", "Older", "Newer", "Newer"):
        with page.expect_navigation():
            pages_above(page).get_by_role("link", name=way).click()
        pages.append(cells(page, "to").all_inner_texts())
    assert [len(shown) for shown in pages] == [100, 100, 50, 100, 100]
    assert pages[3:] == [pages[1], pages[0]]
    assert len({name for shown in pages for name in shown}) == 250


@on_both
def test_the_actions_of_the_period_have_counts_and_links(page, events):
    page.goto(f"{LIST}?q=last:24h")
    filters(page).get_by_role("link", name="Actions").click()
    actions = page.get_by_role("list", name="Actions of this period")
    expect(actions.get_by_role("link")).to_have_text(["BUY 4", "PAY 2"])
    actions.get_by_role("link", name="PAY").click()
    shows(page, 1, 3)


@with_scripts_and_without
def test_a_file_has_the_events_of_the_search(page, events):
    page.goto(f"{LIST}?q=user:anna+status:5xx")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "events.csv"
    with download.value.path().open(newline="") as file:
        assert [row["object"] for row in csv.DictReader(file)] == ["order 1", "order 5"]


@with_scripts_and_without
def test_folded_events_are_shown_by_a_click(page, anna):
    facts = {"request_id": "r"}
    Log.objects.bulk_create([event(extra=facts), event(action="PAID", extra=facts)])
    page.goto(LIST)
    shown = cells(page, "what").filter(visible=True)
    expect(shown).to_have_count(1)
    page.get_by_label("Show 1 more event of this request").check()
    expect(shown).to_have_count(2)


@on_both
def test_the_switch_of_folded_events_is_a_triangle_and_not_a_box(page):
    Log.objects.bulk_create([event(), event(1), event(2)])
    page.goto(LIST)
    switch = page.get_by_label("Show 2 more events like this")
    expect(switch).to_have_css("appearance", "none")
    shape = "it => getComputedStyle(it, '::before').content"
    assert switch.evaluate(shape) == '"▸"'
    switch.check()
    assert switch.evaluate(shape) == '"▾"'


@pytest.mark.parametrize("options", [{"java_script_enabled": False}], ids=["no-scripts"])
def test_the_tools_of_the_list_need_no_scripts(page, events):
    tools = page.get_by_role("navigation", name="View")
    page.goto(LIST)
    tools.get_by_role("link", name="Facets").click()
    page.locator(".facets").get_by_role("link", name="bob", exact=True).click()
    shows(page, 2, 3)
    page.get_by_role("link", name="Not 503").click()
    shows(page, 2)
    page.goto(LIST)
    tools.get_by_text("Columns", exact=True).click()
    page.get_by_label("Columns, separated by commas").fill("time,object,status")
    page.locator(".columns-panel").get_by_role("button", name="Show").click()
    expect(page.locator("#result_list thead th")).to_have_count(4)
    tools.get_by_text("Permanent link").click()
    page.locator("#permanent-link").click()
    shows(page, *range(6))
    filters(page).get_by_text("from … to").click()
    page.get_by_label("From").fill("2026-01-31T09:30")
    page.locator(".from-to").get_by_role("button", name="Show").click()
    expect(box(page)).to_have_value(re.compile("^from:2026-01-31T09:30"))


@pytest.mark.parametrize("options", [{"java_script_enabled": False}], ids=["no-scripts"])
def test_searches_are_saved_and_removed_without_scripts(page, events):
    page.goto(f"{LIST}?q=user:bob")
    panel = page.locator(".save-panel")
    panel.get_by_text("Saved searches").click()
    panel.get_by_label("Name").fill("Bob's")
    panel.get_by_role("button", name="Save").click()
    page.goto(LIST)
    page.get_by_role("link", name="Bob's").click()
    shows(page, 2, 3)
    panel.get_by_text("Saved searches").click()
    panel.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("link", name="Bob's")).to_have_count(0)


@pytest.mark.parametrize("options", [{"java_script_enabled": False}], ids=["no-scripts"])
def test_events_are_selected_and_deleted_without_scripts(page, events):
    page.goto(LIST)
    page.get_by_role("link", name="Select", exact=True).click()
    for checkbox in page.locator(".action-select").all()[:2]:
        checkbox.check()
    page.get_by_role("combobox", name="Action").select_option("delete_selected")
    page.locator(".actions").get_by_role("button").click()  # "Go", and "Run" since Django 6.1
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#result_list")).to_be_visible()
    assert list(Log.objects.filter(pk__in=[event.pk for event in events[:2]])) == []


@on_phone
def test_a_finger_hits_bars_and_minus_signs(page, events):
    page.goto(f"{LIST}?facets=1&q=last:24h")
    for target in (page.locator(".strip .zones a").first, page.locator(".facets .not").first):
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    page.locator(".strip .zones a").last.click()
    expect(chips(page)).to_have_count(2)


@on_phone
def test_a_finger_hits_each_link_above_the_list(page, events):
    SavedSearch.objects.create(name="Errors", query="q=status%3A5xx", is_shared=True)
    page.goto(f"{LIST}?q=last:24h")
    filters(page)
    targets = page.locator(
        ".asking :is(a, summary, label, input:not([type=checkbox])):not(svg a)"
    ).filter(visible=True)
    small = (
        "all => all.filter(it => it.getBoundingClientRect().height < 24).map(it => it.outerHTML)"
    )
    assert targets.evaluate_all(small) == []


@on_both
def test_a_permanent_link_is_shown_and_copied(page, events):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{LIST}?q=last:24h+user:bob")
    page.get_by_text("Permanent link").click()
    page.locator(".link-panel").get_by_role("button", name="Copy").click()
    expect(page.locator(".link-panel").get_by_role("status")).to_have_text("Copied.")
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    shows(page, 2, 3)
    assert "last" not in box(page).input_value()


@on_desk
def test_keys_move_between_events_and_open_one(page, events):
    page.goto(LIST)
    for key in "jjjk":
        page.keyboard.press(key)
    expect(cells(page, "when").get_by_role("link").nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.type("user:anna")
    expect(box(page)).to_have_value("user:anna")


# One event


@on_both
def test_a_long_title_takes_three_lines_of_the_breadcrumbs(page, long_events):
    page.goto(detail(long_events[1]))
    breadcrumbs = page.locator(".breadcrumbs")
    expect(breadcrumbs.get_by_role("listitem").first).to_have_css("display", "inline-block")
    assert breadcrumbs.bounding_box()["height"] < 90


@on_both
def test_an_event_links_to_the_next_events_of_the_search(page, events):
    page.goto(f"{LIST}?q=user:anna")
    cells(page, "when").get_by_role("link").nth(1).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(str(events[1]))
    page.locator(".object-tools").get_by_role("link", name="Older").click()
    expect(heading).to_have_text(str(events[5]))
    expect(page.locator(".object-tools").get_by_role("link", name="Older")).to_have_count(0)
    page.locator(".object-tools").get_by_role("link", name="Newer").click()
    expect(heading).to_have_text(str(events[1]))


def test_an_event_links_to_the_events_of_its_request(page, events):
    (logged,) = Log.objects.bulk_create([event(action="PAID", extra={"request_id": "r0"})])
    page.goto(detail(events[0]))
    page.get_by_role("region", name="In the same request").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(logged))


@on_both
def test_the_links_of_an_event_find_what_they_count(page, events):
    Log.objects.bulk_create([event(action="PAID", extra={"request_id": "r1", "ip": None})])
    page.goto(detail(events[1]))
    links = page.get_by_role("group", name="What else").get_by_role("listitem")
    numbers = {"Same request": 2, "Same session of work": 2, "Same user": 3, "Same address": 2}
    for label, number in numbers.items():
        link = links.filter(has_text=label)
        expect(link).to_contain_text(f"{number} events")
        link.get_by_role("link").click()
        expect(cells(page, "to")).to_have_count(number)
        page.go_back()


@on_both
def test_the_json_can_be_copied(page, events):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(detail(events[0]))
    copy = page.get_by_role("button", name="Copy")
    expect(copy).to_be_hidden()
    page.get_by_text("All data as JSON").click()
    copy.click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert json.loads(copied) == events[0].extra


def test_without_a_clipboard_the_json_is_selected(page, events):
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(detail(events[0]))
    page.get_by_text("All data as JSON").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_contain_text("selected")
    assert json.loads(page.evaluate("getSelection().toString()")) == events[0].extra


@pytest.mark.parametrize("options", [{"java_script_enabled": False}], ids=["no-scripts"])
def test_an_event_needs_no_scripts(page, events):
    page.goto(detail(events[0]))
    page.get_by_text("All data as JSON").click()
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    expect(page.locator("#all-data")).to_be_visible()


def test_data_of_the_application_cannot_become_a_script(page, anna):
    data = {
        "a": "javascript:window.owned=1",
        "b": {IMAGE: [SCRIPT]},
        "c": f"https://a.test/{IMAGE}",
    }
    row = log(anna, "X", data)
    page.goto(detail(row))
    page.get_by_text("All data as JSON").click()
    assert page.get_by_role("link", name="javascript").count() == 0
    assert page.evaluate("window.owned") is None


# The overview


@on_both
def test_a_bar_of_the_chart_links_to_its_events(page, events):
    page.goto(OVERVIEW)
    mark = page.get_by_role("link", name="· 5xx ·").first
    count = int(mark.text_content().rpartition(" · ")[2])
    mark.click()
    expect(cells(page, "to")).to_have_count(count)
    assert count


@with_scripts_and_without
def test_the_overview_needs_no_scripts(page, events):
    page.goto(OVERVIEW)
    pulse = page.get_by_role("region", name="Events over time")
    expect(pulse.locator("svg.columns")).to_be_visible()
    expect(pulse.get_by_role("table")).to_be_hidden()
    pulse.get_by_text("As a table").click()
    expect(pulse.get_by_role("table")).to_be_visible()
    page.get_by_role("link", name="7 d").click()
    expect(page.get_by_role("link", name="7 d")).to_have_attribute("aria-current", "true")


@on_phone
def test_the_axis_of_a_chart_and_its_newest_bar_are_in_view(page, events):
    page.goto(OVERVIEW)
    expect(page.get_by_text("Scroll the chart sideways")).to_have_count(2)
    expect(page.get_by_text("Scroll the chart sideways").first).to_be_visible()
    width = page.viewport_size["width"]
    newest = page.get_by_role("link", name="· 5xx ·").last.bounding_box()
    assert newest["x"] + newest["width"] < width
    for name in ("Events over time", "Busiest hours"):
        panel = page.get_by_role("region", name=name)
        axis, plot = (panel.locator(part).bounding_box() for part in (".axis", ".plot"))
        assert 0 < axis["x"] < axis["x"] + axis["width"] <= plot["x"] + 1
        assert plot["x"] + plot["width"] < width
        scale = panel.locator(".axis .scale").first.bounding_box()
        assert scale["x"] >= axis["x"] - 1


@with_scripts_and_without
def test_a_search_on_the_overview_leads_to_its_events(page, events):
    page.goto(f"{OVERVIEW}?period=7d")
    ask(page, "user:anna status:5xx")
    expect(page.get_by_role("link", name="7 d")).to_have_attribute("aria-current", "true")
    page.locator(".figures").get_by_role("link").first.click()
    shows(page, 1, 5)


def test_a_search_with_an_error_on_the_overview_links_to_a_valid_search(page, events):
    page.goto(f"{OVERVIEW}?q=user:anna+colour:red")
    expect(page.get_by_role("alert")).to_contain_text("Unknown key 'colour'")
    expect(page.locator(".figures")).to_have_count(0)
    page.get_by_role("link", name="Search without this term").click()
    expect(page.locator(".figures").get_by_role("link").first).to_have_text("3")


# Security


def test_a_violation_of_the_policy_is_noticed(page, complaints):
    page.goto(LIST)
    page.evaluate("document.body.setAttribute('onclick', '1')")
    page.evaluate("document.body.click()")
    assert "script-src-attr" in complaints
    complaints.clear()


def test_a_strict_policy_is_not_violated(page, events, complaints):
    for address in (
        LIST,
        f"{LIST}?q=user:anna+y:z&pick=action",
        detail(events[0]),
        OVERVIEW,
        f"{OVERVIEW}?q=y:z",
    ):
        assert "'self'" in page.goto(address).headers["content-security-policy"]
    assert complaints == []


@pytest.mark.parametrize("options", [{"bypass_csp": True}], ids=["no-policy"])
@pytest.mark.parametrize("evil", [SCRIPT, IMAGE])
def test_values_from_visitors_are_escaped(page, anna, client, settings, evil):
    facts = dict.fromkeys([*REQUEST_FACTS, *CLIENT_FACTS, evil], evil)
    row = log(anna, evil, obj=anna, extra=facts | {"status": 200})
    Log.objects.filter(pk=row.pk).update(
        user_repr=evil, object_repr=evil, object_id=evil, extra=facts
    )
    asked = {"q": str(Term("action", evil)), "pick": "action"}
    odd = {"q": f'user:"{evil}" {evil}:x status:{evil} from:{evil}'}
    pages = [f"{LIST}?{urlencode(query)}" for query in (asked, odd)]
    pages += [LIST, detail(row), f"{LIST}{row.pk}/delete/", f"{OVERVIEW}?by=action"]
    pages += [f"{OVERVIEW}?{urlencode(odd)}"]
    for address in pages:
        page.goto(address)
        assert evil in page.locator("body").inner_text()
        assert page.evaluate("window.owned") is None


# Accessibility


@pytest.fixture(scope="module")
def axe():
    found = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe is not here (the dependency group browser)",
    )
    return found.Axe()


# "Follow" loads the list again because the reader asked for it, until the reader clicks "Pause".
ACCEPTED = ("meta-refresh",)


def grave(axe, page):
    """Return serious violations that axe finds, without Django's own breadcrumbs before 6.1."""
    ours = {"exclude": [[".breadcrumbs"]]} if django.VERSION < (6, 1) else None
    said = axe.run(page, context=ours)
    return [
        (rule["id"], node["target"], node["failureSummary"])
        for rule in said.response["violations"]
        if rule["impact"] in ("serious", "critical") and rule["id"] not in ACCEPTED
        for node in rule["nodes"]
    ]


# Queries of further states of the list.
LISTS = (
    "q=status:418",
    "q=action:BYU",
    "q=extra.a:1",
    "facets=1&q=last:24h",
    "columns=time,user,ip,extra.order.total",
    "select=1",
    "follow=1&q=user:anna",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "options",
    # Without the policy, because it blocks the script of the test.
    [size | {"bypass_csp": True} for size in (DESK, PHONE)],
    ids=["desk", "phone"],
)
def test_axe_finds_no_serious_violation(page, axe, events, scheme):
    page.emulate_media(color_scheme=scheme)
    narrowed = f"{LIST}?q=user:anna+y:z&pick=action"
    lists = [LIST, narrowed, *(f"{LIST}?{query}" for query in LISTS)]
    overviews = [OVERVIEW, f"{OVERVIEW}?q=user:anna", f"{OVERVIEW}?q=y:z"]
    overviews += [f"{OVERVIEW}?q=status:418", f"{OVERVIEW}?period=180d&by=action"]
    for address in (*lists, detail(events[0]), *overviews):
        page.goto(address)
        assert grave(axe, page) == [], address
        if address in lists:
            filters(page)
        page.locator("details").evaluate_all("all => all.forEach(it => { it.open = true })")
        assert grave(axe, page) == [], f"{address}, all opened"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "options",
    [size | {"bypass_csp": True} for size in (DESK, PHONE)],
    ids=["desk", "phone"],
)
def test_axe_finds_no_serious_violation_in_changes(page, axe, scheme):
    widget = Widget.objects.create(name=SCRIPT)
    changes = {"price": [None, 9], "text": ["warm " * 50, "cold " * 50], SCRIPT: [IMAGE, SCRIPT]}
    event = log(None, "CHANGED", obj=widget, changes=changes)
    page.emulate_media(color_scheme=scheme)
    for address in (detail(event), f"{LIST}{event.pk}/field/?field=text"):
        page.goto(address)
        expect(page.locator(".changes ins").first).to_be_visible()
        assert grave(axe, page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert page.evaluate("window.owned") is None


@on_both
def test_a_request_reads_from_left_to_right_in_a_right_to_left_page(page, events, settings):
    settings.LANGUAGE_CODE = "ar"
    page.goto(LIST)
    expect(page.locator("html")).to_have_attribute("dir", "rtl")

    def left_of(selector):
        return page.locator(selector).first.bounding_box()["x"]

    assert left_of(".line .method") < left_of(".line bdi") < left_of(".line .status")
    expect(page.locator(".field-address a").first).to_have_css("direction", "ltr")
    page.goto(OVERVIEW)
    assert left_of(".figures > div:nth-child(2)") < left_of(".figures > div:nth-child(1)")
