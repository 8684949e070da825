"""The one door to ``settings.EVENTLOG``: an attribute for each key.

Nothing is read at import. Asking Django for a setting takes longer than much of what is done with
it, so each is read once, and again when the setting has changed: ``override_settings`` says so, and
whatever begins an event looks for whoever does not (``follow()``).
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Generic, Self, TypeVar, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

V = TypeVar("V")
R = TypeVar("R")

_UNSET: Mapping[str, Any] = {}

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


class Misconfigured(ImproperlyConfigured):
    """A wrong value in ``settings.EVENTLOG``: what it is, how to mend it, and the check's id."""

    def __init__(self, message: str, hint: str, check_id: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint
        self.check_id = check_id


def _raw() -> Mapping[str, Any]:
    raw: Mapping[str, Any] = getattr(settings, "EVENTLOG", _UNSET)
    return raw


def _file_urls() -> Sequence[str]:
    # Of an empty one Django makes the prefix of the site, which is every page's.
    raw: Any = settings._wrapped  # type: ignore[misc]
    urls = (getattr(raw, name, None) for name in ("STATIC_URL", "MEDIA_URL"))
    return tuple(url for url in urls if url)


class Once(Generic[V]):
    """An attribute that is found out when somebody asks for it, and then stays."""

    def __init__(self, find: Callable[[], V], doc: str) -> None:
        self._find = find
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: object, owner: type) -> Self | V:
        if instance is None:
            return self
        # Taken before it is found out: what another thread makes obsolete meanwhile goes with it.
        known = vars(instance)
        value = known[self._name] = self._find()
        return value


class Setting(Once[V]):
    """One key of ``settings.EVENTLOG``, under its own name; absent, it has its default."""

    def __init__(self, default: V, doc: str) -> None:
        super().__init__(lambda: _raw().get(self.key, default), doc)

    @property
    def key(self) -> str:
        return self._name.upper()


class Conf:
    """``settings.EVENTLOG``, typed."""

    _seen: Mapping[str, Any] | None = None

    backend = Setting(
        "eventlog.backends.database.DatabaseBackend",
        "Dotted path of the class that takes the events.",
    )
    options: Setting[Mapping[str, Any]] = Setting(_UNSET, "Keyword arguments of that class.")
    requests: Setting[Sequence[Mapping[str, Any]] | None] = Setting(
        None,
        "Rules that say which requests are recorded; the first that matches decides. "
        "None: all but those for static and media files.",
    )
    fields: Setting[Sequence[str]] = Setting(FIELDS, "Which facts of a request are recorded.")
    trusted_proxies: Setting[Sequence[str] | int] = Setting(
        (),
        'Addresses, networks, "unix" or a number of hops whose forwarding header counts.',
    )
    proxy_headers: Setting[Sequence[str]] = Setting(
        ("X-Forwarded-For", "Forwarded"),
        "Headers in which those proxies name the client; the first that is present counts.",
    )
    anonymize_ip = Setting(False, "Keep only the /24 of an IPv4 and the /48 of an IPv6 address.")
    redact: Setting[Sequence[str]] = Setting(
        (), "Parts of names whose values are masked, beside the built-in ones."
    )
    enrich = Setting(True, "Whether log() inside a request also records where it came from.")

    file_urls = Once(_file_urls, "``STATIC_URL`` and ``MEDIA_URL`` as they are set, if they are.")

    def follow(self) -> None:
        """Read anew if ``settings.EVENTLOG`` has changed, which nobody may have told us."""
        raw = _raw()
        if raw != self._seen:
            self.__dict__ = {"_seen": copy(raw)}

    def read_anew(self, **_: Any) -> None:
        self.__dict__ = {}


conf = Conf()
setting_changed.connect(conf.read_anew)

KEYS = tuple(value.key for value in vars(Conf).values() if isinstance(value, Setting))


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
