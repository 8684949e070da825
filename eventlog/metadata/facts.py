"""Each fact of a request is one small reader, named as the key it is stored under.

A reader answers None for what is unknown, and then the key is absent.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver
from django.utils.translation import get_language

from ..conf import conf, once_per_value
from ..redaction import MASK, is_secret, redact_query, redact_url
from ..text import clean, header_text
from . import user_agent
from .client_ip import client_ip

Reader = Callable[[HttpRequest], str | None]

LONGEST_PATH = 2048
LONGEST_NAME = 255
OF_USER_AGENT = {"ua", "browser", "os", "device", "device_type"}
SHORTEST_PART = 4  # characters of a secret that is masked wherever it stands
_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


def method(request: HttpRequest) -> str | None:
    return clean(request.method, 32) if request.method else None


def path(request: HttpRequest) -> str:
    """The path, with what the URL pattern captures under a secret name masked."""
    match = request.resolver_match
    # A redirect to the address with a slash, or to HTTPS, was answered before it was resolved.
    captured = _captured(request, request.path_info) if match is None else match.kwargs.items()
    return clean(_without(captured, request.path), LONGEST_PATH)


Captured = Iterable[tuple[str, Any]]


def _captured(request: HttpRequest, path: str) -> Captured:
    urlconf = getattr(request, "urlconf", None) or settings.ROOT_URLCONF
    with suppress(Exception):  # that of a converter of the site's own
        return _captured_in(path, urlconf, tuple(conf.redact), get_language())
    return ()


@lru_cache(maxsize=1024)
def _captured_in(path: str, urlconf: Any, redacted: Any, language: str | None) -> Captured:
    """What a URL pattern captures in ``path``, or would with a slash at its end."""
    for way in _secret_ways(urlconf, redacted):
        for address in (path,) if path.endswith("/") else (path, path + "/"):
            captured, rest = [], address
            for pattern in way:
                if not (found := pattern.match(rest)):
                    break
                rest, _, named = found
                captured += named.items()
            else:
                return captured
    return ()


@lru_cache(maxsize=8)
def _secret_ways(urlconf: Any, redacted: Any) -> Sequence[Sequence[Any]]:
    """The ways through the URL patterns on which something has a secret name: few of many."""
    return list(_ways(get_resolver(urlconf), ()))


def _ways(resolver: URLResolver, before: Sequence[Any]) -> Iterator[Sequence[Any]]:
    before = (*before, resolver.pattern)
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _ways(each, before)
        else:
            way = (*before, each.pattern)
            if any(is_secret(name) for pattern in way for name in pattern.regex.groupindex):
                yield way


def _without(captured: Captured, text: str) -> str:
    for name, value in captured:
        secret = str(value)
        if secret and is_secret(name):
            # A converter may have changed it: an int has lost its leading zeros.
            text = re.sub(
                rf"(?<=[/=]){'0*' + secret if secret.isdigit() else re.escape(secret)}"
                r"(?=[/?&#]|$)",
                MASK,
                text,
            )
            if len(secret) >= SHORTEST_PART:
                text = text.replace(secret, MASK).replace(quote(secret), MASK)
    return text


def query(request: HttpRequest) -> str | None:
    text: str = request.META.get("QUERY_STRING", "")
    return redact_query(header_text(text, LONGEST_PATH)) if text else None


def route(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return clean(match.route, LONGEST_NAME) if match is not None and match.route else None


def view(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return clean(match.view_name, LONGEST_NAME) if match is not None else None


def ua(request: HttpRequest) -> str | None:
    return client.ua if (client := _client(request)) else None


def browser(request: HttpRequest) -> str | None:
    return client.browser if (client := _client(request)) else None


def os(request: HttpRequest) -> str | None:
    return client.os if (client := _client(request)) else None


def device(request: HttpRequest) -> str | None:
    return client.device if (client := _client(request)) else None


def device_type(request: HttpRequest) -> str | None:
    return client.device_type if (client := _client(request)) else None


def _client(request: HttpRequest) -> user_agent.Client | None:
    sent: str | None = request.META.get("HTTP_USER_AGENT")
    # Cut before anything else: remembering and parsing cost by the length.
    return user_agent.parse(sent[: user_agent.LONGEST * 4]) if sent else None


def referer(request: HttpRequest) -> str | None:
    text: str = request.META.get("HTTP_REFERER", "")
    if not text:
        return None
    text = redact_url(header_text(text, LONGEST_PATH))
    host = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
    _, here, rest = text.partition(f"//{host}/")
    if not here:
        return text
    path = "/" + re.split("[?#]", rest, maxsplit=1)[0]
    within = unquote(path.removeprefix(request.META.get("SCRIPT_NAME") or ""))
    return _without(_captured(request, within), text)


def request_id(request: HttpRequest) -> str:
    """The id that the proxy gave the request, else one of our own: the same for all its events."""
    found: str | None = vars(request).get("_eventlog_request_id")
    if found is None:
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        # Nothing hangs on guessing it, so it need not be costly.
        own = f"{random.getrandbits(128):032x}"
        found = sent if _REQUEST_ID.fullmatch(sent) else own
        request._eventlog_request_id = found  # type: ignore[attr-defined]
    return found


READERS: dict[str, Reader] = {
    "ip": client_ip,
    "method": method,
    "path": path,
    "query": query,
    "route": route,
    "view": view,
    "ua": ua,
    "browser": browser,
    "os": os,
    "device": device,
    "device_type": device_type,
    "referer": referer,
    "request_id": request_id,
}


def prepare() -> None:
    """Load the patterns of user agents, which takes a fifth of a second, before anybody waits."""
    if OF_USER_AGENT & {*conf.fields}:
        user_agent.parse("-")


@once_per_value
def _wanted(fields: Sequence[str]) -> Sequence[tuple[str, Reader]]:
    return [(key, READERS[key]) for key in fields if key in READERS]


def describe(request: HttpRequest) -> dict[str, Any]:
    """Where an event comes from: those keys of ``FIELDS`` that the request itself answers."""
    return {key: fact for key, read in _wanted(conf.fields) if (fact := read(request)) is not None}
