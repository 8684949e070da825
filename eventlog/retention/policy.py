"""``EVENTLOG["RETENTION"]`` as a value."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

from ..conf import Misconfigured, conf, once_per_settings
from ..review.search.query import InvalidSearch
from .ages import age_text, parse_age
from .searches import validate_search

Step = Literal["delete", "anonymize"]

RULE_KEYS = ("action", "search", "keep", "anonymize")
KEYS = ("rules", "minimum", "hold")
FOREVER = "forever"
NAME = "EVENTLOG['RETENTION']"


class RetentionRule(NamedTuple):
    """The events that meet the conditions, and the ages at which they are changed."""

    number: int  # from 1 on
    actions: Sequence[str] = ()
    search: str = ""
    keep: timedelta | None = None  # None: forever
    anonymize: timedelta | None = None

    def __str__(self) -> str:
        conditions = [f"action {', '.join(self.actions)}"] if self.actions else []
        conditions += [f"search {self.search}"] if self.search else []
        return f"rule {self.number} ({', '.join(conditions) or 'all other events'})"

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions that are set, for the event of a run."""
        found = {"action": [*self.actions], "search": self.search}
        return {key: value for key, value in found.items() if value}

    @property
    def ages(self) -> list[timedelta]:
        """The ages at which an event is changed."""
        return [age for age in (self.anonymize, self.keep) if age is not None]

    def step(self, age: timedelta) -> Step | None:
        """Return what is done with an event of this age."""
        if self.keep is not None and self.keep <= age:
            return "delete"
        return "anonymize" if self.anonymize is not None and self.anonymize <= age else None


class Policy(NamedTuple):
    """The rules, the first of which that matches applies, and what restricts them."""

    rules: Sequence[RetentionRule] = ()
    minimum: timedelta = timedelta()
    holds: Sequence[str] = ()
    """Searches for events under legal hold."""

    @property
    def keeps_nothing_after(self) -> timedelta | None:
        """The age from which on every event is deleted; None if some events are kept."""
        ages: list[timedelta] = []
        for rule in () if self.holds else self.rules:
            if rule.keep is None:
                return None
            ages.append(rule.keep)
            if not rule.conditions:
                return max(ages)
        return None


@once_per_settings
def current_policy() -> Policy:
    """Return the policy of the settings. Raise ``Misconfigured`` if it is not valid."""
    policy, errors = read_policy(conf.retention)
    if errors:
        raise errors[0]
    return policy


def read_policy(setting: Any) -> tuple[Policy, list[Misconfigured]]:
    """Return the policy without its wrong parts, and a problem for each of these."""
    errors: list[Misconfigured] = []
    if not isinstance(setting, Mapping):
        setting, where = {"rules": setting}, NAME
    else:
        where = f"{NAME}['rules']"
        errors += _unknown(NAME, setting, KEYS)
    policy = Policy()
    try:
        policy = policy._replace(minimum=_minimum(setting))
    except Misconfigured as error:
        errors.append(error)
    try:
        policy = policy._replace(holds=_holds(setting))
    except Misconfigured as error:
        errors.append(error)
    raw, rules = setting.get("rules", ()), []
    if not isinstance(raw, list | tuple):
        return policy, [*errors, _error(f"{where} is {raw!r:.100}.", "Set it to a list of rules.")]
    for number, each in enumerate(raw, 1):
        try:
            rules.append(_rule(number, each, f"{where}[{number - 1}]", policy.minimum))
        except Misconfigured as error:
            errors.append(error)
    return policy._replace(rules=tuple(rules)), errors


def _minimum(setting: Mapping[str, Any]) -> timedelta:
    raw = setting.get("minimum")
    return timedelta() if raw is None else _age(raw, f"{NAME}['minimum']")


def _holds(setting: Mapping[str, Any]) -> Sequence[str]:
    raw, where = setting.get("hold", ()), f"{NAME}['hold']"
    searches = (raw,) if isinstance(raw, str) else raw
    if not _are_texts(searches):
        raise _error(f"{where} is {raw!r:.100}.", "Set it to a search, or to a list of searches.")
    for search in searches:
        _check_search(search, where)
    return tuple(searches)


def _rule(number: int, raw: Any, where: str, minimum: timedelta) -> RetentionRule:
    if not isinstance(raw, Mapping):
        raise _error(
            f"{where} is {raw!r:.100}.",
            "Set it to a dict such as {'action': 'GET_*', 'keep': '30d'}.",
        )
    for error in _unknown(where, raw, RULE_KEYS):
        raise error
    rule = RetentionRule(
        number,
        _actions(raw["action"], where) if "action" in raw else (),
        _search(raw.get("search"), where),
        None if raw.get("keep") in (None, FOREVER) else _age(raw["keep"], f"{where}['keep']"),
        _age(raw["anonymize"], f"{where}['anonymize']") if "anonymize" in raw else None,
    )
    if not rule.ages and raw.get("keep") != FOREVER:
        hint = "Add 'keep' or 'anonymize' with an age such as '30d', or 'keep': 'forever'."
        raise _error(f"{where} does not say what happens to its events.", hint, "eventlog.E060")
    if rule.ages and min(rule.ages) < minimum:
        raise _error(
            f"{where} changes events at an age of {age_text(min(rule.ages))}, but the minimum is "
            f"{age_text(minimum)}.",
            "Use a greater age, or lower the minimum.",
            "eventlog.E060",
        )
    if rule.keep is not None and rule.anonymize is not None and rule.keep <= rule.anonymize:
        raise _error(
            f"{where} deletes events before it would anonymize them.",
            "Remove 'anonymize', or keep the events for longer.",
            "eventlog.E060",
        )
    return rule


def _actions(raw: Any, where: str) -> Sequence[str]:
    names = (raw,) if isinstance(raw, str) else raw
    # A rule with an empty list would apply to every event.
    if not _are_texts(names) or not names or any("*" in name[:-1] or not name for name in names):
        raise _error(
            f"{where}['action'] is {raw!r:.100}.",
            "Use an action or a list of actions. A '*' may only be the last character, as in "
            "'GET_*'.",
        )
    return tuple(names)


def _search(raw: Any, where: str) -> str:
    if raw is None:
        return ""
    if not isinstance(raw, str):
        raise _error(f"{where}['search'] is {raw!r:.100}.", "Use a search, such as 'is:request'.")
    _check_search(raw, f"{where}['search']")
    return raw


def _check_search(search: str, where: str) -> None:
    try:
        validate_search(search)
    except InvalidSearch as error:
        hint = "Try the search in the list of events."
        raise _error(f"{where} is {search!r:.100}. {error}", hint, "eventlog.E061") from error


def _age(raw: Any, where: str) -> timedelta:
    try:
        return parse_age(raw)
    except ValueError as error:
        hint = "Use an age such as '48h', '180d' or '52w'."
        raise _error(f"{where} is {raw!r:.100}.", hint, "eventlog.E060") from error


def _are_texts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(each, str) for each in values)


def _unknown(where: str, raw: Mapping[str, Any], known: Sequence[str]) -> Iterator[Misconfigured]:
    for key in raw:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(known)}."
            yield _error(f"{where} has the unknown key {key!r}.", hint, "eventlog.E001")


def _error(message: str, hint: str, check_id: str = "eventlog.E002") -> Misconfigured:
    return Misconfigured(message, hint, check_id)
