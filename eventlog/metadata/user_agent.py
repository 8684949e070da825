"""What kind of client sent a request, read from its User-Agent."""

import re
from functools import lru_cache
from typing import Literal, TypedDict

import ua_parser
from user_agents import parsers

from ..text import clean, header_text

try:
    from crawleruseragents import is_crawler
except ImportError:  # the extra "bots" is not installed

    def is_crawler(user_agent: str, case_sensitive: bool = True) -> bool:
        return False


LONGEST = 512  # characters; parsing time grows with the length, and real ones are shorter

DeviceType = Literal["pc", "mobile", "tablet", "bot", "other"]

# HTTP libraries, health checks and headless browsers that user-agents takes for people.
_TOOL = re.compile(
    r"bot\b|crawl|spider|scrap|headless|phantomjs|puppeteer|playwright|selenium|electron-fetch"
    r"|^(?:mozilla/4\.0|mozilla/5\.0)$"
    r"|\b(?:curl|wget|wget2|httpie|xh|aria2|libcurl)\b"
    r"|^(?:python|java|ruby|perl|php|go|dart|rust|deno|bun|node|undici|axios|got|ky)\b"
    r"|python-|urllib|aiohttp|httpx|httplib|libwww|lwp::|mechanize|go-http|okhttp|reqwest|guzzle"
    r"|node-fetch|superagent|faraday|rest-client|restsharp|http-?client|http_request|winhttp"
    r"|postman|insomnia|paw/|soapui|jmeter|gatling|locust|k6/|apachebench|^ab/|wrk|hey/|siege"
    r"|probe|healthcheck|health-check|monitor|uptime|pingdom|check_http|nagios|zabbix|icinga"
    r"|prometheus|blackbox|datadog|newrelic|statuscake|haproxy|googlehc|consul|blackboxexporter"
    r"|censys|shodan|zgrab|masscan|nmap|nikto|sqlmap|nuclei|dirbuster|gobuster|wpscan|expanse"
    r"|feed|rss|validator|lighthouse|pagespeed|preview|fetcher|archiver|ia_archiver|slurp",
    re.IGNORECASE,
)


class Client(TypedDict):
    """What a User-Agent says of its sender, in the words of the user-agents library."""

    ua: str  # as it was sent, cut
    browser: str  # "Chrome Mobile 120.0.6099"
    os: str  # "Android 14"
    device: str  # "Pixel 8", "PC", "Spider"
    device_type: DeviceType


class _UserAgent(parsers.UserAgent):  # type: ignore[misc]  # the library has no types
    """user-agents' judgement over ua-parser's current API, whose Rust engine is ten times faster.

    The library itself still calls the one of 2012.
    """

    def __init__(self, string: str) -> None:
        found = ua_parser.parse(string).with_defaults()
        browser, system, device = found.user_agent, found.os, found.device
        self.ua_string = string
        self.browser = parsers.parse_browser(
            browser.family, browser.major, browser.minor, browser.patch
        )
        self.os = parsers.parse_operating_system(
            system.family, system.major, system.minor, system.patch, system.patch_minor
        )
        self.device = parsers.parse_device(device.family, device.brand, device.model)


@lru_cache(maxsize=2048)
def parse(header: str) -> Client:
    """What ``header``, a User-Agent as the server hands it over, says of its sender.

    Not to be changed: the next one gets the same.
    """
    string = header_text(header, LONGEST)
    agent = _UserAgent(string)
    return Client(
        ua=string,
        browser=clean(agent.get_browser(), 100),
        os=clean(agent.get_os(), 100),
        device=clean(agent.get_device(), 100),
        device_type=_device_type(agent),
    )


def _device_type(agent: _UserAgent) -> DeviceType:
    string = agent.ua_string
    if agent.is_bot or _TOOL.search(string) or is_crawler(string):
        return "bot"
    if agent.is_tablet:
        return "tablet"
    if agent.is_mobile:
        return "mobile"
    if agent.is_pc:
        return "pc"
    return "other"
