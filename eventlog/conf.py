"""``settings.EVENTLOG`` with a typed attribute for each key.

Each key is read once, because reading a Django setting takes longer than much of the work that
depends on it (``benchmarks.cost``). It is read again after the signal ``setting_changed``, which
``override_settings`` sends.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import cached_property, wraps
from typing import Any, Generic, Self, TypeVar, cast, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.urls import get_script_prefix
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

V = TypeVar("V")
R = TypeVar("R")

_UNSET: Mapping[str, Any] = {}

# Read on first use, because the table's readers stand above this module in the import contract.
FIELDS = cast(
    "Sequence[str]",
    SimpleLazyObject(lambda: tuple(import_string("eventlog.metadata.fields.FIELDS"))),
)


class Misconfigured(ImproperlyConfigured):
    """A wrong value in ``settings.EVENTLOG``, with a hint and the id of the system check."""

    def __init__(self, message: str, hint: str, check_id: str) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint
        self.check_id = check_id


class Setting(Generic[V]):
    """One key of ``settings.EVENTLOG``, under its name in lower case."""

    def __init__(self, default: V, doc: str) -> None:
        self.default = default
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @property
    def key(self) -> str:
        return self._name.upper()

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: object, owner: type) -> Self | V:
        if instance is None:
            return self
        # Fetch the cache first: if another thread changes the setting now, the old value is stored
        # in the cache that reset() has discarded.
        cache = vars(instance)
        raw: Mapping[str, Any] = getattr(settings, "EVENTLOG", _UNSET)
        value: V = raw.get(self.key, self.default)
        cache[self._name] = value
        return value


class Conf:
    """The keys of ``settings.EVENTLOG`` with their defaults."""

    enabled = Setting(True, "Whether events are recorded. False turns all recording off.")
    backend = Setting(
        "eventlog.backends.database.DatabaseBackend",
        "Dotted path of the class that writes the events.",
    )
    options: Setting[Mapping[str, Any]] = Setting(_UNSET, "Keyword arguments of that class.")
    requests: Setting[Sequence[Mapping[str, Any]] | None] = Setting(
        None,
        "Rules that select the requests to record; the first that matches applies. "
        "None: all requests except those for static and media files, favicons, "
        "JavaScript translation catalogs, and the pages of the event log.",
    )
    fields: Setting[Sequence[str]] = Setting(FIELDS, "The facts of a request that are recorded.")
    trusted_proxies: Setting[Sequence[str] | int] = Setting(
        (),
        'Proxies whose forwarding header is used: addresses, networks and "unix", or their number.',
    )
    proxy_headers: Setting[Sequence[str]] = Setting(
        ("X-Forwarded-For", "Forwarded"),
        "Headers in which trusted proxies name the client; the first that is present is used.",
    )
    request_id_headers: Setting[Sequence[str]] = Setting(
        ("X-Request-ID", "X-Correlation-ID"),
        "Headers in which trusted proxies send the id of a request; the first that is present is "
        "used.",
    )
    anonymize_ip = Setting(False, "Keep only the /24 of an IPv4 and the /48 of an IPv6 address.")
    redact: Setting[Sequence[str]] = Setting(
        (), "Parts of names whose values are masked, in addition to the built-in ones."
    )
    redact_except: Setting[Sequence[str]] = Setting(
        (), "Whole names, in capital or small letters, whose values are never masked."
    )
    max_extra_bytes = Setting(
        1 << 20,
        "Maximum size of extra as JSON. log() raises an error above it, and the event of a request "
        "is truncated.",
    )
    enrich = Setting(True, "Whether log() inside a request adds the facts of the request.")
    load_user = Setting(
        False,
        "Whether eventlog loads the user of a request that has a session but whose view did not "
        "read request.user. Costs a query for the user, and one for the session.",
    )
    access: Setting[Mapping[str, bool]] = Setting(
        {
            "view": False,
            "export": True,
            "delete": True,
            "prune": True,
            "erase": True,
            "retry": True,
            "import": True,
        },
        "Which uses of the event log are recorded as events. Absent keys keep their defaults.",
    )
    retention: Setting[Sequence[Mapping[str, Any]] | Mapping[str, Any]] = Setting(
        (),
        "Rules that say how long eventlog_prune keeps events, and when it anonymizes them; the "
        "first that matches applies. Events that match no rule are kept.",
    )
    sign_ins: Setting[Mapping[str, str | None]] = Setting(
        _UNSET,
        "Names for the actions of eventlog.contrib.sign_ins. None leaves out the events of a key.",
    )
    model_changes: Setting[Mapping[str, Mapping[str, Any]]] = Setting(
        _UNSET, "Models that eventlog.contrib.model_changes tracks, with their options."
    )
    forward: Setting[Mapping[str, Mapping[str, Any]]] = Setting(
        _UNSET, "Other systems that get the events, by eventlog.contrib.forward."
    )
    clickhouse: Setting[Mapping[str, Any]] = Setting(
        _UNSET,
        "The table in ClickHouse that eventlog_copy and eventlog_clickhouse use if BACKEND is not "
        "ClickHouseBackend. Its keys are the options connection, database and table.",
    )

    @cached_property
    def file_urls(self) -> Sequence[str]:
        """``STATIC_URL`` and ``MEDIA_URL``, if they are set."""
        # Django expands an empty URL to the script prefix, which matches every path.
        urls = (settings.STATIC_URL, settings.MEDIA_URL)
        return tuple(url for url in urls if url and url != get_script_prefix())

    @cached_property
    def session_cookie_name(self) -> str:
        """``SESSION_COOKIE_NAME``."""
        return settings.SESSION_COOKIE_NAME

    @cached_property
    def root_urlconf(self) -> Any:
        """``ROOT_URLCONF``."""
        return settings.ROOT_URLCONF

    @cached_property
    def time_zone(self) -> tzinfo | None:
        """The time zone of the timestamps of events: UTC, or none without ``USE_TZ``."""
        return UTC if settings.USE_TZ else None

    @cached_property
    def results(self) -> dict[Callable[[], Any], Any]:
        """The results of the functions that are called once per settings."""
        return {}

    def reset(self, **_: Any) -> None:
        """Discard the values, so that each is read again at its next use."""
        self.__dict__ = {}


conf = Conf()
setting_changed.connect(conf.reset)

SETTING_NAMES = tuple(value.key for value in vars(Conf).values() if isinstance(value, Setting))


def once_per_settings(build: Callable[[], R]) -> Callable[[], R]:
    """Make a function that is called once, and once more after each change of the settings."""

    @wraps(build)
    def result() -> R:
        # Fetch the cache first, as in Setting.__get__().
        results = conf.results
        try:
            found: R = results[build]
        except KeyError:
            found = results[build] = build()
        return found

    return result
