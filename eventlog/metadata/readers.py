"""Readers of request fields. Each returns fields that are found together, without unknown ones."""

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

from django.http import HttpRequest

from ..records.redaction import mask_and_cut, redact_query, redact_url
from ..text import CUT, MAX_EXAMINED_LENGTH, MAX_PATH_LENGTH, cut, header_text, sanitize
from . import user_agent_loader
from .client_ip import client_ip
from .referer import referer
from .url_secrets import captures_secret, given_to_view, mask_values, secret_patterns

Facts = Mapping[str, Any]

MAX_METHOD_LENGTH = 32
MAX_NAME_LENGTH = 255
MAX_PRODUCT_LENGTH = 100
MAX_USER_AGENT_LENGTH = 512  # parsing time grows with the length, and real agents are shorter
MAX_UTF8_BYTES = 4  # per character
PREFIX_LENGTH = 16  # characters that identify a secret which is cut in two

_NOTHING: Facts = {}


def address(request: HttpRequest) -> Facts:
    """Return the address of the client."""
    ip = client_ip(request)
    return _NOTHING if ip is None else {"ip": ip}


def method(request: HttpRequest) -> Facts:
    """Return the HTTP method."""
    return {"method": sanitize(request.method, MAX_METHOD_LENGTH)} if request.method else _NOTHING


def path(request: HttpRequest) -> Facts:
    """Return the path, with the values that the URL pattern captures under secret names masked."""
    # One more character than is examined tells mask_and_cut() that the path was longer.
    text = cut(sanitize(request.path, MAX_EXAMINED_LENGTH + 2), MAX_EXAMINED_LENGTH + 1)
    # CommonMiddleware and SecurityMiddleware redirect before the URL is resolved.
    if request.resolver_match is None or captures_secret(request):
        text = _mask_captured(request, text)
    # Some mail clients percent-encode the whole URL, so the query ends up in the path.
    return {"path": mask_and_cut(redact_url, text, MAX_PATH_LENGTH)}


def _mask_captured(request: HttpRequest, text: str) -> str:
    """Return the path ``text`` with the values masked that a secret parameter captures."""
    # Both texts end at the same character, because secrets of one are looked up in the other.
    prefix = len(request.path) - len(request.path_info)
    path_info = cut(request.path_info, max(1, MAX_EXAMINED_LENGTH - prefix))
    found = secret_patterns(request).captured_in(path_info)
    given = given_to_view(request)
    if not found and not given:  # as in most requests
        return text
    reached = path_info[:MAX_PATH_LENGTH] if len(path_info) > MAX_PATH_LENGTH else ""
    cut_secrets = [secret for secret in found if reached.endswith(secret)]
    return mask_values(found | _as_cut(given, text) | _to_the_end(cut_secrets, text), text)


def _as_cut(secrets: frozenset[str], text: str) -> frozenset[str]:
    """Return ``secrets``, and the beginnings of long secrets that ``text`` ends with."""
    if not text.endswith(CUT):
        return secrets
    text = text.removesuffix(CUT)
    long = [secret for secret in secrets if len(secret) > PREFIX_LENGTH]
    starts = [text.rfind(secret[:PREFIX_LENGTH]) for secret in long]
    return secrets | {text[start:] for start in starts if start >= 0}


def _to_the_end(secrets: Iterable[str], text: str) -> frozenset[str]:
    """Return the rest of ``text`` from each secret on, because only its beginning was examined."""
    starts = [text.find(secret) for secret in secrets]
    return frozenset(text[start:] for start in starts if start >= 0)


def query(request: HttpRequest) -> Facts:
    """Return the query string, with its secrets masked."""
    sent: str | None = request.META.get("QUERY_STRING")
    if not sent:
        return _NOTHING
    text = header_text(sent, MAX_EXAMINED_LENGTH + 1)
    # The path may show that "code" and "state" belong to an OAuth response.
    mask = partial(redact_query, path=request.path[:MAX_PATH_LENGTH])
    return {"query": mask_and_cut(mask, text, MAX_PATH_LENGTH)}


def route_and_view(request: HttpRequest) -> Facts:
    """Return the URL pattern and the view's name."""
    match = request.resolver_match
    return _NOTHING if match is None else _route_and_view(match.route, match.view_name)


@lru_cache(maxsize=1024)
def _route_and_view(route: str | None, view: str) -> Facts:
    view = sanitize(view, MAX_NAME_LENGTH)
    return {"route": sanitize(route, MAX_NAME_LENGTH), "view": view} if route else {"view": view}


def client(request: HttpRequest) -> Facts:
    """Return the user agent and what it says of the client."""
    sent: str | None = request.META.get("HTTP_USER_AGENT")
    # The header is cut first, because the cost of caching and parsing grows with its length.
    limit = MAX_USER_AGENT_LENGTH * MAX_UTF8_BYTES
    return user_agent_loader.parse_user_agent(sent[:limit]) if sent else _NOTHING


def referrer(request: HttpRequest) -> Facts:
    """Return the page that the visitor came from."""
    page = referer(request)
    return _NOTHING if page is None else {"referer": page}
