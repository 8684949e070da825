"""Shared parts of the benchmarks: arguments, databases, rounds, checks, ratios and tables."""

import argparse
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, NoReturn, TypeVar

Result = TypeVar("Result")

DATABASES = ["sqlite", "postgresql", "mariadb"]
BACKENDS = "eventlog.backends"
DUMMY = {"BACKEND": f"{BACKENDS}.dummy.DummyBackend"}
SITE = [  # the middleware of a new Django project, without clickjacking protection
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
LOGGED_SITE = ["eventlog.middleware.EventLogMiddleware", *SITE]
HAND_WRITTEN_SITE = ["benchmarks.cost.by_hand", *SITE]


def buffered(directory: str, **options: Any) -> dict[str, Any]:
    """Return the `EVENTLOG` setting of BufferedBackend with its spool in `directory`."""
    return {
        "BACKEND": f"{BACKENDS}.buffered.BufferedBackend",
        "OPTIONS": {"spool": directory, **options},
    }


# Arguments


def argument_parser(description: str | None, *, database: str | None) -> argparse.ArgumentParser:
    """Return a parser with `--database`, unless `database`, its default, is None."""
    parser = argparse.ArgumentParser(description=description)
    if database:
        parser.add_argument("--database", default=database, choices=DATABASES)
    return parser


def add_traffic_arguments(parser: argparse.ArgumentParser, *, requests: int, rounds: int) -> None:
    """Add `--log`, `--requests` and `--rounds`."""
    parser.add_argument("--log", help="access log in combined format (default: generated requests)")
    parser.add_argument("--requests", type=int, default=requests, help="requests per round")
    parser.add_argument("--rounds", type=int, default=rounds)


# Checks


def fail(problem: str) -> NoReturn:
    """Stop the benchmark: what was measured is not what was meant."""
    raise SystemExit(f"The benchmark stopped, because its figures would be wrong: {problem}")


def require(condition: object, problem: str) -> None:
    """Stop the benchmark if `condition` is false."""
    if not condition:
        fail(problem)


def require_rows(name: str, found: int, expected: int) -> None:
    """Stop the benchmark if `name` wrote more or fewer rows than expected."""
    require(
        found == expected,
        f"{name!r} wrote {found:,} rows, expected {expected:,}. Look for errors of the logger "
        "'eventlog' above and check that the table eventlog_log exists.",
    )


def require_page(name: str, status: int, body: bytes, text: str) -> None:
    """Stop the benchmark if a page has another status than 200 or lacks `text`."""
    require(
        status == 200 and text.encode() in body,
        f"{name!r} answered with status {status} and {len(body):,} bytes; expected status 200 and "
        f"the text {text!r}. The page begins with {body[:200]!r}.",
    )


# Databases


def configure(database: str, settings: str = "benchmarks.settings") -> None:
    """Set up Django for `database` without connecting to it."""
    os.environ["EVENTLOG_TEST_DB"] = database
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    os.environ.setdefault("BENCHMARK_SQLITE", "unused")
    import django

    django.setup()


def setup(database: str, settings: str = "benchmarks.settings") -> Callable[[], None]:
    """Set up Django on an empty, migrated database and return the function that deletes it."""
    directory = tempfile.TemporaryDirectory()
    os.environ["BENCHMARK_SQLITE"] = str(Path(directory.name) / "benchmark.sqlite3")
    configure(database, settings)
    from django.core.management import call_command
    from django.db import connection

    if database == "sqlite":
        call_command("migrate", run_syncdb=True, verbosity=0)
        return directory.cleanup
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)

    def teardown() -> None:
        connection.creation.destroy_test_db(name, verbosity=0)
        directory.cleanup()

    return teardown


# Rounds


def timed(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds that `run` takes on `clock`, after a garbage collection."""
    gc.collect()
    started = clock()
    run()
    return clock() - started


def take_turns(
    runs: Mapping[str, Callable[[], Result]],
    rounds: int,
    *,
    warm_up: int = 1,
    shuffled: bool = False,
) -> dict[str, list[Result]]:
    """Call every run once per round and return the results by name, without the warm-up rounds."""
    results: dict[str, list[Result]] = {name: [] for name in runs}
    for number in range(-warm_up, rounds):
        names = random.sample(list(runs), len(runs)) if shuffled else list(runs)
        for name in names:
            result = runs[name]()
            if number >= 0:
                results[name].append(result)
    return results


def in_turns(
    variants: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """Return the seconds that each variant takes per round, by name; CPU time by default."""
    runs = {name: lambda run=run: timed(run, clock) for name, run in variants.items()}
    return take_turns(runs, rounds)


# Ratios and tables


class Spread(NamedTuple):
    """Minimum, median and maximum of a figure over the rounds."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        """Return the spread of `figures`."""
        ordered = sorted(figures)
        return cls(ordered[0], median(ordered), ordered[-1])

    def show(self, digits: int = 2) -> str:
        """Format the median with the minimum and maximum in brackets."""
        low, middle, high = (f"{figure:,.{digits}f}" for figure in self)
        return f"{middle} ({low} to {high})"


def ratio(figures: Sequence[float], base: Sequence[float]) -> str:
    """Format the spread of the ratios between the figures of two variants in the same rounds."""
    pairs = list(zip(figures, base, strict=True))
    if not all(divisor > 0 for _, divisor in pairs):
        return "n/a"  # CPU time is counted in ticks, so a short run can have none.
    return Spread.of(figure / divisor for figure, divisor in pairs).show()


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the figure that `share` of all figures do not exceed."""
    return sorted(figures)[min(int(len(figures) * share), len(figures) - 1)]


def print_table(title: str, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table whose first column is text and whose other columns are numbers."""
    print(f"\n{title}\n")
    print("| " + " | ".join(header) + " |")
    print("| --- |" + " ---: |" * (len(header) - 1))
    for line in lines:
        print("| " + " | ".join(map(str, line)) + " |")


# Measurements that need a process of their own


def is_installed(package: str) -> bool:
    """Return whether `package`, a dotted name, can be imported."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def result_of_child(module: str, *arguments: object) -> Any:
    """Run `module` in a process and return the JSON on its last line of output."""
    command = [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        problem = done.stderr.strip().splitlines()[-1:] or ["no output"]
        fail(f"{' '.join(command[3:])} ended with status {done.returncode}: {problem[0]}")
    return json.loads(lines[-1])


def print_result(result: object) -> NoReturn:
    """Print the result of a child process and end the process without waiting for threads."""
    print(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)  # Some packages start threads that never end.
