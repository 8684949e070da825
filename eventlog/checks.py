"""System checks of ``settings.EVENTLOG``.

The constructors that use a value also validate it, so the checks call them.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)

from .backends import build_backend
from .conf import FIELDS, SETTING_NAMES, Conf, Misconfigured, conf
from .metadata.client_ip import TrustedProxies
from .middleware.rules.checks import check_rules
from .retention.checks import check_retention

FORWARD = "eventlog.contrib.forward"
MIDDLEWARE = "eventlog.middleware.EventLogMiddleware"
MODEL_CHANGES = "eventlog.contrib.model_changes"
SIGN_INS, HIJACK = "eventlog.contrib.sign_ins", "eventlog.contrib.hijack"
# Middleware that answers some requests itself: redirects, refused hosts, cached pages.
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
    "ENABLED": ((bool,), "True or False"),
    "BACKEND": ((str,), "a dotted path"),
    "OPTIONS": ((Mapping,), "a dict of the backend's keyword arguments"),
    "REQUESTS": ((list, tuple), "a list of rules"),
    "FIELDS": ((list, tuple, set, frozenset), "a list of keys"),
    "TRUSTED_PROXIES": ((list, tuple, set, frozenset, int), "a list of networks, or a number"),
    "PROXY_HEADERS": ((list, tuple), "a list of header names"),
    "REQUEST_ID_HEADERS": ((list, tuple), "a list of header names"),
    "ANONYMIZE_IP": ((bool,), "True or False"),
    "REDACT": ((list, tuple, set, frozenset), "a list of names"),
    "REDACT_EXCEPT": ((list, tuple, set, frozenset), "a list of names"),
    "ENRICH": ((bool,), "True or False"),
    "LOAD_USER": ((bool,), "True or False"),
    "MAX_EXTRA_BYTES": ((int,), "a number of bytes"),
    "ACCESS": ((Mapping,), "a dict such as {'view': True}"),
    "RETENTION": ((list, tuple, Mapping), "a list of rules, or a dict with 'rules'"),
    "SIGN_INS": ((Mapping,), "a dict of names for actions"),
    "FORWARD": ((Mapping,), "a dict of targets"),
    "MODEL_CHANGES": ((Mapping,), "a dict of models with their options"),
    "CLICKHOUSE": ((Mapping,), "a dict with 'connection', 'database' and 'table'"),
}
MIN_EXTRA_BYTES = 1024  # room for the facts of a request
_LISTS_OF_HEADERS = ("PROXY_HEADERS", "REQUEST_ID_HEADERS")
_LISTS_OF_STRINGS = ("FIELDS", *_LISTS_OF_HEADERS, "REDACT", "REDACT_EXCEPT")


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Return all messages about ``settings.EVENTLOG`` and the position of the middleware."""
    raw = getattr(settings, "EVENTLOG", {})
    if not isinstance(raw, Mapping):
        return [Error(f"EVENTLOG is {raw!r}.", hint="Set it to a dict.", id="eventlog.E002")]
    shape = [*_keys(raw), *_types(raw), *_access_values(raw)]
    if any(message.id == "eventlog.E002" for message in shape):
        return shape
    return [
        *shape,
        *_backend(),
        *_proxies(),
        *_headers(raw),
        *check_rules(conf.requests or (), settings.MIDDLEWARE),
        *_middleware(),
        *check_retention(conf.retention),
        *_apps(),
    ]


def _keys(raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, known, where in (
        *((key, SETTING_NAMES, "EVENTLOG") for key in raw),
        *((key, FIELDS, "EVENTLOG['FIELDS']") for key in _as_list(raw.get("FIELDS"))),
        *((key, Conf.access.default, "EVENTLOG['ACCESS']") for key in _access(raw)),
    ):
        if key not in known:
            close = get_close_matches(
                str(key).upper() if known is SETTING_NAMES else str(key), known, 1
            )
            yield Error(
                f"{where} has the unknown key {key!r}.",
                hint=f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(known)}.",
                id="eventlog.E001",
            )


