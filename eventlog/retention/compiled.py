"""The rules as one expression, which says for each event which rule applies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Case, IntegerField, Q, Value, When

from ..models import LogQuerySet
from ..models.queryset import any_action_condition
from ..review.search.query import InvalidSearch
from .anonymize import REMOVED_KEYS
from .due_hours import Schedule
from .policy import Policy
from .searches import SelectedEvents, look_up_search

NO_RULE = 0
UNCLEAR = -1  # the number in place of a rule's, for events that a rule may mean
FINGERPRINT_LENGTH = 24  # characters


class UnusableSearch(ValueError):  # noqa: N818 (the name of a state)
    """A search of the setting that is not valid any more, such as one for a removed model."""


@dataclass(frozen=True)
class CompiledPolicy:
    """The policy with the meaning of its searches at the start of a run."""

    policy: Policy
    selections: Sequence[SelectedEvents | None]
    """The events that each rule matches; None for a rule without conditions."""
    hold: Q | None
    """Events under legal hold, and those that may be."""
    warnings: Sequence[str]
    fingerprint: str

    def schedule(self, now: datetime) -> Schedule:
        """Return which hours are due."""
        ages = [age for rule in self.policy.rules for age in rule.ages]
        return Schedule(ages, self.fingerprint, now)

    def annotated(self, events: LogQuerySet) -> LogQuerySet:
        """Return the events with the number of their rule, and whether they are held."""
        whens, default = [], NO_RULE
        for rule, selection in zip(self.policy.rules, self.selections, strict=True):
            if selection is None:
                default = rule.number
                break
            if selection.unclear is not None:
                whens.append(When(selection.unclear, then=Value(UNCLEAR)))
            whens.append(When(selection.q, then=Value(rule.number)))
        held = [] if self.hold is None else [When(self.hold, then=Value(True))]
        annotated: LogQuerySet = events.annotate(
            rule=Case(*whens, default=Value(default), output_field=IntegerField()),
            held=Case(*held, default=Value(False), output_field=BooleanField()),
        )
        return annotated


def compile_policy(policy: Policy) -> CompiledPolicy:
    """Look up what the searches mean. Raise ``UnusableSearch`` if one is not valid."""
    hold, warnings, users = _compile_holds(policy.holds)
    selections: list[SelectedEvents | None] = []
    for rule in policy.rules:
        condition, selection = Q(), SelectedEvents(Q())
        if rule.search:
            selection = _select(f"rule {rule.number}", rule.search)
            warnings += [f"rule {rule.number}: {text}" for text in selection.warnings]
            users.append(selection.users)
        if rule.actions:
            condition = any_action_condition(rule.actions)
        selections.append(
            selection._replace(q=condition & selection.q) if rule.conditions else None
        )
    return CompiledPolicy(policy, selections, hold, warnings, _fingerprint(policy, users))


def hold_condition(policy: Policy) -> Q | None:
    """Return the condition of a legal hold; None without one. Raise ``UnusableSearch``."""
    return _compile_holds(policy.holds)[0]


def _compile_holds(searches: Sequence[str]) -> tuple[Q | None, list[str], list[Sequence[str]]]:
    selections = [_select("hold", search) for search in searches]
    # Events that may be under hold are treated as if they were.
    conditions = [each.q for each in selections]
    conditions += [each.unclear for each in selections if each.unclear is not None]
    warnings = [f"hold: {text}" for each in selections for text in each.warnings]
    hold = reduce(or_, conditions) if conditions else None
    return hold, warnings, [each.users for each in selections]


def _select(where: str, search: str) -> SelectedEvents:
    try:
        return look_up_search(search)
    except InvalidSearch as error:
        raise UnusableSearch(
            f"{where} in EVENTLOG['RETENTION']: the search {search!r:.100} is not valid. {error}"
        ) from error


def _fingerprint(policy: Policy, users: Sequence[Any]) -> str:
    """Return a text that changes with what the rules mean, so that all hours are checked again."""
    rules = [(rule.actions, rule.search, rule.keep, rule.anonymize) for rule in policy.rules]
    meaning = repr((rules, policy.holds, users, REMOVED_KEYS, settings.TIME_ZONE))
    return sha256(meaning.encode()).hexdigest()[:FINGERPRINT_LENGTH]
