"""The one door to ``settings.EVENTLOG``: a property for each key, read live.

``override_settings`` needs no reset code here, and nothing is read at import.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_script_prefix

V = TypeVar("V")
R = TypeVar("R")

_UNSET: Mapping[str, Any] = {}
_NOTHING: tuple[str, ...] = ()

FIELDS = (
    "ip",
    "method",
    "path",
    "query",
    "route",
    "view",
    "status",
    "duration_ms",
    "ua",
    "browser",
    "os",
    "device",
    "device_type",
    "referer",
    "request_id",
    "exception",
)
PROXY_HEADERS = ("X-Forwarded-For", "Forwarded")


class Misconfigured(ImproperlyConfigured):
    """A wrong value in ``settings.EVENTLOG``: what it is, how to mend it, and the check's id."""

    def __init__(self, message: str, hint: str, check_id: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint
        self.check_id = check_id


class Conf:
    """``settings.EVENTLOG``, typed. A key that is absent has its default."""

    def _get(self, key: str, default: Any) -> Any:
        return getattr(settings, "EVENTLOG", _UNSET).get(key, default)

    @property
    def backend(self) -> str:
        """Dotted path of the class that takes the events."""
        path: str = self._get("BACKEND", "eventlog.backends.database.DatabaseBackend")
        return path

    @property
    def options(self) -> Mapping[str, Any]:
        """Keyword arguments of that class."""
        options: Mapping[str, Any] = self._get("OPTIONS", _UNSET)
        return options

    @property
    def requests(self) -> Sequence[Mapping[str, Any]]:
        """Rules that say which requests are recorded; the first that matches decides."""
        rules: Sequence[Mapping[str, Any]] | None = self._get("REQUESTS", None)
        return _all_but_files(_url("STATIC_URL"), _url("MEDIA_URL")) if rules is None else rules

    @property
    def fields(self) -> Sequence[str]:
        """Which facts of a request are recorded."""
        fields: Sequence[str] = self._get("FIELDS", FIELDS)
        return fields

    @property
    def trusted_proxies(self) -> Sequence[str] | int:
        """Addresses, networks, ``"unix"`` or a number of hops whose forwarding header counts."""
        proxies: Sequence[str] | int = self._get("TRUSTED_PROXIES", _NOTHING)
        return proxies

    @property
    def proxy_headers(self) -> Sequence[str]:
        """Headers in which those proxies name the client; the first that is present counts."""
        headers: Sequence[str] = self._get("PROXY_HEADERS", PROXY_HEADERS)
        return headers

    @property
    def anonymize_ip(self) -> bool:
        """Keep only the /24 of an IPv4 and the /48 of an IPv6 address."""
        return bool(self._get("ANONYMIZE_IP", False))

    @property
    def redact(self) -> Sequence[str]:
        """Parts of names whose values are masked, beside the built-in ones."""
        names: Sequence[str] = self._get("REDACT", _NOTHING)
        return names

    @property
    def enrich(self) -> bool:
        """Whether ``log()`` inside a request also records where it came from."""
        return bool(self._get("ENRICH", True))


conf = Conf()

KEYS = tuple(name.upper() for name, value in vars(Conf).items() if isinstance(value, property))


def _url(name: str) -> str | None:
    """As it is set. Django makes the prefix of the site of an empty one, which is every page's."""
    url: str | None = getattr(settings._wrapped, name, None)  # type: ignore[misc]
    if not url or url.startswith(("/", "http:", "https:")):
        return url
    return get_script_prefix() + url


@lru_cache(maxsize=8)
def _all_but_files(*urls: str | None) -> Sequence[Mapping[str, Any]]:
    """The default rules: one object for the same URLs, so that they are compiled once."""
    prefixes = [url for url in urls if url and url.startswith("/") and url != "/"]
    return (*({"path": "^" + re.escape(url), "log": False} for url in prefixes), {})


class once_per_value(Generic[V, R]):  # noqa: N801 (a decorator)
    """Build what follows from a setting once for as long as the setting is the same object.

    ``override_settings`` brings a new object, so nothing has to be reset. Only the newest result
    is kept.
    """

    def __init__(self, build: Callable[[V], R]) -> None:
        self._build = build
        self._last: tuple[V, R] | None = None

    def __call__(self, value: V) -> R:
        last = self._last  # one read: another thread may replace it meanwhile
        if last is not None and last[0] is value:
            return last[1]
        result = self._build(value)
        self._last = (value, result)
        return result