def _types(raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, (types, expected) in _TYPES.items():
        if key not in raw:
            continue
        value = raw[key]
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if fits and key == "MAX_EXTRA_BYTES" and value < MIN_EXTRA_BYTES:
            fits, expected = False, f"at least {MIN_EXTRA_BYTES} bytes"
        if fits and key in _LISTS_OF_STRINGS:
            fits = all(isinstance(item, str) for item in value)
        if fits and key == "REDACT" and not all(part.strip() for part in value):
            fits, expected = False, "a list of names; an empty one would mask every value"
        if not fits:
            yield Error(
                f"EVENTLOG[{key!r}] is {value!r}.",
                hint=f"Set it to {expected}.",
                id="eventlog.E002",
            )


def _access(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    value = raw.get("ACCESS")
    return value if isinstance(value, Mapping) else {}


def _access_values(raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, value in _access(raw).items():
        if not isinstance(value, bool):
            yield Error(
                f"EVENTLOG['ACCESS'][{key!r}] is {value!r}.",
                hint="Set it to True or False.",
                id="eventlog.E002",
            )


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def _backend() -> list[CheckMessage]:
    try:
        return build_backend(conf.backend, conf.options).check()
    except Misconfigured as error:
        return [Error(error.message, hint=error.hint, id=error.check_id)]


def _proxies() -> Iterator[CheckMessage]:
    try:
        trusts_any = TrustedProxies(conf.trusted_proxies).trusts_any
    except (TypeError, ValueError) as error:
        yield Error(
            f"EVENTLOG['TRUSTED_PROXIES'] is {conf.trusted_proxies!r}: {error}.",
            hint="Use addresses, networks such as '10.0.0.0/8', 'unix', or the number of proxies.",
            id="eventlog.E007",
        )
        return
    names = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")
    behind = [name for name in names if getattr(settings, name)]
    if behind and not trusts_any and "ip" in conf.fields:
        yield Warning(
            f"{behind[0]} is {getattr(settings, behind[0])!r}, so the site is behind a proxy, but "
            f"EVENTLOG['TRUSTED_PROXIES'] is empty: every event gets the proxy's address.",
            hint="Set TRUSTED_PROXIES to the proxy's addresses or networks, or to their number.",
            id="eventlog.W003",
        )


def _headers(raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in _LISTS_OF_HEADERS:
        for name in raw.get(key, ()):
            if not re.fullmatch(r"[^\s:_]+", name):
                yield Error(
                    f"EVENTLOG[{key!r}] has {name!r}, which is not the name of a header.",
                    hint="Write the name as in HTTP, such as 'X-Request-ID'.",
                    id="eventlog.E040",
                )


def _middleware() -> Iterator[CheckMessage]:
    installed = list(settings.MIDDLEWARE)
    if installed.count(MIDDLEWARE) > 1:
        yield Error(
            f"MIDDLEWARE has {MIDDLEWARE!r} {installed.count(MIDDLEWARE)} times.",
            hint="Keep one of them, because each records every request.",
            id="eventlog.E009",
        )
    if MIDDLEWARE not in installed:
        return
    above = [path for path in installed[: installed.index(MIDDLEWARE)] if path in ANSWERING]
    if above:
        yield Warning(
            f"MIDDLEWARE has {MIDDLEWARE!r} below {above[0]!r}, so requests that are "
            f"answered there (redirects, refused hosts, cached pages) are not recorded.",
            hint=f"Move {MIDDLEWARE!r} to the top.",
            id="eventlog.W002",
        )


def _apps() -> Iterator[CheckMessage]:
    """Report the settings of apps that are not installed."""
    for key, value, names, check_id in (
        ("SIGN_INS", conf.sign_ins, (SIGN_INS, HIJACK), "eventlog.W014"),
        ("MODEL_CHANGES", conf.model_changes, (MODEL_CHANGES,), "eventlog.W031"),
        ("FORWARD", conf.forward, (FORWARD,), "eventlog.W020"),
    ):
        if value and not any(map(apps.is_installed, names)):
            yield Warning(
                f"EVENTLOG[{key!r}] has no effect without the app {names[0]!r}.",
                hint="Add the app to INSTALLED_APPS.",
                id=check_id,
            )
