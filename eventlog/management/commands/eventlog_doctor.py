"""``manage.py eventlog_doctor``: check a running site, and say how to fix what is wrong."""

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from eventlog.diagnostics.findings import Finding
from eventlog.diagnostics.registry import CheckResult, diagnose, worst
from eventlog.diagnostics.site import MAX_AGE, TIMEOUT, Options, Site
from eventlog.management.arguments import seconds
from eventlog.management.terminal import until_closed

HEADINGS = {"problem": "Problems", "warning": "Warnings", "info": "Information"}
FAIL_LEVELS = {"problem": ("problem",), "warning": ("problem", "warning")}
UNIX = "unix"


def header(text: str) -> tuple[str, str]:
    """Parse a header such as ``X-Forwarded-For: 203.0.113.7``."""
    name, colon, value = text.partition(":")
    if not (colon and name.strip()):
        raise ArgumentTypeError(
            f"{text!r} is not a header; give one such as 'X-Forwarded-For: 203.0.113.7'"
        )
    return name.strip(), value.strip()


class Command(BaseCommand):
    help = (
        "Check a running site, and say what is wrong and how to fix it. Run the command where the "
        "site runs, as its user. It changes nothing."
    )
    # The doctor runs the system checks itself, and reports them with the other findings.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--fail-level",
            choices=[*FAIL_LEVELS],
            default="problem",
            help="fail if there is a finding of this level or a more serious one (problem)",
        )
        parser.add_argument(
            "--ignore",
            action="append",
            default=[],
            metavar="ID",
            help="leave out findings with this id, which may contain '*'; can be repeated",
        )
        parser.add_argument(
            "--max-age",
            type=seconds,
            default=MAX_AGE,
            metavar="SECONDS",
            help=f"the longest time that an event may wait in the spool or for a target "
            f"({MAX_AGE:.0f})",
        )
        parser.add_argument(
            "--timeout",
            type=seconds,
            default=TIMEOUT,
            metavar="SECONDS",
            help=f"the time to wait for the answers of Celery's workers ({TIMEOUT:.0f})",
        )
        parser.add_argument(
            "--peer",
            metavar="ADDRESS",
            help="show which address a request over a connection from ADDRESS would get; 'unix' "
            "for a UNIX socket",
        )
        parser.add_argument(
            "--header",
            type=header,
            action="append",
            default=[],
            metavar="HEADER",
            help="a header of this request, such as 'X-Forwarded-For: 203.0.113.7'; can be "
            "repeated",
        )

    def handle(self, **options: Any) -> None:
        peer = options["peer"]
        site = Site(
            Options(
                max_age=options["max_age"],
                timeout=options["timeout"],
                peer="" if peer == UNIX else peer,
                headers=dict(options["header"]),
            )
        )
        results = [*diagnose(site, options["ignore"])]
        with until_closed(self.stdout):
            if options["json"]:
                self.stdout.write(json.dumps(_document(results)))
            else:
                self._write(results)
        if worst(results) in FAIL_LEVELS[options["fail_level"]]:
            raise CommandError(_summary(results))

    def _write(self, results: Sequence[CheckResult]) -> None:
        styles = {"problem": self.style.ERROR, "warning": self.style.WARNING}
        for level, heading in HEADINGS.items():
            found = [each for each in _findings(results) if each.level == level]
            if found:
                self.stdout.write(self.style.MIGRATE_HEADING(f"{heading}:"))
            for finding in found:
                style = styles.get(level, str)
                self.stdout.write(f"  {style(finding.id)}: {finding.message}")
                if finding.fix:
                    self.stdout.write(f"    Fix: {finding.fix}")
        for reason in dict.fromkeys(result.skipped for result in results if result.skipped):
            names = ", ".join(each.check for each in results if each.skipped == reason)
            self.stdout.write(f"Not checked, because {reason}: {names}.")
        if worst(results) == "info":
            self.stdout.write(self.style.SUCCESS(_summary(results)))


def _findings(results: Sequence[CheckResult]) -> list[Finding]:
    return [finding for result in results for finding in result.findings]


def _document(results: Sequence[CheckResult]) -> dict[str, Any]:
    return {
        "level": worst(results),
        "findings": [
            {"check": result.check, **finding._asdict()}
            for result in results
            for finding in result.findings
        ],
        "skipped": {result.check: result.skipped for result in results if result.skipped},
    }


def _summary(results: Sequence[CheckResult]) -> str:
    """Return the numbers of findings and checks."""
    levels = [finding.level for finding in _findings(results)]
    counts = [
        f"{count} {level}" if count == 1 else f"{count} {level}s"
        for level in ("problem", "warning")
        if (count := levels.count(level))
    ]
    ran = sum(not result.skipped for result in results)
    return f"{' and '.join(counts) or 'Nothing wrong'} in {ran} checks."
