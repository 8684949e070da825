import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections
from django.test import Client, override_settings
from django.test.testcases import LiveServerThread
from django.utils import timezone
from playwright.sync_api import Locator, Page, sync_playwright

from eventlog.review.export.formats import FORMATS
from shop import sample_data, visitors

from .incident import ADDRESS, PHONE

site: Any = settings  # any type, because mypy reads the settings of the tests
NOW = datetime(2026, 1, 31, 11, 30, tzinfo=UTC)  # a fixed clock, so that images stay the same
IMAGES = Path(site.BASE_DIR).parent / "docs" / "images"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
LIST = "/admin/eventlog/log/"
WIDTH, HEIGHT = 1100, 900
MARGIN = 8
TIMEOUT_MS = 10_000


class Command(BaseCommand):
    help = "Make the images of the documentation, from a temporary database with an incident."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--requests", type=int, default=3000, help="(%(default)s)")

    def handle(self, *, requests: int, **options: Any) -> None:
        chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        if chromium is None:
            raise CommandError(f"None of {', '.join(CHROMIUMS)} is on the PATH.")
        IMAGES.mkdir(parents=True, exist_ok=True)
        with patch.object(timezone, "now", return_value=NOW), temporary_database():
            with rules(without_samples(site.EVENTLOG["REQUESTS"])), same_request_ids():
                call_command("fill", requests=requests)
                call_command("incident")
            # The visits of the browser are not part of the story, nor are optional packages.
            with (
                rules([]),
                without_parquet(),
                server() as url,
                browser_page(chromium, url, session_key()) as page,
            ):
                follow_the_guide(page)
        for path in sorted(IMAGES.glob("*.png")):
            self.stdout.write(f"{path.name}: {path.stat().st_size / 1024:.0f} KB")


def rules(rules: list[Any]) -> override_settings:
    """Use other rules in a ``with`` block."""
    return override_settings(EVENTLOG=site.EVENTLOG | {"REQUESTS": rules})


def without_samples(rules: list[Any]) -> list[Any]:
    """Return the rules without their samples, which differ each time."""
    return [
        {key: rule[key] for key in rule if key != "sample"} if isinstance(rule, dict) else rule
        for rule in rules
    ]


@contextmanager
def same_request_ids() -> Iterator[None]:
    """Give the requests the same ids each time."""
    random = Random(1)
    with patch.object(visitors, "uuid4", lambda: UUID(int=random.getrandbits(128), version=4)):
        yield


@contextmanager
def without_parquet() -> Iterator[None]:
    """Offer the formats that the demo has, which does not install pyarrow."""
    with patch.dict(FORMATS):
        FORMATS.pop("parquet", None)
        yield


@contextmanager
def temporary_database() -> Iterator[None]:
    """Use an empty database in memory."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    connection.inc_thread_sharing()
    try:
        yield
    finally:
        connection.dec_thread_sharing()
        connection.creation.destroy_test_db(name, verbosity=0)


def session_key() -> str:
    """Log in as administrator, without a login page and its events."""
    client = Client()
    client.force_login(User.objects.get(username=sample_data.ADMIN))
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def server() -> Iterator[str]:
    """Serve the site in a thread, on the database of this one; return its address."""
    ours = {"default": connections["default"]}
    thread = LiveServerThread("localhost", StaticFilesHandler, connections_override=ours)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    try:
        yield f"http://{thread.host}:{thread.port}"
    finally:
        thread.terminate()


@contextmanager
def browser_page(chromium: str, url: str, session: str) -> Iterator[Page]:
    """Open a page of the site, in a browser that is logged in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(
            base_url=url, viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB"
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        yield context.new_page()
        browser.close()


def follow_the_guide(page: Page) -> None:
    """Take the steps of docs/incident.md, with an image of each, and of two further pages."""
    page.goto(LIST)
    link(page, "Overview").click()
    save(page, "overview", until=page.get_by_role("region", name="Events over time"))
    save(page, "slowest-pages", only=panel(page, "Slowest pages"))

    panel(page, "Slowest pages").get_by_role("link", name="shop:search").click()
    save(page, "slow-requests", until=page.locator("#result_list"))
    first_high_bar(page).click()
    link(page, "Facets").click()
    save(page, "facets", until=page.locator(".facets"))
    link(page, f"Not {ADDRESS}").click()
    link(page, "Overview").click()
    search(page, f"-ip:{ADDRESS} from:2026-01-31T09:12 to:2026-01-31T10:02")
    save(page, "without-client", until=panel(page, "Pages"))

    link(page, "Events").click()
    search(page, f"ip:{ADDRESS}")
    first_high_bar(page).click()
    link(page, "Oldest").first.click()
    save(page, "client", until=page.locator("#result_list"))
    page.locator("#result_list .field-when a").first.click()
    save(page, "event", until=page.locator("fieldset").filter(has_text="Request ID"))
    link(page, "Same user").click()
    link(page, "Facets").click()
    save(page, "account", until=page.locator(".facets"))
    link(page, PHONE.address).first.click()

    page.goto(LIST)
    search(page, "from:2026-01-26 to:2026-01-30")
    save(page, "list", height=560)
    page.emulate_media(color_scheme="dark")
    page.goto(LIST)
    search(page, "action:ORDER_PLACED last:24h")
    page.locator("#result_list .field-when a").first.click()
    save(page, "event-dark", height=640)


def link(page: Page, name: str) -> Locator:
    """Return the link with exactly this text."""
    return page.get_by_role("link", name=name, exact=True)


def panel(page: Page, title: str) -> Locator:
    """Return a panel of the overview."""
    heading = page.get_by_role("heading", name=title, exact=True)
    return page.locator(".panel").filter(has=heading)


def search(page: Page, text: str) -> None:
    """Search the list or the overview."""
    box = page.get_by_role("combobox", name="Search events")
    box.fill(text)
    box.press("Enter")
    page.get_by_role("list", name="Terms of the search").wait_for()


def first_high_bar(page: Page) -> Locator:
    """Return the first bar of the chart with at least half the height of the highest one."""
    bars = page.locator(".strip .bars a")
    heights = bars.evaluate_all(
        "all => all.map(it => it.querySelector('.amount')?.getBBox().height ?? 0)"
    )
    return bars.nth(next(n for n, height in enumerate(heights) if height >= max(heights) / 2))


def save(
    page: Page,
    name: str,
    *,
    only: Locator | None = None,
    until: Locator | None = None,
    height: float = HEIGHT,
) -> None:
    """Write an image of an element, or of the page down to the end of an element or a height."""
    page.mouse.move(0, 0)
    # Without the header and the breadcrumbs, which are the same on all pages.
    x, y, width = 0.0, box_of(page.locator("#content"))["y"], float(WIDTH)
    if until is not None:
        box = box_of(until)
        height = box["y"] + box["height"] + MARGIN - y
    if only is not None:
        box = box_of(only)
        x, y = box["x"] - MARGIN, box["y"] - MARGIN
        width, height = box["width"] + 2 * MARGIN, box["height"] + 2 * MARGIN
    clip = {"x": x, "y": y, "width": width, "height": height}
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=True, clip=clip)  # type: ignore[arg-type]


def box_of(element: Locator) -> Any:
    """Return the position and the size of an element within the page."""
    return element.evaluate(
        "it => { const box = it.getBoundingClientRect();"
        " return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height} }"
    )
