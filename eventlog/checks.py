"""What ``manage.py check`` says of ``settings.EVENTLOG``.

Each rule is written once, where the value is used: here the constructors are asked.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)
from django.db import router
from django.urls import URLPattern, URLResolver, get_resolver

from .backends import build_backend
from .conf import FIELDS, KEYS, Misconfigured, conf
from .metadata.client_ip import Resolver
from .rules import Rule, compile_rule

MIDDLEWARE = "eventlog.middleware.EventLogMiddleware"
# Middleware that answers some requests by itself: redirects, refused hosts, cached pages.
ANSWERING = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "BACKEND": ((str,), "a dotted path"),
    "OPTIONS": ((Mapping,), "a dict of the backend's keyword arguments"),
    "REQUESTS": ((list, tuple), "a list of rules"),
    "FIELDS": ((list, tuple, set, frozenset), "a list of keys"),
    "TRUSTED_PROXIES": ((list, tuple, set, frozenset, int), "a list of networks, or a number"),
    "PROXY_HEADERS": ((list, tuple), "a list of header names"),
    "ANONYMIZE_IP": ((bool,), "True or False"),
    "REDACT": ((list, tuple, set, frozenset), "a list of names"),
    "ENRICH": ((bool,), "True or False"),
}
_OF_STRINGS = ("FIELDS", "PROXY_HEADERS", "REDACT")


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Every complaint about ``settings.EVENTLOG`` and where the middleware stands."""
    conf.follow()
    raw = getattr(settings, "EVENTLOG", {})
    if not isinstance(raw, Mapping):
        return [Error(f"EVENTLOG is {raw!r}.", hint="It has to be a dict.", id="eventlog.E002")]
    shape = [*_keys(raw), *_types(raw)]
    if any(message.id == "eventlog.E002" for message in shape):
        return shape
    return [*shape, *_backend(), *_proxies(), *_rules(), *_middleware(), *_databases()]


def _keys(raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, known, where in (
        *((key, KEYS, "EVENTLOG") for key in raw),
        *((key, FIELDS, "EVENTLOG['FIELDS']") for key in _listed(raw.get("FIELDS"))),
    ):
        if key not in known:
            close = get_close_matches(str(key).upper() if known is KEYS else str(key), known, 1)
            yield Error(
                f"{where} has {key!r}, which eventlog does not know.",
                hint=f"Did you mean {close[0]!r}?" if close else f"It knows {', '.join(known)}.",
                id="eventlog.E001",
            )


def _types(raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, (types, wanted) in _TYPES.items():
        if key not in raw:
            continue
        value = raw[key]
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if fits and key in _OF_STRINGS:
            fits = all(isinstance(item, str) for item in value)
        if not fits:
            yield Error(
                f"EVENTLOG[{key!r}] is {value!r}.",
                hint=f"It has to be {wanted}.",
                id="eventlog.E002",
            )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def _said_by(build: Callable[[], Any]) -> list[CheckMessage]:
    try:
        build()
    except Misconfigured as error:
        return [Error(error.message, hint=error.hint, id=error.check_id)]
    return []


def _backend() -> list[CheckMessage]:
    try:
        return build_backend(conf.backend, conf.options).check()
    except Misconfigured as error:
        return [Error(error.message, hint=error.hint, id=error.check_id)]


def _proxies() -> Iterator[CheckMessage]:
    try:
        trusting = Resolver(conf.trusted_proxies).trusts_somebody
    except (TypeError, ValueError) as error:
        yield Error(
            f"EVENTLOG['TRUSTED_PROXIES'] is {conf.trusted_proxies!r}: {error}.",
            hint="Give addresses, networks as '10.0.0.0/8', 'unix', or the number of proxies.",
            id="eventlog.E007",
        )
        return
    names = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
    behind = [name for name in names if getattr(settings, name)]
    if behind and not trusting and "ip" in conf.fields:
        yield Warning(
            f"{behind[0]} is set to {getattr(settings, behind[0])!r}, so the site stands behind a "
            f"proxy, but EVENTLOG['TRUSTED_PROXIES'] trusts none: every event will have the "
            f"proxy's address.",
            hint="Set it to the proxy's addresses or networks, or to the number of proxies.",
            id="eventlog.W003",
        )


def _rules() -> Iterator[CheckMessage]:
    rules: list[Rule] = []
    for number, raw in enumerate(conf.requests or ()):
        where = f"EVENTLOG['REQUESTS'][{number}]"
        try:
            rules.append(rule := compile_rule(where, raw))
        except Misconfigured as error:
            yield Error(error.message, hint=error.hint, id=error.check_id)
            continue
        if rule.view is not None and not any(fnmatchcase(n, rule.view) for n in _view_names()):
            yield Error(
                f"{where}: 'view' is {rule.view!r}, which is the name of no URL.",
                hint=_nearest(rule.view),
                id="eventlog.E008",
            )
        if rule.user is not None and not _has_middleware("AuthenticationMiddleware"):
            yield Warning(
                f"{where}: 'user' is {rule.user!r}, but no middleware says who the user is.",
                hint="Add django.contrib.auth.middleware.AuthenticationMiddleware.",
                id="eventlog.W004",
            )
    if rules and _has_middleware("EventLogMiddleware") and not any(rule.log for rule in rules):
        yield Warning(
            "EVENTLOG['REQUESTS'] only says what is not recorded, so nothing is.",
            hint="Add a last rule {} for everything else.",
            id="eventlog.W005",
        )


def _nearest(name: str) -> str:
    close = get_close_matches(name, _view_names(), 1)
    example = f" Did you mean {close[0]!r}?" if close else ""
    return f"Give a view's name with its namespaces, or a glob as 'shop:*'.{example}"


def _view_names() -> list[str]:
    return list(_names(get_resolver(), ""))


def _names(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _names(entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix)
        elif isinstance(entry, URLPattern):
            yield prefix + (entry.name or entry.lookup_str)


def _has_middleware(name: str) -> bool:
    return any(path.endswith(name) for path in settings.MIDDLEWARE)


def _middleware() -> Iterator[CheckMessage]:
    installed = list(settings.MIDDLEWARE)
    if installed.count(MIDDLEWARE) > 1:
        yield Error(
            f"MIDDLEWARE has {MIDDLEWARE!r} {installed.count(MIDDLEWARE)} times.",
            hint="Once is enough: each would record every request.",
            id="eventlog.E009",
        )
    if MIDDLEWARE not in installed:
        return
    above = [path for path in installed[: installed.index(MIDDLEWARE)] if path in ANSWERING]
    if above:
        yield Warning(
            f"MIDDLEWARE has {MIDDLEWARE!r} below {above[0]!r}: what is answered there "
            f"(redirects, refused hosts, cached pages) is not recorded.",
            hint=f"Move {MIDDLEWARE!r} to the top.",
            id="eventlog.W002",
        )


def _databases() -> Iterator[CheckMessage]:
    """Events point to users and to kinds of objects, which no foreign key does across databases."""
    events = apps.get_model("eventlog.Log")
    own = router.db_for_write(events)
    for model in (get_user_model(), apps.get_model("contenttypes.ContentType")):
        if (other := router.db_for_write(model)) != own:
            yield Warning(
                f"Events are written to the database {own!r}, {model._meta.label} to {other!r}: "
                f"events will have neither user nor object, or cannot be written at all.",
                hint="Let DATABASE_ROUTERS name the same database for both.",
                id="eventlog.W006",
            )
