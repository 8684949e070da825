import builtins
import importlib

import pytest
import user_agents
from django.test import RequestFactory

from eventlog.metadata import describe, user_agent
from eventlog.metadata.user_agent import LONGEST, parse

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1"
)
IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1"
)
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/120.0.6099.71 Safari/537.36"
)
HEADLESS = CHROME.replace("Chrome/", "HeadlessChrome/")
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize("string", [IPHONE, IPAD, CHROME, GOOGLEBOT, "", "gibberish"])
def test_it_says_what_user_agents_says(string):
    theirs, ours = user_agents.parse(string), parse(string)
    assert (ours["browser"], ours["os"], ours["device"]) == (
        theirs.get_browser(),
        theirs.get_os(),
        theirs.get_device(),
    )


@pytest.mark.parametrize(
    ("string", "kind"),
    [(IPHONE, "mobile"), (IPAD, "tablet"), (CHROME, "pc"), (GOOGLEBOT, "bot"), ("?", "other")],
)
def test_the_type_of_device(string, kind):
    assert parse(string)["device_type"] == kind


TOOLS = [
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.31.0",
    "Python-urllib/3.12",
    "Python/3.12 aiohttp/3.9",
    "python-httpx/0.27",
    "Go-http-client/1.1",
    "kube-probe/1.29",
    "ELB-HealthChecker/2.0",
    "GoogleHC/1.0",
    "Prometheus/2.48.0",
    "Apache-HttpClient/4.5 (Java/17)",
    "Java/17.0.1",
    "okhttp/4.12.0",
    "axios/1.6.2",
    "node-fetch/1.0",
    "GuzzleHttp/7",
    "PostmanRuntime/7.36",
    "Ruby",
    "libwww-perl/6.72",
    "Scrapy/2.11 (+https://scrapy.org)",
    "check_http/v2.3 (monitoring-plugins 2.3)",
    "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
    HEADLESS,
    "GPTBot/1.2",
    "facebookexternalhit/1.1",
]


@pytest.mark.parametrize("string", TOOLS)
def test_programs_are_bots(string):
    assert parse(string)["device_type"] == "bot"


def test_programs_are_bots_without_the_extra_list(monkeypatch):
    def without(name, *args, **kwargs):
        if name == "crawleruseragents":
            raise ImportError(name)
        return builtins_import(name, *args, **kwargs)

    builtins_import = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without)
    bare = importlib.reload(user_agent)
    kinds = {string: bare.parse(string)["device_type"] for string in (*TOOLS, IPHONE, CHROME)}
    monkeypatch.undo()
    importlib.reload(user_agent)
    assert {string for string, kind in kinds.items() if kind != "bot"} == {IPHONE, CHROME}


def test_a_long_one_is_cut_before_it_is_parsed():
    request = RequestFactory().get("/", HTTP_USER_AGENT="x" * 1_000_000)
    facts = describe(request)
    assert len(facts["ua"]) == LONGEST
    assert user_agent.parse.cache_info().currsize  # what was parsed is what was cut


def test_without_the_header_nothing_is_said():
    assert not {"ua", "browser", "os", "device", "device_type"} & set(
        describe(RequestFactory().get("/"))
    )
