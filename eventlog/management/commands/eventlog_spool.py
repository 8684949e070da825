import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from eventlog.backends import get_backend
from eventlog.backends.buffered import DROPPED, BufferedBackend
from eventlog.models import Batch, Log

PATIENCE = 60.0  # seconds that other processes have for what they are writing


class Command(BaseCommand):
    help = "What waits in the spool of this machine, and what was set aside."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        status = what.add_parser("status", help="what waits, was delivered, set aside, dropped")
        status.add_argument("--json", action="store_true")
        status.add_argument(
            "--max-age",
            type=float,
            metavar="SECONDS",
            help="fail if an event has waited longer, or any was set aside: for a health check",
        )
        deliver = what.add_parser("deliver", help="write what waits, now")
        deliver.add_argument("--timeout", type=float, metavar="SECONDS")
        what.add_parser("aside", help="list what no database would take, and why")
        what.add_parser("retry", help="put what was set aside back among the rest, and deliver")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        backend = get_backend()
        if not isinstance(backend, BufferedBackend):
            raise CommandError(
                "EVENTLOG['BACKEND'] has no spool; it is that of BufferedBackend and its kin."
            )
        getattr(self, f"_{what}")(backend, options)

    def _status(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        waiting = backend.status()
        facts = {
            "spool": str(backend.spool.folder),
            "pending": waiting.events,
            "bytes": waiting.bytes,
            "oldest_seconds": None if waiting.oldest is None else round(waiting.oldest, 1),
            "at_the_broker": waiting.sent,
            "set_aside": waiting.aside,
            "delivered_in_30_days": Batch.objects.aggregate(all=Sum("count"))["all"] or 0,
            "dropped": sum(
                extra.get("count", 0)
                for extra in Log.objects.action(DROPPED).values_list("extra", flat=True)
            ),
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            for name, fact in facts.items():
                self.stdout.write(f"{name.replace('_', ' '):22}{'-' if fact is None else fact}")
        most = options["max_age"]
        if most is not None and (waiting.aside or (waiting.oldest or 0) > most):
            raise CommandError(
                f"The oldest event has waited {waiting.oldest or 0:.0f} s, {most:.0f} are allowed; "
                f"{waiting.aside} events were set aside."
            )

    def _deliver(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        before = backend.status().events
        timeout = options.get("timeout")
        # Without one, what can be delivered is, however long it takes.
        complete = timeout is not None or backend.flush()
        complete = complete and backend.settle(PATIENCE if timeout is None else timeout, sent=False)
        left = backend.status().events
        self.stdout.write(f"{max(0, before - left)} events delivered, {left} left")
        if not complete:
            raise CommandError(
                "Not all could be delivered. The eventlog logger says why; "
                "if it says nothing, another process is still at it."
            )

    def _aside(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        for line, reason in backend.spool.aside():
            self.stdout.write(f"{reason}\n  {line}")

    def _retry(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        self.stdout.write(f"{backend.spool.retry()} events put back")
        self._deliver(backend, options)
