"""Latency of ordinary requests while hostile requests arrive, with and without logging.

Ordinary requests arrive at a constant rate, and hostile ones of about 15 kB between them; see
benchmarks.hostile. The bare site gets the same requests. The latency of an ordinary request counts
from the moment it was due, so a stalled server cannot hide the requests that had to wait. The goal
is a p99 of at most 1.2 times the p99 of the bare site. All requests go to 127.0.0.1. The rates and
seconds fix their number.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.common import (
    LOGGED_SITE,
    SITE,
    argument_parser,
    buffered,
    percentile,
    print_table,
    ratio,
    require,
    take_turns,
)
from benchmarks.hostile import HOSTILE, Request
from benchmarks.servers import (
    PATHS,
    SERVERS,
    Server,
    Variant,
    configure_served_site,
    deliver,
    serving,
)
from benchmarks.stream import Answer, Stream
from benchmarks.traffic import environs

SLOWEST_KINDS = 5
TRUSTED = {"TRUSTED_PROXIES": ["127.0.0.0/8", "10.0.0.0/8"]}  # makes forwarding headers be read


def ordinary_requests(path: str) -> Callable[[int], tuple[str, Request]]:
    """Return a maker of requests for `path` with realistic queries and agents."""
    requests = [
        Request(f"{path}?{environ['QUERY_STRING']}", (("User-Agent", environ["HTTP_USER_AGENT"]),))
        for environ in environs(count=1000)
    ]
    return lambda number: ("ordinary", requests[number % len(requests)])


def hostile_requests(number: int) -> tuple[str, Request]:
    """Return the next hostile request; all kinds come in turn."""
    kind = list(HOSTILE)[number % len(HOSTILE)]
    return kind, HOSTILE[kind](number)


class Turn(NamedTuple):
    """Figures of one turn."""

    p50: float  # ms, of ordinary requests
    p99: float
    longest: float
    cpu: float  # ms of the server per request
    statuses: Counter  # by kind and status
    hostile: dict[str, float]  # longest time by kind, in ms
    rows: int


def measure(name: str, server: Server, variant: Variant, args) -> Turn:
    """Return the figures of one turn, after checking the answers and the rows."""
    from eventlog.models import Log

    path = PATHS[args.server]
    server.check_page(name, path, "ok")
    if "buffered" in variant.eventlog.get("BACKEND", ""):
        deliver(server, variant.eventlog)
    before, cpu = Log.objects.count(), server.cpu_seconds()
    ordinary = Stream(server.port, args.rate, args.rate * args.seconds, 16, ordinary_requests(path))
    hostile = Stream(server.port, args.hostile, args.hostile * args.seconds, 2, hostile_requests)
    for stream in (ordinary, hostile):
        stream.start()
    for stream in (ordinary, hostile):
        stream.join()
    if "buffered" in variant.eventlog.get("BACKEND", ""):
        deliver(server, variant.eventlog)
    cpu = server.cpu_seconds() - cpu
    answers = ordinary.answers + hostile.answers
    check_answers(name, ordinary.answers, answers)
    rows = Log.objects.count() - before
    expected = variant.rows * len(answers)
    server.require_rows(name, rows, expected, expected)
    waited = [answer.waited * 1000 for answer in ordinary.answers]
    slowest: dict[str, float] = {}
    for answer in hostile.answers:
        slowest[answer.kind] = max(slowest.get(answer.kind, 0.0), answer.took * 1000)
    return Turn(
        median(waited),
        percentile(waited, 0.99),
        max(waited),
        cpu / len(answers) * 1000,
        Counter((answer.kind, answer.status) for answer in answers),
        slowest,
        rows,
    )


def check_answers(name: str, ordinary: list[Answer], answers: list[Answer]) -> None:
    """Stop the benchmark if a request has no answer or an ordinary one has a wrong answer."""
    missing = Counter(answer.kind for answer in answers if not answer.status)
    require(not missing, f"{name!r} did not answer these requests: {dict(missing)}")
    wrong = Counter(answer.status for answer in ordinary if answer.body != b"ok")
    require(not wrong, f"{name!r} answered ordinary requests wrongly, with statuses {dict(wrong)}")


def check_same_statuses(turns: dict[str, list[Turn]]) -> None:
    """Stop the benchmark if logging changed the status of a response."""
    bare = turns["bare site"]
    for name, own in turns.items():
        for turn, expected in zip(own, bare, strict=True):
            changed = (turn.statuses - expected.statuses) + (expected.statuses - turn.statuses)
            require(
                not changed, f"{name!r} changed statuses compared with the bare site: {changed}"
            )


def report(args, turns: dict[str, list[Turn]]) -> None:
    """Print the latencies, the responses by status and the slowest kinds of requests."""

    def column(name, field):
        return [getattr(turn, field) for turn in turns[name]]

    lines = []
    for name, own in turns.items():
        statuses: Counter = Counter()
        for turn in own:
            for (_kind, status), count in turn.statuses.items():
                statuses[status] += count
        lines.append(
            [
                name,
                f"{median(column(name, 'p50')):.1f}",
                ratio_to_bare(column, name, "p50"),
                f"{median(column(name, 'p99')):.1f}",
                ratio_to_bare(column, name, "p99"),
                f"{max(column(name, 'longest')):,.0f}",
                f"{median(column(name, 'cpu')):.2f}",
                ratio_to_bare(column, name, "cpu"),
                ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items())),
                f"{sum(column(name, 'rows')):,}",
            ]
        )
    print_table(
        f"{args.server}, {args.database}, {args.rounds} rounds of {args.seconds} s, {args.rate} "
        f"ordinary and {args.hostile} hostile requests per second; latencies of the ordinary "
        "requests in ms, CPU time of the server in ms per request",
        ["", "p50", "ratio", "p99", "ratio", "longest", "CPU", "ratio", "responses", "rows"],
        lines,
    )
    report_slowest(turns)


def ratio_to_bare(column, name: str, field: str) -> str:
    """Format the ratios of a figure to the bare site."""
    return ratio(column(name, field), column("bare site", field))


def report_slowest(turns: dict[str, list[Turn]]) -> None:
    """Print the kinds of hostile requests that took longest in any variant."""
    longest = {
        name: {kind: max(turn.hostile.get(kind, 0.0) for turn in own) for kind in HOSTILE}
        for name, own in turns.items()
    }
    kinds = sorted(HOSTILE, key=lambda kind: -max(each[kind] for each in longest.values()))
    print_table(
        "Slowest hostile requests, in ms (waits behind other requests included)",
        ["", *longest],
        [
            [kind, *(f"{each[kind]:,.0f}" for each in longest.values())]
            for kind in kinds[:SLOWEST_KINDS]
        ],
    )


def main() -> None:
    """Measure all variants and print the tables."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--server", default="uvicorn", choices=SERVERS)
    parser.add_argument("--seconds", type=int, default=10, help="seconds per turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=100, help="ordinary requests per second")
    parser.add_argument("--hostile", type=int, default=5, help="hostile requests per second")
    parser.add_argument("--urlconf", default="benchmarks.mixed_urls")
    args = parser.parse_args()
    if args.hostile * args.seconds < len(HOSTILE):
        print(f"Only {args.hostile * args.seconds} of {len(HOSTILE)} kinds of hostile requests.")
    with TemporaryDirectory() as directory:
        spooled = buffered(f"{directory}/spool", interval=1.0)
        variants = {
            "bare site": Variant(SITE, {}, 0),
            "ours, database": Variant(LOGGED_SITE, TRUSTED, 1),
            "ours, buffered": Variant(LOGGED_SITE, TRUSTED | spooled, 1),
        }
        database = configure_served_site(args.database, directory, args.urlconf)
        from django.db import connection

        try:
            with serving(args.server, variants, database) as servers:
                runs = {
                    name: partial(measure, name, servers[name], variant, args)
                    for name, variant in variants.items()
                }
                turns = take_turns(runs, args.rounds, warm_up=0, shuffled=True)
        finally:
            connection.creation.destroy_test_db(database, verbosity=0)
    check_same_statuses(turns)
    report(args, turns)


if __name__ == "__main__":
    main()
