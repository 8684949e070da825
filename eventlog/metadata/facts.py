"""Each fact of a request is one small reader, named as the key it is stored under.

A reader answers None for what is unknown, and then the key is absent.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, unquote

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from ..chance import generator
from ..conf import conf, once_per_value
from ..redaction import is_secret, redact_query, redact_url
from ..text import clean, header_text
from . import user_agent
from .captured import captured_in, without_secrets
from .client_ip import client_ip

Reader = Callable[[HttpRequest], str | None]

LONGEST_PATH = 2048
LONGEST_NAME = 255
OF_USER_AGENT = {"ua", "browser", "os", "device", "device_type"}
_HOST_AND_PATH = re.compile(r"//(?:[^/?#@]*@)?([^/?#]*)(/[^?#]*)")
_HOSTS = ("HTTP_HOST", "HTTP_X_FORWARDED_HOST", "SERVER_NAME")
_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


def method(request: HttpRequest) -> str | None:
    return clean(request.method, 32) if request.method else None


def path(request: HttpRequest) -> str:
    """The path, with what the URL pattern captures under a secret name masked."""
    match = request.resolver_match
    text = request.path
    # A redirect to the address with a slash, or to HTTPS, was answered before it was resolved.
    if match is None or any(map(is_secret, match.kwargs)):
        text = without_secrets(captured_in(request, request.path_info), text)
    # Mailers that encode too much make a path of the whole query.
    return clean(redact_url(text) if "=" in text else text, LONGEST_PATH)


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
    found = _HOST_AND_PATH.search(text)
    if found is None:
        return text
    path = unquote(found[2])
    within = path.removeprefix(request.META.get("SCRIPT_NAME") or "")
    masked = without_secrets(captured_in(request, within), path)
    # Whose it is takes longer to find out, and rarely matters.
    if masked == path or not _is_ours(found[1], request):
        return text
    return text[: found.start(2)] + quote(masked, safe="/*") + text[found.end(2) :]


def _is_ours(host: str, request: HttpRequest) -> bool:
    """Whether this site is known by that name: behind a proxy it has more than one."""
    name, _port = split_domain_port(host)
    if any(split_domain_port(request.META.get(key, ""))[0] == name for key in _HOSTS):
        return True
    return validate_host(name, [allowed for allowed in settings.ALLOWED_HOSTS if allowed != "*"])


def request_id(request: HttpRequest) -> str:
    """The id that the proxy gave the request, else one of our own: the same for all its events."""
    found: str | None = vars(request).get("_eventlog_request_id")
    if found is None:
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        own = f"{generator().getrandbits(128):032x}"
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
