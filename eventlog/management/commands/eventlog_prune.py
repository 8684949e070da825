"""``manage.py eventlog_prune``: apply the retention rules, or delete old events."""

import time
from argparse import ArgumentTypeError
from collections import deque
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from eventlog import access
from eventlog.conf import Misconfigured
from eventlog.counts.hours import drop_counts_before
from eventlog.management.arguments import seconds
from eventlog.management.operator_arguments import add_operator_arguments, run_from_options
from eventlog.management.retention_run import (
    TerminalRetentionRun,
    drop_old_months,
    remark_about_earlier_backend,
)
from eventlog.management.terminal import SearchCommand, events_in_words, number_of_events
from eventlog.models.queryset import any_action_condition
from eventlog.retention.ages import age_text, parse_age
from eventlog.retention.compiled import UnusableSearch, compile_policy, hold_condition
from eventlog.retention.event_store import event_store
from eventlog.retention.policy import Policy, current_policy
from eventlog.review.search.condition import Condition, complement
from eventlog.review.search.known_values import known_actions
from eventlog.review.search.plan import QueryPlan
from eventlog.review.search.tree import And
from eventlog.text import UNSTORABLE

COMMAND = "eventlog_prune"
CONDITIONS = ("action", "keep", "requests", "events", "search")  # besides the age


