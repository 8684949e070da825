"""Searches in ``EVENTLOG["RETENTION"]``, which mean the same events in every run.

A search of the admin may mean other events tomorrow, because it looks up users, actions and the
present time. A rule that did so could delete events that were not meant.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Q
from django.db.models.lookups import IsNull

from ..models.expressions import Fact
from ..records.user_state import UserState
from ..review.search.condition import Condition, InvalidTermError
from ..review.search.filters import checked_filter, find
from ..review.search.former_names import keys_with_former_name
from ..review.search.query import InvalidSearch, Search
from ..review.search.reference_filters import (
    ANONYMOUS,
    accounts_of,
    has_event,
    in_any_case,
    users_named,
    without_account_condition,
)
from ..review.search.request_filters import range_of_statuses
from ..review.search.tree import And, Term

REFUSED = {
    "": "The meaning of a word depends on the users and actions in the database. Write a key, such "
    "as action: or path:.",
    "last": "The meaning of last: changes with time. Use from: and to:, or the ages of a rule.",
}
LOOKED_UP = ("user", "acting_user", "action", "obj")  # in the database
# Events of deleted accounts, which have lost the key of the account.
OF_DELETED_ACCOUNTS = Q(user__isnull=True, user_repr__gt="")


class SelectedEvents(NamedTuple):
    """The events that a search finds."""

    q: Q
    unclear: Q | None = None
    """Events that the search may mean, but which no longer say so."""
    warnings: Sequence[str] = ()
    users: Sequence[str] = ()
    """The keys of users that the search means today."""


def validate_search(text: str) -> None:
    """Raise ``InvalidSearch`` if the search is not valid, as far as this needs no query."""
    _checked(Search.parse(text, _find_without_queries))


def look_up_search(text: str) -> SelectedEvents:
    """Look up what the search means. Raise ``InvalidSearch`` if it is not valid."""
    users = _Users()
    search = _checked(Search.parse(text, users.find))
    warnings = [f"{hint.part}: {hint.reason}" for hint in search.hints]
    return SelectedEvents(
        search.plan.condition, users.unclear, [*warnings, *users.warnings], users.keys
    )


def _checked(search: Search) -> Search:
    if search.errors:
        raise InvalidSearch(" ".join(f"{each.part}: {each.reason}" for each in search.errors))
    if search.tree == And():
        raise InvalidSearch("The search is empty. To select all events, leave it out.")
    return search


def _refuse(term: Term) -> None:
    if (reason := REFUSED.get(term.key)) is not None:
        raise InvalidTermError(reason)


def _find_without_queries(term: Term) -> Condition:
    _refuse(term)
    checked_filter(term)
    if term.key in LOOKED_UP:
        return Condition(Q())
    if term.key == "status":
        range_of_statuses(term.value, term.operator)
        return Condition(Q())
    return find(term)


class _Users:
    """The users that a search names, who may have been deleted since."""

    def __init__(self) -> None:
        self.unclear: Q | None = None
        self.warnings: list[str] = []
        self.keys: list[str] = []

    def find(self, term: Term) -> Condition:
        """Return the condition of a term, also if its user does not exist any more."""
        _refuse(term)
        if term.key == "user":
            checked_filter(term)
            return self._user(term)
        found = find(term)
        if term.key == "acting_user":
            accounts = accounts_of(term.value)
            self.keys += map(str, accounts)
            if not accounts and "@" in term.value:  # events do not have the e-mail address
                self._leave(term, Q(IsNull(Fact("acting_user"), False)))
        return found

    def _user(self, term: Term) -> Condition:
        if term.value.lower() == ANONYMOUS and not users_named(term.value):
            return Condition(Q(user_state=UserState.ANONYMOUS))
        names = in_any_case(term.value)
        accounts = accounts_of(term.value)
        keys = accounts or keys_with_former_name(names)
        self.keys += map(str, accounts)
        # Each event is examined anyway, so the name of an account needs no index.
        found = Condition(Q(user__in=keys) | Q(user_repr__in=names), value_count=len(keys) + 1)
        if accounts:
            return found
        if keys or has_event(without_account_condition(*names)):
            self.warnings.append(
                f"{term}: No account has this name now. The term means all events with this name."
            )
        else:
            self._leave(term, OF_DELETED_ACCOUNTS)
        return found

    def _leave(self, term: Term, unclear: Q) -> None:
        self.unclear = unclear if self.unclear is None else self.unclear | unclear
        self.warnings.append(
            f"{term}: No account and no event has this name. Events that the term may mean, such "
            f"as events of deleted accounts, are not changed. Write the username as events show it."
        )
