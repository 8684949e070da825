"""The facts of a recorded request, read by the same code as the facts of a current request."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import ResolverMatch, resolve
from django.utils.translation import get_language_from_path, override

from ...conf import conf
from ...metadata import readers
from ...metadata.client_ip import trusted_proxies
from ...middleware.rules.rule import Rule
from ...text import MAX_PATH_LENGTH, cut

_FACTS_OF_REQUEST = (readers.method, readers.path, readers.query, readers.route_and_view)
_FACTS_OF_CLIENT = (readers.client, readers.referrer)
_DEFAULT_RULE = Rule()


def request_of(
    path: str,
    method: str = "",
    *,
    query: str = "",
    user_agent: str = "",
    referer: str = "",
    host: str = "",
) -> HttpRequest:
    """Return a request with these values. Its view is the one that answers the path today."""
    request = HttpRequest()
    request.path = request.path_info = path
    request.method = method or None
    sent = {
        "QUERY_STRING": query,
        "HTTP_USER_AGENT": user_agent,
        "HTTP_REFERER": referer,
        "HTTP_HOST": host,
    }
    request.META = {name: value for name, value in sent.items() if value}
    if path:
        request.resolver_match = _match(path[:MAX_PATH_LENGTH], settings.ROOT_URLCONF)
    return request


def action_of(request: HttpRequest) -> str:
    """Return the action that the middleware gives to a request without a rule of the site."""
    return _DEFAULT_RULE.action(request, None)


def facts_of(request: HttpRequest) -> dict[str, Any]:
    """Return the facts of a request, masked, under the names that the middleware uses."""
    facts: dict[str, Any] = {}
    for read in _FACTS_OF_REQUEST if request.path else ():
        facts |= read(request)
    for read in _FACTS_OF_CLIENT:
        facts |= read(request)
    return facts


@lru_cache(maxsize=4096)
def _match(path: str, urlconf: str) -> ResolverMatch | None:
    """Return the view of a path, also if the path begins with another language."""
    try:
        return resolve(path, urlconf)
    except Exception:  # noqa: BLE001 (Resolver404, or an error in a converter of the site)
        language = get_language_from_path(path)
    if language is None:
        return None
    try:
        with override(language):
            return resolve(path, urlconf)
    except Exception:  # noqa: BLE001 (as above)
        return None


def address_of(recorded: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the address as a fact, and text that is not an address as a value for ``extra``.

    Packages that read a forwarding header may have recorded the addresses of all proxies. The
    client is then the last one that is not a trusted proxy.
    """
    if not recorded:
        return {}, {}
    ip = _client(recorded)
    return ({"ip": ip}, {}) if ip else ({}, {"remote_ip": cut(recorded, MAX_PATH_LENGTH)})


def _client(recorded: str) -> str | None:
    proxies, anonymize = trusted_proxies(), bool(conf.anonymize_ip)
    before, _, last = recorded.strip().rpartition(",")
    if before and isinstance(conf.trusted_proxies, int):  # a number of hops
        return proxies.client_of("", recorded, anonymize)
    return proxies.client_of(last.strip(), before or None, anonymize)
