from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.test import override_settings
from tqdm import tqdm

from eventlog.models import Log
from shop.access_log import parse
from shop.traffic import no_complaints, send


class Command(BaseCommand):
    help = "Send the site the requests that an access log in Apache's combined format tells of."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the access log")

    def handle(self, *, path: Path, **options: Any) -> None:
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        before = Log.objects.count()
        # Every request is recorded, and none of another site's is redirected to a page of ours.
        ours = settings.EVENTLOG  # type: ignore[misc]  # mypy knows those of the tests
        every_request = {**ours, "REQUESTS": [{"action": "REPLAYED_{method}"}]}
        with override_settings(EVENTLOG=every_request, APPEND_SLASH=False), no_complaints():
            replayed, malformed = self.replay(path)
        self.stdout.write(
            f"{replayed} requests replayed, {Log.objects.count() - before} events, "
            f"{malformed} lines malformed"
        )

    def replay(self, path: Path) -> tuple[int, int]:
        site = WSGIHandler()
        replayed = malformed = 0
        size = path.stat().st_size
        # Latin-1 keeps every byte, and a lone \r or the like does not end a line.
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
