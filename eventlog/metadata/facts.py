"""What is known of a request: small readers, each of facts that are found together.

What is unknown is absent.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from os import urandom
from typing import Any

from django.http import HttpRequest

from ..conf import FIELDS, conf, once_per_value
from ..redaction import is_secret, redact_query, redact_url
from ..reporting import report
from ..text import LONGEST_PATH, clean, header_text
from . import user_agent
from .captured import given_to_view, secret_ways, without_secrets
from .client_ip import client_ip
from .referer import referer

Facts = Mapping[str, Any]
Reader = Callable[[HttpRequest], Facts]

LONGEST_NAME = 255
_NOTHING: Facts = {}
_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


def address(request: HttpRequest) -> Facts:
    ip = client_ip(request)
    return _NOTHING if ip is None else {"ip": ip}


def method(request: HttpRequest) -> Facts:
    return {"method": clean(request.method, 32)} if request.method else _NOTHING


def path(request: HttpRequest) -> Facts:
    """The path, with what the URL pattern captures under a secret name masked."""
    match = request.resolver_match
    text = request.path
    # A redirect to the address with a slash, or to HTTPS, was answered before it was resolved.
    if match is None or any(map(is_secret, match.kwargs)):
        found = secret_ways(request).captured_in(request.path_info)
        text = without_secrets(given_to_view(request) | found, text)
    # Mailers that encode too much make a path of the whole query.
    return {"path": clean(redact_url(text) if "=" in text else text, LONGEST_PATH)}


def query(request: HttpRequest) -> Facts:
    sent: str | None = request.META.get("QUERY_STRING")
    return {"query": redact_query(header_text(sent, LONGEST_PATH))} if sent else _NOTHING


def place(request: HttpRequest) -> Facts:
    match = request.resolver_match
    return _NOTHING if match is None else _place(match.route, match.view_name)


@lru_cache(maxsize=1024)
def _place(route: str | None, view: str) -> Facts:
    view = clean(view, LONGEST_NAME)
    return {"route": clean(route, LONGEST_NAME), "view": view} if route else {"view": view}


def client(request: HttpRequest) -> Facts:
    sent: str | None = request.META.get("HTTP_USER_AGENT")
    # Cut before anything else: remembering and parsing cost by the length.
    return user_agent.parse(sent[: user_agent.LONGEST * 4]) if sent else _NOTHING


def link(request: HttpRequest) -> Facts:
    came_from = referer(request)
    return _NOTHING if came_from is None else {"referer": came_from}


def identity(request: HttpRequest) -> Facts:
    return {"request_id": request_id(request)}


def request_id(request: HttpRequest) -> str:
    """The id that the proxy gave the request, else one of our own: the same for all its events."""
    found: str | None = vars(request).get("_eventlog_request_id")
    if found is None:
        sent = request.META.get("HTTP_X_REQUEST_ID")
        # The kernel's: a site may seed Python's generator, and a fork would repeat one of ours.
        found = sent if sent and _REQUEST_ID.fullmatch(sent) else urandom(16).hex()
        request._eventlog_request_id = found  # type: ignore[attr-defined]
    return found


READERS: Mapping[Reader, Sequence[str]] = {
    address: ("ip",),
    method: ("method",),
    path: ("path",),
    query: ("query",),
    place: ("route", "view"),
    client: ("ua", "browser", "os", "device", "device_type"),
    link: ("referer",),
    identity: ("request_id",),
}
KEYS = frozenset(key for keys in READERS.values() for key in keys)


@once_per_value
def _readers(fields: Sequence[str]) -> Sequence[Reader]:
    return [read for read, keys in READERS.items() if not {*keys}.isdisjoint(fields)]


def prepare() -> None:
    """Load the patterns of user agents, which takes a fifth of a second, before anybody waits."""
    if client in _readers(conf.fields):
        user_agent.parse("-")


def describe(request: HttpRequest) -> dict[str, Any]:
    """Where an event comes from: those keys of ``FIELDS`` that the request itself answers."""
    facts: dict[str, Any] = {}
    for read in _readers(conf.fields):
        try:
            facts |= read(request)
        except Exception as error:  # noqa: BLE001 (a request of the site's own making)
            report(f"reading the {' and '.join(READERS[read])} of a request", error)
    return wanted(facts)


def wanted(facts: dict[str, Any]) -> dict[str, Any]:
    """Those of ``facts`` that ``FIELDS`` names."""
    fields = conf.fields
    if fields is FIELDS:
        return facts
    return {key: fact for key, fact in facts.items() if key in fields}
