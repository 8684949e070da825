"""Filters of the facts of a request, such as ``ip:``, ``path:`` and ``duration:``."""

import re
from functools import reduce
from http import HTTPStatus
from ipaddress import ip_network
from operator import or_

from django.db.models import Q
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

from ...metadata import correlation
from ...models.expressions import Fact, NumberFact
from . import patterns
from .condition import (
    MIN_FAILED_STATUS,
    NOTHING,
    Condition,
    IndexScan,
    InvalidTermError,
    any_of,
    failed_condition,
)
from .known_values import known_values
from .name_sources import current_name_source
from .networks import UnsupportedNetworkError, addresses_in, network_condition
from .numbers import comparison_condition, parse_number
from .spelling import choices_sentence, nearest_spelling
from .tree import Not, Term
from .valid_values import DEVICES, TRACE_ID

STATUSES = (*(f"{digit}xx" for digit in range(1, 6)), *(str(code.value) for code in HTTPStatus))
MAX_ADDRESSES = 100  # that are searched one by one
MAX_STATUS = 1000
MILLISECONDS = {"": 1, "ms": 1, "s": 1000, "min": 60_000}


def ip(value: str) -> Condition:
    """Find the events of an address or a network."""
    try:
        network = ip_network(value, strict=False)
        in_network, value_count = network_condition(network)
        is_listed = current_name_source() is None or network.num_addresses == 1
        addresses = addresses_in(network, MAX_ADDRESSES) if is_listed else None
    except UnsupportedNetworkError as error:
        raise InvalidTermError(str(error)) from error
    except ValueError as error:
        raise InvalidTermError(
            _(
                "%(value)r is not an address or a network."
                " Use a form such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."
            )
            % {"value": value}
        ) from error
    if addresses is None:
        return Condition(in_network, value_count=value_count)
    return any_of("ip", addresses)._replace(value_count=value_count)


def path(value: str) -> Condition:
    """Find a path that starts with ``value``, or matches it for ``*value*``."""
    return Condition(patterns.starts_with_condition(Fact("path"), value))


def status(value: str, operator: str = "") -> Condition:
    """Find a status code, a class of codes such as ``4xx``, or a range such as ``>=500``."""
    start, end = range_of_statuses(value, operator)
    if start < MIN_FAILED_STATUS or current_name_source() is not None:
        return Condition(Q(status__gte=start, status__lt=end))
    # The index has failed requests only, and serves only a query with its condition.
    branches = [
        Q(status=code) & failed_condition() for code in known_values("status", start, end, 100)
    ]
    found = reduce(or_, branches) if branches else NOTHING
    return Condition(found, IndexScan(found, branches or [NOTHING]), len(branches) or 1)


def range_of_statuses(value: str, operator: str) -> tuple[int, int]:
    """Return the first status, and one more than the last one."""
    if value.startswith("!"):
        raise InvalidTermError(
            _("Write a minus sign before the key to leave out a status."),
            Not(Term("status", value.lstrip("!="))),
        )
    if not re.fullmatch(r"[1-5](\d\d|xx)", value.lower(), re.ASCII):
        near = nearest_spelling(value, STATUSES)
        raise InvalidTermError(
            _("%(value)r is not a status. Use a code such as 404, or a class such as 4xx.")
            % {"value": value},
            Term("status", near, operator) if near else None,
        )
    first = int(value[0]) * 100
    is_class = value[1:].lower() == "xx"
    start, end = (first, first + 100) if is_class else (int(value), int(value) + 1)
    return {
        "": (start, end),
        ">": (end, MAX_STATUS),
        ">=": (start, MAX_STATUS),
        "<": (0, start),
        "<=": (0, end),
    }[operator]


def method(value: str) -> Condition:
    """Find a request method."""
    return Condition(Q(Exact(Fact("method"), value.upper())))


def device(value: str) -> Condition:
    """Find a kind of device."""
    if value.lower() not in DEVICES:
        near = nearest_spelling(value, DEVICES)
        raise InvalidTermError(
            _("Unknown device %(value)r. %(choices)s")
            % {"value": value, "choices": choices_sentence(DEVICES)},
            Term("device", near) if near else None,
        )
    return Condition(Q(Exact(Fact("device_type"), value.lower())))


def duration(value: str, operator: str = "") -> Condition:
    """Find requests that took longer or shorter, such as ``>500ms``, ``>=2s`` or ``<1min``."""
    return Condition(
        comparison_condition(NumberFact("duration_ms"), operator, milliseconds(value, operator))
    )


def milliseconds(value: str, operator: str) -> float:
    """Return the limit of a compared duration."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|min|)", value, re.ASCII)
    if match is None:
        raise InvalidTermError(
            _("%(value)r is not a duration. Use a number with ms, s or min, such as >500ms or >2s.")
            % {"value": value}
        )
    if not operator:
        raise InvalidTermError(
            _("A duration needs a comparison, such as duration:>500ms."),
            Term("duration", value, ">="),
        )
    return parse_number(match[1]) * MILLISECONDS[match[2]]


def view(value: str) -> Condition:
    """Find a view by name, or all views that match a pattern such as ``shop:*``."""
    return Condition(patterns.glob_condition(Fact("view"), value))


def route(value: str) -> Condition:
    """Find a URL pattern, or all that match a pattern."""
    return Condition(patterns.glob_condition(Fact("route"), value))


def exception(value: str) -> Condition:
    """Find the class name of an exception, in any case."""
    return Condition(patterns.glob_condition(Fact("exception"), value, any_case=True))


def browser(value: str) -> Condition:
    """Find a browser whose name starts with ``value``, in any case."""
    return Condition(patterns.starts_with_condition(Fact("browser"), value, any_case=True))


def system(value: str) -> Condition:
    """Find an operating system whose name starts with ``value``, in any case."""
    return Condition(patterns.starts_with_condition(Fact("os"), value, any_case=True))


def referer(value: str) -> Condition:
    """Find a part of the page that the visitor came from."""
    return Condition(patterns.contains_condition(Fact("referer"), value))


def reason(value: str) -> Condition:
    """Find a part of the reason, in any case."""
    return Condition(patterns.contains_condition(Fact("reason"), value, any_case=True))


def command(value: str) -> Condition:
    """Find a management command, or all that match a pattern."""
    return Condition(patterns.glob_condition(Fact("command"), value))


def query(value: str) -> Condition:
    """Find a part of the query string."""
    return Condition(patterns.contains_condition(Fact("query"), value))


def trace(value: str) -> Condition:
    """Find the events of a trace, by its ID or by a ``traceparent``."""
    return Condition(Q(Exact(Fact("trace_id"), trace_id_of(value))))


def trace_id_of(value: str) -> str:
    """Return the ID in ``value``, which may be a whole ``traceparent``."""
    text = value.lower()
    trace_id = correlation.trace_ids(text).get("trace_id", text)
    if not TRACE_ID.fullmatch(trace_id):
        raise InvalidTermError(
            _(
                "%(value)r is not a trace ID. Use the %(digits)d hexadecimal digits of the ID,"
                " or a whole traceparent."
            )
            % {"value": value, "digits": correlation.TRACE_ID_LENGTH}
        )
    return trace_id


def request(value: str) -> Condition:
    """Find the events of a request, by its ID."""
    return Condition(Q(Exact(Fact("request_id"), value)))
