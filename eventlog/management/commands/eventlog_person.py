"""``manage.py eventlog_person``: export or erase the events of one person."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from eventlog import access
from eventlog.backends import get_backend
from eventlog.backends.buffered import BufferedBackend
from eventlog.models import Log
from eventlog.people import (
    Match,
    account_of,
    custom_keys,
    erase,
    event_range,
    events_of,
    key_as_stored,
    matches_of_key,
    matches_of_name,
)
from eventlog.records.arguments import MAX_TEXT_LENGTH
from eventlog.review.export.formats import chunks, values
from eventlog.review.search.plan import QueryPlan
from eventlog.text import UNSTORABLE, sanitize

COMMAND = "eventlog_person"
PROGRESS_STEP = 100_000  # events between two messages
MAX_KEYS = 50  # keys of extra that a message names
SPOOL_TIMEOUT = 30.0  # seconds


class Command(BaseCommand):
    help = (
        "Export the events that one person caused, and the events about their account, as JSON "
        "lines; or erase the person from these events."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", choices=["export", "erase"], help="print the events, or erase the person"
        )
        parser.add_argument(
            "username", nargs="?", help="a current or earlier name, also of a deleted account"
        )
        parser.add_argument(
            "--key",
            action="append",
            default=[],
            help="the primary key of the account, instead of the username, or to choose among "
            "several accounts with this username; can be repeated",
        )
        parser.add_argument(
            "--deleted",
            action="store_true",
            help="choose the events of deleted accounts with this username whose keys are unknown",
        )
        parser.add_argument(
            "--delete",
            action="store_true",
            help="erase: delete the events, instead of removing the person from them",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="erase: only print the number of events"
        )
        parser.add_argument("--yes", action="store_true", help="erase: do not ask for confirmation")

    def handle(self, **options: Any) -> None:
        if not _wait_for_spool():
            raise CommandError(
                f"Events were not delivered within {SPOOL_TIMEOUT:.0f} s. "
                f"Run 'manage.py eventlog_spool status' to see why."
            )
        for key in options["key"]:
            if UNSTORABLE.search(key):
                raise CommandError(
                    f"No account and no event has the key {key!r}, because the key contains a "
                    f"character that no database stores. Check the value of --key."
                )
        keys = [key_as_stored(key) for key in options["key"]]
        chosen = self._choose(options["username"], keys, options["deleted"])
        if options["what"] == "export":
            self._export(chosen)
            return
        self._erase(chosen, **options)

    def _choose(self, username: str | None, keys: Sequence[str], deleted: bool) -> list[Match]:
        """Return the chosen matches. Raise CommandError for none, or for an unclear choice."""
        name = sanitize(username or "", MAX_TEXT_LENGTH)  # like the names in events
        if not name and (deleted or not keys):
            raise CommandError("Give a username, or the primary key of an account with --key.")
        if name:
            found = list(matches_of_name(name))
        else:
            found = [match for key in keys for match in matches_of_key(key)]
        if not found:
            wanted = f"username {name!r}" if name else f"key {' or '.join(keys)!r}"
            raise CommandError(
                f"No account and no event has the {wanted}. Usernames are compared exactly. "
                f"Check the spelling, or give the primary key of the account with --key."
            )
        unknown = {*keys} - {match.key for match in found}
        if unknown:
            raise CommandError(
                f"No account and no event has the key {', '.join(sorted(unknown))!r}. Found:"
                f"\n{self._listed(found)}"
            )
        chosen = [
            match for match in found if match.key in keys or (deleted and match.name is not None)
        ]
        if chosen or (len(found) == 1 and not deleted):
            return chosen or found
        if deleted:
            raise CommandError(
                f"No event of a deleted account {name!r}. Found:\n{self._listed(found)}"
            )
        return self._choose_on_terminal(name, found)

    def _choose_on_terminal(self, name: str, found: list[Match]) -> list[Match]:
        listed = f"{len(found)} accounts have or had the username {name!r}:\n{self._listed(found)}"
        if not sys.stdin.isatty():
            raise CommandError(f"{listed}\nChoose with --key or --deleted.")
        numbers = self._ask(f"{listed}\nWhich? Give numbers, or 'all': ").replace(",", " ").split()
        if numbers == ["all"]:
            return found
        known = {str(number): match for number, match in enumerate(found, 1)}
        if not numbers or not known.keys() >= {*numbers}:
            raise CommandError(
                f"Nothing was done, because {' '.join(numbers)!r} is not a list of these numbers."
            )
        return [known[number] for number in numbers]

    def _listed(self, found: Sequence[Match]) -> str:
        """Return a line for each match: the option that selects it, its name, its events."""
        lines = []
        for number, match in enumerate(found, 1):
            count, first, last = event_range(match)
            choice = "--deleted" if match.key is None else f"--key {match.key}"
            status = "deleted" if match.account is None else f"now {match.account!r}"
            period = f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if count else ""
            lines.append(f"  {number}. {choice}: {status}, {_events(count)}{period}")
        return "\n".join(lines)

    def _export(self, chosen: list[Match]) -> None:
        account = account_of(chosen[0]) if len(chosen) == 1 else None
        recorded = {"accounts": len(chosen), "format": "jsonl"}
        with access.Operation("export", recorded, obj=account, command=COMMAND) as running:
            for events in running.counted(self._chunks(chosen)):
                for event in events:
                    text = json.dumps(values(event), cls=DjangoJSONEncoder, ensure_ascii=False)
                    self.stdout.write(text)

    def _erase(
        self, chosen: list[Match], *, delete: bool, dry_run: bool, yes: bool, **options: Any
    ) -> None:
        count = events_of(chosen).count()
        done = "deleted" if delete else "erased"
        if dry_run:
            self._note(self._listed(chosen))
            self.stdout.write(f"{_events(count)} would be {done}.")
            return
        if count and not yes:
            if not sys.stdin.isatty():
                raise CommandError(
                    f"{_events(count)} would be {done}. Without a terminal, confirm with --yes, "
                    f"or see more with --dry-run."
                )
            question = f"{self._listed(chosen)}\n{_events(count)} will be {done}. Continue? [y/N] "
            if self._ask(question).lower() not in ("y", "yes"):
                raise CommandError("Nothing was done, because the answer is not 'y'.")
        keys: set[str] = set()
        # Without the account, because the event would name the person again.
        recorded = {"accounts": len(chosen), "delete": delete}
        with access.Operation("erase", recorded, command=COMMAND) as erasing:
            for chunk in self._chunks(chosen):
                erasing.start()
                if len(keys) <= MAX_KEYS:
                    keys |= custom_keys(chunk)
                erasing.count += erase(chosen, chunk, delete=delete)
        if options["verbosity"]:
            self._note_custom_keys(keys)
            self.stdout.write(f"{_events(erasing.count)} {done}.")

    def _chunks(self, chosen: list[Match]) -> Iterator[Sequence[Log]]:
        """Yield the events, newest first, and write the progress to standard error."""
        read = 0
        for events in chunks(events_of(chosen), QueryPlan()):
            yield events
            if read // PROGRESS_STEP != (read + len(events)) // PROGRESS_STEP:
                self._note(f"{_events(read + len(events))} so far")
            read += len(events)

    def _note_custom_keys(self, keys: set[str]) -> None:
        if not keys:
            return
        named = ", ".join(sorted(keys)[:MAX_KEYS]) + (" …" if len(keys) > MAX_KEYS else "")
        self._note(
            f"Your application chose these keys of extra. Their values may name the person, in "
            f"these and in other events, and were not changed: {named}"
        )

    def _ask(self, question: str) -> str:
        # Without input(), because it writes to standard output, which holds the export.
        self.stderr.write(question, self.style.NOTICE, ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip()

    def _note(self, text: str) -> None:
        self.stderr.write(text, self.style.NOTICE)


def _wait_for_spool() -> bool:
    backend = get_backend()
    if isinstance(backend, BufferedBackend):
        return backend.wait_until_delivered(SPOOL_TIMEOUT)
    return backend.flush(SPOOL_TIMEOUT)


def _events(count: int) -> str:
    return f"{count} event" if count == 1 else f"{count} events"