def age(text: str) -> timedelta:
    """Parse an age such as ``180d``."""
    try:
        return parse_age(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def action(text: str) -> str:
    """Parse an action or a pattern. An empty one, such as of a variable, would match nothing."""
    if not text.strip() or UNSTORABLE.search(text):
        raise ArgumentTypeError(f"{text!r} is not an action; give one such as POST_LOGIN or GET_*")
    return text


class Command(SearchCommand):
    help = (
        "Without an age, apply the rules in EVENTLOG['RETENTION']: delete and anonymize old "
        "events. With an age, delete the events that are older. Events are changed in small "
        "batches with pauses between them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "older_than", type=age, nargs="?", help="an age, such as 48h, 180d or 52w"
        )
        parser.add_argument(
            "--action",
            type=action,
            action="append",
            metavar="NAME",
            help="only this action; GET_* selects all that begin with GET_; can be repeated",
        )
        parser.add_argument(
            "--keep",
            type=action,
            action="append",
            metavar="NAME",
            help="keep this action, such as POST_LOGIN; can be repeated",
        )
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--requests",
            action="store_true",
            help="only request events, which the middleware or log_request recorded",
        )
        kind.add_argument(
            "--events",
            action="store_true",
            help="only the other events, which the application logged",
        )
        parser.add_argument(
            "--search",
            metavar="QUERY",
            help="only events that this search of the admin finds, such as 'is:bot status:404'",
        )
        parser.add_argument(
            "--batch", type=number_of_events, default=1000, help="events per transaction (1000)"
        )
        parser.add_argument(
            "--pause", type=seconds, default=0.01, help="seconds between two batches (0.01)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only print the number of events"
        )
        parser.add_argument(
            "--recheck",
            action="store_true",
            help="without an age: check all events again, including events that were checked "
            "before",
        )
        add_operator_arguments(parser)

    def handle(self, **options: Any) -> None:
        try:
            policy = current_policy()
            self.store = event_store()
            if remark := remark_about_earlier_backend(self.store):
                self.warn(remark)
            with self.store.looking_up_names():
                if options["older_than"] is None:
                    self._apply_rules(policy, options)
                else:
                    self._prune(policy, options)
        except (Misconfigured, UnusableSearch) as error:
            raise CommandError(f"{error} Nothing was changed.") from error

    # Without an age

    def _apply_rules(self, policy: Policy, options: dict[str, Any]) -> None:
        given = [name for name in CONDITIONS if options[name]]
        if given or options["search"] is not None:
            raise CommandError(f"Give an age, such as 180d, with --{(given or ['search'])[0]}.")
        if not policy.rules:
            raise CommandError(
                "Give an age, such as 180d, or write rules into EVENTLOG['RETENTION']."
            )
        compiled = compile_policy(policy)
        for warning in compiled.warnings:
            self.warn(warning)
        report = TerminalRetentionRun(self, compiled, options)
        if options["dry_run"]:
            self._report_actions(policy)
            report.count()
        else:
            report.apply(run_from_options(COMMAND, options))
            drop_counts_before()

    def _report_actions(self, policy: Policy) -> None:
        """Warn if an action of a rule matches no event, because it may be misspelled."""
        for rule in policy.rules:
            for pattern in rule.actions:
                if not self.store.exists(any_action_condition([pattern])):
                    self.warn(
                        f"rule {rule.number}: {pattern!r} matches no event.{_suggestion(pattern)}"
                    )

    # With an age

    def _prune(self, policy: Policy, options: dict[str, Any]) -> None:
        if options["recheck"]:
            raise CommandError(
                "Give --recheck without an age, because it is for the rules in "
                "EVENTLOG['RETENTION']."
            )
        if options["older_than"] < policy.minimum:
            raise CommandError(
                f"The age is less than the minimum in EVENTLOG['RETENTION'], which is "
                f"{age_text(policy.minimum)}. Nothing was changed."
            )
        before = timezone.now() - options["older_than"]
        old = Q(timestamp__lt=before)
        if options["action"]:
            old &= any_action_condition(options["action"])
        if options["requests"]:
            old &= Q(is_request=True)
        if options["events"]:
            old &= Q(is_request=False)
        if options["keep"]:
            old &= ~any_action_condition(options["keep"])
        found = QueryPlan() if options["search"] is None else self._plan(options["search"])
        hold = hold_condition(policy)
        plan = found
        if hold is not None:
            plan = found._replace(residual=found.residual & complement(Condition(hold)).q)
        self._report_patterns(options)
        if options["dry_run"]:
            count = self.store.count(old & plan.condition)
            self.stdout.write(f"{events_in_words(count)} would be deleted.")
        else:
            recorded = _recorded(options, before)
            with access.RecordedOperation(
                "prune", recorded, command=run_from_options(COMMAND, options)
            ) as pruning:
                has_conditions = hold is not None or any(map(options.get, CONDITIONS))
                if not has_conditions:
                    drop_old_months(before, self.store, pruning)
                for number in self.store.delete(old, plan, options["batch"], pruning.start):
                    pruning.count += number
                    time.sleep(options["pause"])
                if has_conditions:
                    deque(self.store.drop_months(before, only_empty=True), maxlen=0)
            drop_counts_before()
            if options["verbosity"]:
                self.stdout.write(f"{events_in_words(pruning.count)} deleted.")
        if hold is not None and (held := self.store.count(old & found.condition & hold)):
            self.stdout.write(f"{events_in_words(held)} under legal hold.")

    def _plan(self, text: str) -> QueryPlan:
        search = self.parse(text)
        if search.tree == And():  # such as an empty variable of a shell script
            raise CommandError("The search is empty. Leave out --search to delete all old events.")
        return search.plan

    def _report_patterns(self, options: dict[str, Any]) -> None:
        """Warn if a pattern matches no event of any age. In a dry run, count its old events."""
        for option in ("action", "keep"):
            for pattern in options[option] or ():
                found = any_action_condition([pattern])
                if not self.store.exists(found):
                    self.stderr.write(
                        f"--{option} {pattern!r} matches no event.{_suggestion(pattern)}"
                    )
                elif options["dry_run"]:
                    old = Q(timestamp__lt=timezone.now() - options["older_than"])
                    count = events_in_words(self.store.count(found & old))
                    self.stdout.write(f"--{option} {pattern!r} matches {count} of this age.")


def _recorded(options: dict[str, Any], before: datetime) -> dict[str, Any]:
    """Return the conditions that were given, for the event."""
    conditions = {name: options[name] for name in CONDITIONS if options[name]}
    return {"before": before.isoformat(), **conditions}


def _suggestion(pattern: str) -> str:
    names = known_actions()
    word = pattern.strip("*").casefold()
    close = [name for name in names if word and word in name.casefold()]
    close += get_close_matches(pattern, names, 3)
    return f" Did you mean {' or '.join(dict.fromkeys(close[:3]))}?" if close else ""
