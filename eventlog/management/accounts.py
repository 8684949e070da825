"""Choosing the accounts that a username or a key means, by arguments or on a terminal."""

import sys
from collections.abc import Sequence

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.functional import cached_property

from eventlog.management.terminal import events_in_words
from eventlog.people import (
    Match,
    key_as_stored,
    matches_of_key,
    matches_of_name,
)
from eventlog.records.arguments import MAX_TEXT_LENGTH
from eventlog.retention.event_store import EventStore, event_store
from eventlog.text import UNSTORABLE, sanitize


class AccountCommand(BaseCommand):
    """A command about the events of accounts."""

    @cached_property
    def store(self) -> EventStore:
        """Return the store of the configured backend."""
        return event_store()

    def add_account_arguments(self, parser: CommandParser) -> None:
        """Add the arguments that ``choose()`` takes."""
        parser.add_argument(
            "username",
            nargs="?",
            help="a current or earlier name of an account, which may be deleted",
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
            help="choose the events that have this username, but no key, because the account was "
            "deleted",
        )

    def choose(self, username: str | None, keys: Sequence[str], deleted: bool) -> list[Match]:
        """Return the chosen matches. Raise CommandError for none, or for an unclear choice."""
        for key in keys:
            if UNSTORABLE.search(key):
                raise CommandError(
                    f"No account and no event has the key {key!r}, because the key contains a "
                    f"character that no database stores. Check the value of --key."
                )
        keys = [key_as_stored(key) for key in keys]
        name = sanitize(username or "", MAX_TEXT_LENGTH)  # like the names in events
        if not name and (deleted or not keys):
            raise CommandError("Give a username, or the primary key of an account with --key.")
        if name:
            found = list(matches_of_name(name, self.store))
        else:
            found = [match for key in keys for match in matches_of_key(key, self.store)]
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
                f"\n{self.listed(found)}"
            )
        chosen = [
            match for match in found if match.key in keys or (deleted and match.name is not None)
        ]
        if chosen or (len(found) == 1 and not deleted):
            return chosen or found
        if deleted:
            raise CommandError(
                f"No event of a deleted account {name!r}. Found:\n{self.listed(found)}"
            )
        return self._choose_on_terminal(name, found)

    def _choose_on_terminal(self, name: str, found: list[Match]) -> list[Match]:
        listed = f"{len(found)} accounts have or had the username {name!r}:\n{self.listed(found)}"
        if not sys.stdin.isatty():
            raise CommandError(f"{listed}\nChoose with --key or --deleted.")
        numbers = self.ask(f"{listed}\nWhich? Give numbers, or 'all': ").replace(",", " ").split()
        if numbers == ["all"]:
            return found
        known = {str(number): match for number, match in enumerate(found, 1)}
        if not numbers or not known.keys() >= {*numbers}:
            raise CommandError(
                f"Nothing was done, because {' '.join(numbers)!r} is not a list of these numbers."
            )
        return [known[number] for number in numbers]

    def listed(self, found: Sequence[Match]) -> str:
        """Return a line for each match: the option that selects it, its name, its events."""
        lines = []
        for number, match in enumerate(found, 1):
            count, first, last = self.store.event_range(match.condition)
            choice = "--deleted" if match.key is None else f"--key {match.key}"
            status = "deleted" if match.account is None else f"now {match.account!r}"
            period = f", {first:%Y-%m-%d} to {last:%Y-%m-%d}" if count else ""
            lines.append(f"  {number}. {choice}: {status}, {events_in_words(count)}{period}")
        return "\n".join(lines)

    def ask(self, question: str) -> str:
        """Return the answer to a question on the terminal."""
        # Without input(), because it writes to standard output, which holds the export.
        self.stderr.write(question, self.style.NOTICE, ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip()

    def note(self, text: str) -> None:
        """Write a message to standard error, because standard output holds the export."""
        self.stderr.write(text, self.style.NOTICE)
