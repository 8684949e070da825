"""The user agent parser: browser, system and kind of device. Importing it builds its tables."""

import re
from functools import lru_cache
from typing import Literal, TypedDict, cast

from ua_parser import Matchers, Parser
from ua_parser.loaders import load_lazy_builtins
from user_agents import parsers

from ..records.redaction import redact
from ..text import cut, header_text, sanitize
from .readers import MAX_PRODUCT_LENGTH, MAX_USER_AGENT_LENGTH

try:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA as _CRAWLERS
except ImportError:  # the extra "bots" is not installed
    _CRAWLERS = []

MAX_CACHED_AGENTS = 2048  # 16 MB if each agent has the maximum length

DeviceType = Literal["pc", "mobile", "tablet", "bot", "other"]

# HTTP libraries, health checks and headless browsers that the maintained lists omit. Each matches a
# whole word of a product's name, because "Andersson" contains "rss" and "They/1.0" "hey/".
_TOOL = re.compile(
    r"bots?(?![a-z])|spider(?![a-z]| ?solitaire)|crawl(?!ey)|headless|phantomjs|puppeteer"
    r"|playwright|selenium|electron-fetch|(?<!sky)scrap(?:y|er|ing)"
    r"|^(?:mozilla/4\.0|mozilla/5\.0)$"
    r"|\b(?:curl|wget|wget2|httpie|xh|aria2|libcurl)\b"
    r"|^(?:python|java|ruby|perl|php|go|dart|rust|deno|bun|node|undici|axios|got|ky)\b"
    r"|python-|urllib|aiohttp|httpx|httplib|libwww-?perl|lwp::|mechanize|go-http|okhttp|reqwest"
    r"|guzzle|node-fetch|superagent|faraday|rest-client|restsharp|http-?client|http_request|winhttp"
    r"|\b(?:postman(?:runtime)?/|insomnia/|paw/|soapui|jmeter|gatling|locust|k6/|wrk|hey/|siege)"
    r"|apachebench|^ab/|probe(?:r|s)?(?![a-z])|health-?check(?:er|s)?(?![a-z])"
    r"|monitor(?:s|ing)?(?![a-z])|uptime|pingdom|check_http|nagios|zabbix|icinga"
    r"|\bprometheus/|blackbox[ _-]?exporter|datadog|newrelic|statuscake|haproxy|googlehc"
    r"|\bconsul(?![a-z])|censys|shodan|zgrab|masscan|nmap|nikto|sqlmap|nuclei|dirbuster|gobuster"
    r"|wpscan|\bexpanse|feed(?!back)|rss(?!on)|validator|chrome-lighthouse|pagespeed"
    r"|(?<!technology )(?<!technology%20)preview|fetcher|archiver|slurp|compatible;[^()]{0,100}\+https?://",
    re.IGNORECASE,
)
# Names of devices, people and browsers that contain the name of a program. The first alternative
# matches the model, the build and "wv", which follow "Android 14;" and have no version.
_NAME = re.compile(
    r"(?:(?<=\bAndroid)(?<!compatible; Android)|(?<=\bAdr))[^;)]{0,40}"
    r"(?:;(?! *compatible)(?:[^;()/@+]|\+(?!http)|\([^;()]*\))*(?:(?<=uild)/[^;()]*)?(?=[;)]))+"
    r"|(?i:\b(?:cubot|abbott?|talbot|caboto)(?![a-z])|\bsogou(?:m|search)[a-z]*|\bcoc_?cocbrowser)"
)
_WEB_VIEW = "; wv)"  # A person opened the page in an app.
# 25 names per expression, because one expression per name is not faster.
_LISTED_NAMES = [
    re.compile("|".join(crawler["pattern"] for crawler in _CRAWLERS[start : start + 25]))
    for start in range(0, len(_CRAWLERS), 25)
]


def _interruptible(matchers: Matchers) -> Matchers:
    """Wrap the matchers in generators, so that the GIL is released between two expressions.

    Otherwise the Rust engine holds the GIL until it has compiled all of them, and an event loop in
    another thread stops for 0.1 s.
    """
    # ua-parser declares lists, but its regex resolver, which the extra installs, iterates once.
    return cast("Matchers", tuple((matcher for matcher in each) for each in matchers))


_PARSER = Parser.from_matchers(_interruptible(load_lazy_builtins()))


class Client(TypedDict):
    """The client that a User-Agent names, in the terms of the user-agents library."""

    ua: str  # the header itself, masked and cut
    browser: str  # "Chrome Mobile 120.0.6099"
    os: str  # "Android 14"
    device: str  # "Pixel 8", "PC", "Spider"
    device_type: DeviceType


class _UserAgent(parsers.UserAgent):  # type: ignore[misc]  # the library has no types
    """user-agents' classification on top of ua-parser's current API.

    The library calls the API of 2012, which does not use the Rust engine and takes ten times as
    long (``benchmarks.cost``).
    """

    def __init__(self, string: str) -> None:
        found = _PARSER.parse(string).with_defaults()
        browser, system, device = found.user_agent, found.os, found.device
        self.ua_string = string
        self.browser = parsers.parse_browser(
            browser.family, browser.major, browser.minor, browser.patch
        )
        self.os = parsers.parse_operating_system(
            system.family, system.major, system.minor, system.patch, system.patch_minor
        )
        self.device = parsers.parse_device(device.family, device.brand, device.model)


@lru_cache(maxsize=MAX_CACHED_AGENTS)
def parse_user_agent(header: str) -> Client:
    """Return the client that ``header`` names, which is a User-Agent as the server passes it.

    All callers with this header share the result, so do not change it.
    """
    string = header_text(header, MAX_USER_AGENT_LENGTH)
    names, nameless = " ".join(_NAME.findall(string)), _NAME.sub("", string)
    agent = _UserAgent(string)
    if agent.is_bot and _UserAgent(names).is_bot:  # ua-parser finds "bot" in names too
        agent = _UserAgent(nameless)
    return Client(
        ua=cut(redact(string), MAX_USER_AGENT_LENGTH),
        browser=sanitize(agent.get_browser(), MAX_PRODUCT_LENGTH),
        os=sanitize(agent.get_os(), MAX_PRODUCT_LENGTH),
        device=sanitize(agent.get_device(), MAX_PRODUCT_LENGTH),
        device_type=_device_type(agent, string, nameless),
    )


def _device_type(agent: _UserAgent, string: str, nameless: str) -> DeviceType:
    if agent.is_bot or _is_listed(string, nameless) or _TOOL.search(nameless):
        return "bot"
    if agent.is_tablet:
        return "tablet"
    if agent.is_mobile:
        return "mobile"
    if agent.is_pc:
        return "pc"
    return "other"


def _is_listed(string: str, nameless: str) -> bool:
    """Return whether the list of crawlers contains a whole product name in ``nameless``."""
    if _WEB_VIEW in string and "://" not in string:
        return False  # The list names in-app browsers, because their link previews crawl.
    return any(_is_whole(found) for names in _LISTED_NAMES for found in names.finditer(nameless))


def _is_whole(found: "re.Match[str]") -> bool:
    """Return whether ``found`` is bounded by word boundaries, as "008" in "TS1008" is not."""
    name, text = found[0], found.string
    return not (
        _same_word(text[: found.start()][-1:], name[:1])
        or _same_word(name[-1:], text[found.end() :][:1])
    )


def _same_word(left: str, right: str) -> bool:
    """Return whether two adjacent characters belong to the same word."""
    return left.isalnum() and right.isalnum() and not (left.islower() and right.isupper())
