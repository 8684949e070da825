"""Requests to measure with, from an access log in combined format or generated."""

import re
from io import BytesIO

from benchmarks.common import require

_LINE = re.compile(
    r'(\S+) \S+ \S+ \[[^]]*\] "(\S+) (\S+)[^"]*" \d+ \S+ "((?:\\.|[^"\\])*)" "((?:\\.|[^"\\])*)"'
)
_AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    f"Chrome/{number}.0.0.0 Safari/537.36"
    for number in range(60, 131)
] + ["curl/8.5.0", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"]


def environs(log=None, count=10_000, *, path=None):
    """Return at most `count` WSGI environments without an input stream, which `fresh` adds.

    `log` is the path of an access log. `path` replaces the path of every request.
    """
    if log is None:
        requests = [
            (f"10.0.{n % 200}.{n % 250}", "GET", f"/page/{n % 1500}?page={n % 7}", "", agent)
            for n in range(count)
            for agent in [_AGENTS[n * n % len(_AGENTS)]]
        ]
    else:
        with open(log, encoding="utf-8", errors="replace") as lines:
            requests = [found.groups() for line in lines if (found := _LINE.match(line))][:count]
    require(requests, f"{log or '--requests ' + str(count)} gives no request to measure with")
    return [
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": path or target.partition("?")[0],
            "QUERY_STRING": target.partition("?")[2],
            "REMOTE_ADDR": address,
            "HTTP_REFERER": referer,
            "HTTP_USER_AGENT": agent,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
        }
        for address, method, target, referer, agent in requests
    ]


def fresh(environ):
    """Return a copy of `environ` that a handler may change, with an empty input stream."""
    return environ | {"wsgi.input": BytesIO()}
