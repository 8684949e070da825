import json
import subprocess
import sys

import pytest
import user_agents
from django.test import RequestFactory

from eventlog.metadata import collect, user_agent
from eventlog.metadata.readers import MAX_USER_AGENT_LENGTH, client
from eventlog.metadata.user_agent import MAX_CACHED_AGENTS, parse_user_agent

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
def test_browser_system_and_device_equal_those_of_user_agents(string):
    theirs, ours = user_agents.parse(string), parse_user_agent(string)
    assert (ours["browser"], ours["os"], ours["device"]) == (
        theirs.get_browser(),
        theirs.get_os(),
        theirs.get_device(),
    )


@pytest.mark.parametrize(
    ("string", "kind"),
    [(IPHONE, "mobile"), (IPAD, "tablet"), (CHROME, "pc"), (GOOGLEBOT, "bot"), ("?", "other")],
)
def test_the_device_type_is_recognised(string, kind):
    assert parse_user_agent(string)["device_type"] == kind


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


PHONE = (
    "Mozilla/5.0 (Linux; Android 12; {}) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"
)
MODELS = [
    *("CUBOT J9", "Cubot X30", "CUBOT_X30 Build/QP1A", "CUBOT C9+ Build/JDQ39", "XBot Junior"),
    *("M BOT TAB 101", "C Bot Tab 100", "ID bot 53+ Build/NRD90M", "Robot", "Bot", "Spider 8"),
    *("Spider", "Crawler X", "Feed One", "RSS Phone", "Preview 2", "Monitor 5", "Probe", "Fetcher"),
    *("Siege", "Paw", "Locust", "Consul", "Expanse", "curl", "Headless", "Validator", "Slurp"),
    *("O+ Sonic", "HTC Butterfly", "ViewSonic-V350", "Fever_Plus_J", "Slate Archiver (2022)"),
    *("CPH2655 Build/AP3A.240617.008", "Pixel 10 Build/CP1A.260305.018; wv", "Googlebot Phone"),
]
PEOPLE = [
    "Dalvik/2.1.0 (Linux; U; Android 10; CUBOT_X30 Build/QP1A)",
    "Mozilla/5.0 (Android 13; Mobile; CUBOT; rv:109.0) Gecko/109.0 Firefox/109.0",
    "Mozilla/5.0 (Mobile; CUBOT F1; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
    "UCWEB/2.0 (MIDP-2.0; U; Adr 4.4.2; en-US; CUBOT_S208) U2/1.0.0 UCBrowser/9.4 U2/1.0 Mobile",
    "Instagram 10.26.0 Android (18/4.3; 320dpi; 720x1280; CUBOT; CUBOT X30; X30; mt6589; en_US)",
    "waipu/2023.25.0-40b5976d4b (Phone; CUBOT; NOTE 7; waipu; Android 10)",
    PHONE.format("Pixel 10 Build/CP1A; wv", "Version/4.0 Chrome/146 Mobile") + " MetaIAB Facebook",
    PHONE.format("Redmi", "Version/4.0 Mobile") + " SogouMSE,SogouMobileBrowser/3.8.5",
    CHROME.replace("X11; Linux x86_64", "Windows NT 6.1; WOW64; Banca Caboto s.p.a."),
    CHROME.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64; Abbott"),
    CHROME.replace("Chrome/", "coc_coc_browser/47.0 Chrome/"),
    "Mozilla/5.0 (Android armv8l) AppleWebKit/537.36 Chrome/55.0 Safari/537.36 Model/Vestel "
    "FVC/6.0 (ANDERSSON; MB185; ) HbbTV/1.5.1 (+DRM; ANDERSSON; MB185; R2.0; ; _TV_MSTAR)",
    "Lynx/2.8.8pre.3 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/1.0.1e",
    "Safari%20Technology%20Preview/15610.1.16.3 CFNetwork/1126 Darwin/19.5.0 (x86_64)",
    "TheyHey/1.0 (iPhone; iOS 17.0)",
    "Spider Solitaire/3.1 (iPhone; iOS 17.0)",
]
BOTS_ON_PHONES = [
    PHONE.format("Nexus 5X Build/MMB29P", "Chrome/41.0 Mobile") + " (compatible; Googlebot/2.1)",
    PHONE.format("Pixel 2 Build/OPD3.170816.012; Storebot-Google/1.0", "Chrome/81.0 Mobile"),
    PHONE.format("CUBOT J9", "Chrome/81.0 Mobile")
    + " (compatible; Bytespider; bytespider@a.example)",
    PHONE.format("Android", "Chrome/41.0 Mobile") + " (compatible; DotBot/1.2)",
    PHONE.format("SM-G892A; wv", "Version/4.0 Chrome/60.0 Mobile") + " https://deepcrawl.com/bot",
    "Mozilla/5.0 (compatible; Android 9; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (Linux; Android 7.0;) AppleWebKit/537.36 Mobile Safari (compatible; PetalBot)",
    "CubotCrawler/1.0",
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("browser", "kind"), [("Chrome/114.0.0.0 Mobile", "mobile"), ("Chrome/114.0.0.0", "tablet")]
)
def test_a_phone_whose_name_contains_a_program_is_not_a_bot(model, browser, kind):
    said = parse_user_agent(PHONE.format(model, browser))
    assert said["device_type"] == kind
    assert said["device"] != "Spider"


@pytest.mark.parametrize("string", PEOPLE)
def test_a_browser_whose_name_contains_a_program_is_not_a_bot(string):
    assert parse_user_agent(string)["device_type"] != "bot"


@pytest.mark.parametrize("string", BOTS_ON_PHONES)
def test_programs_that_name_a_phone_are_bots(string):
    assert parse_user_agent(string)["device_type"] == "bot"


def test_the_crawlers_of_the_maintained_list_are_bots():
    crawlers = pytest.importorskip("crawleruseragents").CRAWLER_USER_AGENTS_DATA
    agents = [agent for crawler in crawlers for agent in crawler.get("instances", [])]
    found = [agent for agent in agents if parse_user_agent(agent)["device_type"] == "bot"]
    assert len(found) > 0.99 * len(agents)  # some of them are people in an app's web view


def test_the_memory_of_cached_agents_is_bounded():
    assert user_agent.parse_user_agent.cache_info().maxsize == MAX_CACHED_AGENTS
    long = RequestFactory().get("/", HTTP_USER_AGENT="\U0001f600" * 100_000)
    assert sum(len(value) for value in client(long).values()) <= MAX_USER_AGENT_LENGTH + 4 * 100


@pytest.mark.parametrize("string", TOOLS)
def test_programs_are_bots(string):
    assert parse_user_agent(string)["device_type"] == "bot"


def test_programs_are_bots_without_the_extra_list():
    script = (
        "import json, sys; sys.modules['crawleruseragents'] = None; "
        "from eventlog.metadata.user_agent import parse_user_agent; "
        "agents = map(parse_user_agent, json.load(sys.stdin)); "
        "print(json.dumps([agent['device_type'] for agent in agents]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([*TOOLS, IPHONE, CHROME]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["bot"] * len(TOOLS) + ["mobile", "pc"]


def test_a_long_agent_is_cut():
    request = RequestFactory().get("/", HTTP_USER_AGENT="x" * 1_000_000)
    assert collect(request)["ua"] == "x" * MAX_USER_AGENT_LENGTH


def test_without_the_header_the_client_is_unknown():
    assert not {"ua", "browser", "os", "device", "device_type"} & set(
        collect(RequestFactory().get("/"))
    )
