"""``manage.py eventlog_person``: export or erase the events of one person."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from eventlog import access
from eventlog.backends import get_backend
from eventlog.backends.buffered import BufferedBackend
from eventlog.conf import Misconfigured
from eventlog.management.accounts import AccountCommand
from eventlog.management.operator_arguments import add_operator_arguments, run_from_options
from eventlog.management.retention_run import remark_about_earlier_backend
from eventlog.management.terminal import events_in_words
from eventlog.models import Log
from eventlog.people import Match, account_of, condition_of_matches, custom_keys
from eventlog.retention.compiled import UnusableSearch, hold_condition
from eventlog.retention.policy import current_policy
from eventlog.review.export.formats import values
from eventlog.review.search.condition import Condition, complement

COMMAND = "eventlog_person"
PROGRESS_STEP = 100_000  # events between two messages
MAX_KEYS = 50  # keys of extra that a message names
SPOOL_TIMEOUT = 30.0  # seconds


class Command(AccountCommand):
    help = (
        "Export the events that one person caused, and the events about their account, as JSON "
        "lines; or erase the person from these events."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", choices=["export", "erase"], help="print the events, or erase the person"
        )
        self.add_account_arguments(parser)
        parser.add_argument(
            "--delete",
            action="store_true",
            help="erase: delete the events, instead of removing the person from them",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only print the number of events"
        )
        parser.add_argument("--yes", action="store_true", help="erase: do not ask for confirmation")
        held = parser.add_mutually_exclusive_group()
        held.add_argument(
            "--override-hold",
            action="store_true",
            help="erase: also events under legal hold, see EVENTLOG['RETENTION']",
        )
        held.add_argument(
            "--skip-held", action="store_true", help="erase: only events that are not under hold"
        )
        add_operator_arguments(parser)

    def handle(self, **options: Any) -> None:
        if not _wait_for_spool():
            raise CommandError(
                f"Events were not delivered within {SPOOL_TIMEOUT:.0f} s. "
                f"Run 'manage.py eventlog_spool status' to see why."
            )
        if remark := remark_about_earlier_backend(self.store):
            self.note(remark)
        chosen = self.choose(options["username"], options["key"], options["deleted"])
        if options["what"] == "erase":
            self._erase(chosen, options)
        elif options["dry_run"]:
            self._report(condition_of_matches(chosen), chosen, "exported")
        else:
            self._export(chosen, options)

    def _export(self, chosen: list[Match], options: dict[str, Any]) -> None:
        account = account_of(chosen[0]) if len(chosen) == 1 else None
        recorded = {"accounts": len(chosen), "format": "jsonl"}
        run = run_from_options(COMMAND, options)
        with access.RecordedOperation("export", recorded, obj=account, command=run) as running:
            for events in running.counted(self._chunks(condition_of_matches(chosen))):
                for event in events:
                    text = json.dumps(values(event), cls=DjangoJSONEncoder, ensure_ascii=False)
                    self.stdout.write(text)

    def _erase(self, chosen: list[Match], options: dict[str, Any]) -> None:
        done = "deleted" if options["delete"] else "erased"
        events = self._without_held(condition_of_matches(chosen), options)
        if options["dry_run"]:
            self._report(events, chosen, done)
            return
        count = self.store.count(events)
        if count and not options["yes"]:
            self._confirm(f"{events_in_words(count)} ", done, chosen)
        keys: set[str] = set()
        # Without the account, because the event would name the person again.
        recorded = {"accounts": len(chosen), "delete": options["delete"]}
        recorded |= {name: True for name in ("override_hold", "skip_held") if options[name]}
        with access.RecordedOperation(
            "erase", recorded, command=run_from_options(COMMAND, options)
        ) as erasing:

            def read() -> Iterator[Sequence[Log]]:
                for chunk in self._chunks(events):
                    erasing.start()
                    if len(keys) <= MAX_KEYS:
                        keys.update(custom_keys(chunk))
                    yield chunk

            for number in self.store.erase(chosen, events, read(), delete=options["delete"]):
                erasing.count += number
        if options["verbosity"]:
            self._note_custom_keys(keys, "and were not changed")
            self.stdout.write(f"{events_in_words(erasing.count)} {done}.")

    def _without_held(self, events: Q, options: dict[str, Any]) -> Q:
        """Return the events that may be erased. Raise CommandError if a legal hold forbids it."""
        if options["override_hold"]:
            return events
        try:
            with self.store.looking_up_names():
                hold = hold_condition(current_policy())
        except (Misconfigured, UnusableSearch) as error:
            raise CommandError(
                f"{error} Nothing was changed, because the legal hold is not known. Correct it, or "
                f"ignore it with --override-hold."
            ) from error
        if hold is None or not (held := self.store.count(events & hold)):
            return events
        if options["skip_held"]:
            self.note(f"{events_in_words(held)} under legal hold left as they are.")
            return events & complement(Condition(hold)).q
        raise CommandError(
            f"{events_in_words(held)} under legal hold, see EVENTLOG['RETENTION']. Nothing was "
            f"changed. Erase only the others with --skip-held, or all with --override-hold."
        )

    def _confirm(self, count: str, done: str, chosen: list[Match]) -> None:
        """Raise CommandError unless the person on the terminal agrees."""
        if not sys.stdin.isatty():
            raise CommandError(
                f"{count}would be {done}. Without a terminal, confirm with --yes, "
                f"or see more with --dry-run."
            )
        question = f"{self.listed(chosen)}\n{count}will be {done}. Continue? [y/N] "
        if self.ask(question).lower() not in ("y", "yes"):
            raise CommandError("Nothing was done, because the answer is not 'y'.")

    def _report(self, events: Q, chosen: list[Match], done: str) -> None:
        """Print what would be done."""
        self.note(self.listed(chosen))
        count, keys = 0, set[str]()
        for chunk in self._chunks(events):
            count += len(chunk)
            keys |= custom_keys(chunk)
        if done == "erased":
            self._note_custom_keys(keys, "and would not be changed")
        self.stdout.write(f"{events_in_words(count)} would be {done}.")

    def _chunks(self, events: Q) -> Iterator[Sequence[Log]]:
        """Yield the events, newest first, and write the progress to standard error."""
        read = 0
        for some in self.store.chunks(events):
            yield some
            if read // PROGRESS_STEP != (read + len(some)) // PROGRESS_STEP:
                self.note(f"{events_in_words(read + len(some))} so far")
            read += len(some)

    def _note_custom_keys(self, keys: set[str], outcome: str) -> None:
        if not keys:
            return
        named = ", ".join(sorted(keys)[:MAX_KEYS]) + (" …" if len(keys) > MAX_KEYS else "")
        self.note(
            f"Your application chose these keys of extra. Their values may name the person, in "
            f"these and in other events, {outcome}: {named}"
        )


def _wait_for_spool() -> bool:
    backend = get_backend()
    if isinstance(backend, BufferedBackend):
        return backend.wait_until_delivered(SPOOL_TIMEOUT)
    return backend.flush(SPOOL_TIMEOUT)
