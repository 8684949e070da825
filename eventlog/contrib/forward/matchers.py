"""The terms of a search as functions of an event, with the same meaning as in the database."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network

from django.apps import apps
from django.contrib.auth import get_user_model

from ...changes import KEY as CHANGES
from ...records.user_state import UserState
from ...review.chosen_columns import value_under
from ...review.search import patterns
from ...review.search.condition import InvalidTermError
from ...review.search.event_filters import EXTRA, HAS, KINDS, keys_of
from ...review.search.filters import checked_filter
from ...review.search.networks import network_condition
from ...review.search.numbers import parse_number
from ...review.search.reference_filters import ANONYMOUS, in_any_case
from ...review.search.request_filters import (
    milliseconds,
    range_of_statuses,
    trace_id_of,
)
from ...review.search.spelling import choices_sentence
from ...review.search.tree import Term
from ...review.search.valid_values import DEVICES
from .comparisons import (
    Matcher,
    fact_pattern_builder,
    number_matcher,
    pattern_matcher,
    text_as_compared,
)
from .event import Event

REFUSED = {
    "": "The meaning of a word depends on the users and actions in the database. Write a key, "
    "such as action: or path:.",
    **dict.fromkeys(
        ("last", "from", "to", "at"),
        "A target gets each event once, soon after it happened. Remove the period.",
    ),
}


def matcher_of(term: Term) -> Matcher:
    """Return the function that decides a term. Raise ``InvalidTermError`` if there is none."""
    if (reason := REFUSED.get(term.key)) is not None:
        raise InvalidTermError(reason)
    is_compared = checked_filter(term).is_compared
    if term.key.startswith(EXTRA):
        return _extra(term.key, term.value, term.operator)
    build = MATCHERS[term.key]
    return build(term.value, term.operator) if is_compared else build(term.value)


def _action(value: str) -> Matcher:
    pattern = value.casefold()
    return lambda event: patterns.matches(pattern, event.record.action.casefold())


def _status(value: str, operator: str) -> Matcher:
    statuses = range(*range_of_statuses(value, operator))
    return lambda event: event.record.status in statuses


def _duration(value: str, operator: str) -> Matcher:
    return number_matcher(
        lambda event: event.facts.get("duration_ms"), operator, value, milliseconds
    )


def _method(value: str) -> Matcher:
    method = value.upper()
    return lambda event: event.facts.get("method") == method


def _device(value: str) -> Matcher:
    device = value.lower()
    if device not in DEVICES:
        raise InvalidTermError(f"Unknown device {value!r}. {choices_sentence(DEVICES)}")
    return lambda event: event.facts.get("device_type") == device


def _request(value: str) -> Matcher:
    return lambda event: text_as_compared(event.facts.get("request_id")) == value


def _trace(value: str) -> Matcher:
    trace_id = trace_id_of(value)
    return lambda event: event.facts.get("trace_id") == trace_id


def _ip(value: str) -> Matcher:
    try:
        network = ip_network(value, strict=False)
        network_condition(network)  # refuses the networks that the database cannot find
    except ValueError as error:
        raise InvalidTermError(f"{value!r} is not an address or a network: {error}") from error

    def matches(event: Event) -> bool:
        try:
            return event.record.ip is not None and ip_address(event.record.ip) in network
        except ValueError:
            return False

    return matches


def _user(value: str) -> Matcher:
    if value.lower() == ANONYMOUS:
        return IS["anonymous"]
    users = get_user_model()
    if "@" in value and getattr(users, "EMAIL_FIELD", "") != users.USERNAME_FIELD:
        raise InvalidTermError("Events do not have the e-mail address. Use the username.")
    names = in_any_case(value)
    return lambda event: (
        event.record.user_repr in names or text_as_compared(event.record.user_id) == value
    )


def _acting_user(value: str) -> Matcher:
    names = in_any_case(value)
    return lambda event: (
        event.facts.get("acting_user") in names
        or text_as_compared(event.facts.get("acting_user_id")) == value
    )


def _obj(value: str) -> Matcher:
    label, _, key = value.partition(":")
    try:
        options = apps.get_model(label)._meta
    except (LookupError, ValueError) as error:
        raise InvalidTermError(
            f"Unknown object type {label!r}. Use app.model:key, such as shop.order:7."
        ) from error
    # Like content types, a proxy counts as its concrete model.
    model = (options.concrete_model or options.model)._meta.label_lower
    return lambda event: (
        event.record.model == model and (not key or text_as_compared(event.record.object_id) == key)
    )


def _has_user(event: Event) -> bool:
    return event.record.user_id is not None or event.record.user_repr != ""


IS: Mapping[str, Matcher] = {
    "user": _has_user,
    "anonymous": lambda event: event.record.user_state == UserState.ANONYMOUS,
    "unknown": lambda event: event.record.user_state == UserState.UNKNOWN,
    "bot": lambda event: event.facts.get("device_type") == "bot",
    "human": lambda event: event.facts.get("device_type") in {*DEVICES} - {"bot"},
    "request": lambda event: event.record.is_request,
    "event": lambda event: not event.record.is_request,
}
_changes_of = value_under([CHANGES])
HAS_COLUMN: Mapping[str, Matcher] = {
    "user": _has_user,
    "object": lambda event: event.record.object_id is not None,
    "ip": lambda event: event.record.ip is not None,
    "status": lambda event: event.record.status is not None,
    "changes": lambda event: _changes_of(event) is not None,
}


def _is(value: str) -> Matcher:
    if value.lower() not in IS:
        raise InvalidTermError(f"Unknown kind {value!r}. {choices_sentence(KINDS)}")
    return IS[value.lower()]


def _has(value: str) -> Matcher:
    if value.startswith(EXTRA):
        get = value_under(keys_of(value))
        return lambda event: get(event) is not None
    name = value.lower()
    if name not in HAS:
        raise InvalidTermError(
            f"Unknown field {value!r}. {choices_sentence([*HAS, f'{EXTRA}NAME'])}"
        )
    fact = HAS[name]
    return HAS_COLUMN[name] if fact is None else lambda event: event.facts.get(fact) is not None


def _changed(value: str) -> Matcher:
    get = value_under([CHANGES, value])
    return lambda event: get(event) is not None


def _extra(name: str, value: str, operator: str) -> Matcher:
    get = value_under(keys_of(name))
    if operator:
        return number_matcher(get, operator, value, lambda text, _: parse_number(text))
    if "*" in value:
        return pattern_matcher(lambda event: text_as_compared(get(event)), value)
    return lambda event: text_as_compared(get(event)) == value


MATCHERS: Mapping[str, Callable[..., Matcher]] = {
    "user": _user,
    "acting_user": _acting_user,
    "reason": fact_pattern_builder("reason", patterns.part_pattern, any_case=True),
    "command": fact_pattern_builder("command"),
    "ip": _ip,
    "action": _action,
    "obj": _obj,
    "status": _status,
    "duration": _duration,
    "path": fact_pattern_builder("path", patterns.start_pattern),
    "query": fact_pattern_builder("query", patterns.part_pattern),
    "method": _method,
    "view": fact_pattern_builder("view"),
    "route": fact_pattern_builder("route"),
    "exception": fact_pattern_builder("exception", any_case=True),
    "referer": fact_pattern_builder("referer", patterns.part_pattern),
    "device": _device,
    "browser": fact_pattern_builder("browser", patterns.start_pattern, any_case=True),
    "os": fact_pattern_builder("os", patterns.start_pattern, any_case=True),
    "is": _is,
    "has": _has,
    "changed": _changed,
    "request": _request,
    "trace": _trace,
}
