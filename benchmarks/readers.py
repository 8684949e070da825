"""Cost per byte of each reader of a visitor's input, from 1 kB to 1 MB of hostile input.

Each figure is the CPU time of the slowest input, as a multiple of a linear scan of the same bytes.
A reader whose figure grows from left to right takes more than linear time. A reader whose figure
shrinks cuts its input first.
"""

import time
from contextlib import suppress
from itertools import count
from statistics import median

from benchmarks.common import argument_parser, setup

SIZES = (1_000, 10_000, 100_000, 1_000_000)
UNITS = (
    ".",
    "/",
    "%",
    "%25",
    "=&",
    "a=b&",
    ";",
    "@",
    ":",
    '"',
    "\\",
    "a,",
    "[",
    "{",
    "(",
    "<",
    "\xe9",
)
MAX_SECONDS = 5.0  # for one input, after which larger inputs are left out
unique = count(10**6)  # Readers cache their results, so every text differs.


def hostile(unit, size):
    """Return a new text of `size` characters that repeats `unit`."""
    number = str(next(unique))
    return (number + unit * (size // len(unit) + 1))[:size]


def scan(text):
    """Scan every character of `text`, for comparison."""
    return text.translate(TABLE)


TABLE = {ord("~"): "-"}


def readers():
    """Return functions by name that prepare a text and return the call to time."""
    from io import BytesIO

    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpResponse

    from eventlog.metadata import correlation
    from eventlog.metadata import readers as facts
    from eventlog.middleware.rules import select_rule
    from eventlog.records.encoding import encode
    from eventlog.records.redaction import redact, redact_query, redact_url
    from eventlog.review.pagination import Cursor
    from eventlog.review.search.parser import parse

    def make(**environ):
        base = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "10.0.0.1"}
        server = {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.input": BytesIO()}
        return WSGIRequest(base | server | environ)

    def header(read, name, before=""):
        def prepare(text):
            request = make(**{name: before + text})
            return lambda: read(request)

        return prepare

    def function(examine):
        return lambda text: lambda: examine(text)

    def decide(request):
        return select_rule(request, HttpResponse(), None)

    secret = "/accounts/reset/a/"
    return {
        "ip": header(facts.address, "HTTP_X_FORWARDED_FOR"),
        "method": header(facts.method, "REQUEST_METHOD"),
        "path": header(facts.path, "PATH_INFO", "/"),
        "path with a secret": header(facts.path, "PATH_INFO", secret),
        "query": header(facts.query, "QUERY_STRING"),
        "user agent": header(facts.client, "HTTP_USER_AGENT"),
        "referer": header(facts.referrer, "HTTP_REFERER", "https://localhost/"),
        "referer with a secret": header(
            facts.referrer, "HTTP_REFERER", "https://localhost" + secret
        ),
        "request id": header(correlation.correlation_ids, "HTTP_X_REQUEST_ID"),
        "trace": header(correlation.correlation_ids, "HTTP_TRACEPARENT"),
        "rules": header(decide, "PATH_INFO", "/"),
        "redact_query": function(redact_query),
        "redact_url": function(redact_url),
        "redact": function(lambda text: redact({"a": text, text: "b"})),
        "encode": function(lambda text: encode({"a": text})),
        "parse": function(parse),
        "Cursor.read": function(Cursor.read),
    }


def seconds(prepare, unit, size):
    """Return the CPU seconds of one call with a new text."""
    run = prepare(hostile(unit, size))
    started = time.thread_time()
    with suppress(ValueError):  # The time of a refusal counts too.
        run()
    return time.thread_time() - started


def worst(prepare, size, rounds):
    """Return the ratio to the scan, the repeated text and the seconds of the slowest input."""
    found = []
    for unit in UNITS:
        ratios = []
        for _ in range(rounds):
            took = seconds(prepare, unit, size)
            ratios.append(took / seconds(lambda text: lambda: scan(text), unit, size))
            if took > MAX_SECONDS:
                return max(ratios), unit, took
        found.append((median(ratios), unit, took))
    return max(found)


def main():
    """Measure all readers and print the table."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    teardown = setup("sqlite")
    try:
        table(args.rounds)
    finally:
        teardown()


def table(rounds):
    """Print a line for each reader as soon as it is measured."""
    from django.test import override_settings

    trusted = {"TRUSTED_PROXIES": ["10.0.0.0/8"]}
    print("| reader |" + "".join(f" {size // 1000:,} kB |" for size in SIZES) + " worst input |")
    print("| --- |" + " ---: |" * len(SIZES) + " --- |")
    with override_settings(EVENTLOG=trusted, ROOT_URLCONF="tests.urls_linear"):
        for name, prepare in readers().items():
            seconds(prepare, "a", 50)
            cells, unit, took = [], "", 0.0
            for size in SIZES:
                if took > MAX_SECONDS:
                    cells.append("-")
                    continue
                ratio, unit, took = worst(prepare, size, rounds)
                cells.append(f"{ratio:.2f}")
            print(f"| {name} | " + " | ".join(cells) + f" | `{unit}` |", flush=True)


if __name__ == "__main__":
    main()
