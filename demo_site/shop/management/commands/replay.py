from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.test import override_settings
from tqdm import tqdm

from eventlog.models import Log
from shop.access_log import parse
from shop.traffic import send, silence_request_errors


class Command(BaseCommand):
    help = "Send the site the requests of an access log in Apache's combined format."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the access log")

    def handle(self, *, path: Path, **options: Any) -> None:
        if not path.is_file():
            raise CommandError(f"No file {path} found. Give the path of an access log.")
        before = Log.objects.count()
        # Without APPEND_SLASH, because the paths belong to another site.
        ours = settings.EVENTLOG  # type: ignore[misc]  # mypy reads the settings of the tests
        every_request = {**ours, "REQUESTS": [{"action": "REPLAYED_{method}"}]}
        with (
            override_settings(EVENTLOG=every_request, APPEND_SLASH=False),
            silence_request_errors(),
        ):
            replayed, malformed = self.replay(path)
        self.stdout.write(
            f"{replayed} requests replayed, {Log.objects.count() - before} events, "
            f"{malformed} lines malformed"
        )

    def replay(self, path: Path) -> tuple[int, int]:
        site = WSGIHandler()
        replayed = malformed = 0
        size = path.stat().st_size
        # Latin-1 keeps every byte, and newline="\n" keeps a single \r inside its line.
        with (
            path.open(encoding="latin-1", newline="\n") as lines,
            tqdm(total=size, unit="B", unit_scale=True, desc="replaying") as bar,
        ):
            for number, line in enumerate(lines, start=1):
                entry = parse(line.rstrip("\r\n"))
                if entry is None:
                    malformed += 1
                    bar.clear()
                    self.stderr.write(f"line {number} is malformed: {line.rstrip()[:100]}")
                else:
                    send(site, entry.environ())
                    replayed += 1
                bar.update(len(line))
        return replayed, malformed
