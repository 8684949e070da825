"""``EVENTLOG["FORWARD"]``: the targets of the site."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

from ...conf import Misconfigured
from ...records.redaction import redact
from .comparisons import Matcher
from .selection import UndecidableSearch, compile_selection
from .target import Target, is_seconds

# Names for ``TARGET``, each with the class and the extra that installs its package.
SHORT_NAMES: Mapping[str, tuple[str, str]] = {
    "file": ("eventlog.contrib.forward.file.FileTarget", ""),
    "syslog": ("eventlog.contrib.forward.syslog.SyslogTarget", ""),
    "https": ("eventlog.contrib.forward.https.HttpsTarget", ""),
    "nats": ("eventlog.contrib.forward.nats_jetstream.NatsTarget", "nats"),
    "redis": ("eventlog.contrib.forward.redis_streams.RedisTarget", "redis"),
    "otlp": ("eventlog.contrib.forward.otlp.OtlpTarget", "otlp"),
}
KEYS = ("TARGET", "OPTIONS", "SEARCH", "MAX_BYTES", "BATCH_SIZE", "INTERVAL")
MAX_BYTES = 1 << 30
BATCH_SIZE = 500
INTERVAL = 5.0

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")  # also the name of a directory


class TargetConfig(NamedTuple):
    """The checked settings of a target."""

    target: Target
    selects: Matcher
    batch_size: int


def checked_name(name: Any) -> str:
    """Return the name of a target. Raise ``Misconfigured`` if it is not valid."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        hint = "Name a target with small letters, digits, - and _."
        raise _wrong("A key of EVENTLOG['FORWARD']", name, hint)
    return name


def checked_max_bytes(name: str, raw: Any) -> int:
    """Return the limit of the queue of a target. Raise ``Misconfigured`` for a wrong value."""
    return _positive(f"{_where(name)}['MAX_BYTES']", _dict(name, raw).get("MAX_BYTES", MAX_BYTES))


def checked_interval(name: str, raw: Any) -> float | None:
    """Return the seconds between two rounds. Raise ``Misconfigured`` for a wrong value."""
    value = _dict(name, raw).get("INTERVAL", INTERVAL)
    if value is not None and not is_seconds(value):
        hint = "Set it to a number of seconds above 0, or to None."
        raise _wrong(f"{_where(name)}['INTERVAL']", value, hint)
    return None if value is None else float(value)


def target_config(name: str, raw: Any) -> TargetConfig:
    """Return what a target gets, and how. Raise ``Misconfigured`` for a wrong value."""
    where, raw = _where(name), _dict(name, raw)
    return TargetConfig(
        _target(where, raw),
        _selects(f"{where}['SEARCH']", raw.get("SEARCH", "")),
        _positive(f"{where}['BATCH_SIZE']", raw.get("BATCH_SIZE", BATCH_SIZE)),
    )


def _where(name: str) -> str:
    return f"EVENTLOG['FORWARD'][{name!r}]"


def _dict(name: str, raw: Any) -> Mapping[str, Any]:
    """Return the dict of a target. Raise ``Misconfigured`` for another value or unknown keys."""
    where = _where(name)
    if not isinstance(raw, Mapping):
        raise _wrong(where, raw, f"Set it to a dict with the keys {', '.join(KEYS)}.")
    for key in raw:
        if key not in KEYS:
            close = get_close_matches(str(key).upper(), KEYS, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(KEYS)}."
            raise Misconfigured(f"{where} has the unknown key {key!r}.", hint, "eventlog.E001")
    return raw


def _wrong(where: str, value: Any, hint: str) -> Misconfigured:
    return Misconfigured(f"{where} is {value!r:.200}.", hint, "eventlog.E002")


def _positive(where: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise _wrong(where, value, "Set it to a whole number above 0.")
    return value


def _selects(where: str, search: Any) -> Matcher:
    if not isinstance(search, str):
        raise _wrong(where, search, "Set it to a search, such as 'status:>=400'.")
    try:
        return compile_selection(search)
    except UndecidableSearch as error:
        raise Misconfigured(
            f"{where} is {search!r}, which cannot select events: {error}",
            "See docs/forward.md for the terms that select events.",
            "eventlog.E022",
        ) from error


def _target(where: str, raw: Mapping[str, Any]) -> Target:
    name, options = raw.get("TARGET"), raw.get("OPTIONS", {})
    if not isinstance(options, Mapping):
        raise _wrong(f"{where}['OPTIONS']", options, "Set it to a dict of keyword arguments.")
    target_class = _target_class(where, name)
    try:
        return target_class(**options)
    except (TypeError, ValueError, AttributeError) as error:
        raise Misconfigured(
            f"{where}['OPTIONS'] is {mask_secrets(options)!r}, which {name} does not accept: "
            f"{error}.",
            f"Give keyword arguments of {target_class.__name__}.",
            "eventlog.E021",
        ) from error


def mask_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with masked values of secrets, because messages end up in logs."""
    masked: dict[str, Any] = redact({name: str(value) for name, value in options.items()})
    return masked


def _target_class(where: str, name: Any) -> type[Target]:
    path, extra = SHORT_NAMES.get(name, (name, "")) if isinstance(name, str) else ("", "")
    module, _, attribute = path.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
        if isinstance(found, type) and issubclass(found, Target):
            return found
        problem = "which is not a target"
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        problem = f"which cannot be imported: {error}"
    install = f"Run: pip install 'django-request-eventlog[{extra}]'. " if extra else ""
    raise Misconfigured(
        f"{where}['TARGET'] is {name!r}, {problem}.",
        f"{install}Use one of: {', '.join(SHORT_NAMES)}, or the dotted path of a Target.",
        "eventlog.E021",
    )
