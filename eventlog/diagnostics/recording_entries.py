"""The part of the inventory that says what is recorded."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from ..access import ACTIONS, is_enabled
from ..conf import conf
from ..metadata.fields import personal_fields
from ..middleware.rules import Rule
from ..middleware.rules.checks import views_by_name
from ..review.search.known_values import known_actions
from .inventory import Entry, joined_names
from .settings import has_middleware

# By its name, because the core does not import optional parts.
HANDLER = "eventlog.contrib.loggers.handler.EventLogHandler"
HOW = ("log", "sample", "action", "extra", "load_user")  # keys of a rule that are not conditions
DEFAULTS = (
    "all requests except those for static and media files, favicons, translations for scripts, "
    "and the pages of the event log"
)


def creation_entries() -> Iterator[Entry]:
    """Yield the time of the inventory."""
    yield Entry("recorded", "time of this inventory", f"{timezone.now():%Y-%m-%d %H:%M %Z}")


def request_entries() -> Iterator[Entry]:
    """Yield the rules for requests, in their order."""
    if not conf.enabled:
        yield Entry("recorded", "nothing", "EVENTLOG['ENABLED'] is False")
    rules: Sequence[Any] = ["defaults"] if conf.requests is None else conf.requests
    for number, raw in enumerate(rules if has_middleware() else (), 1):
        detail = _rule(raw) if isinstance(raw, Mapping) else DEFAULTS
        yield Entry("recorded", f"requests, rule {number}", detail)
    if not has_middleware():
        yield Entry("recorded", "requests", "no, because MIDDLEWARE lacks EventLogMiddleware")
    for name, view in sorted(views_by_name().items()):
        rule = getattr(view, "eventlog_rule", None)
        if isinstance(rule, Rule):
            how = "recorded by log_request" if rule.log else "not recorded, by log_exempt"
            yield Entry("recorded", f"requests of the view {name}", how)


def fact_entries() -> Iterator[Entry]:
    """Yield the facts of a request, and which of them concern a person."""
    personal = personal_fields()
    names = [f"{name} (personal)" if name in personal else name for name in conf.fields]
    yield Entry("recorded", "facts of each request", joined_names(names))
    yield Entry("recorded", "facts of the request in other events", _yes(conf.enrich))
    yield Entry("recorded", "only the network of an address", _yes(conf.anonymize_ip))
    yield Entry("recorded", "the user, if the page did not read it", _yes(conf.load_user))
    if conf.redact:
        yield Entry("recorded", "masked, besides the built-in names", joined_names(conf.redact))
    if conf.redact_except:
        yield Entry("recorded", "never masked", joined_names(conf.redact_except))


def access_entries() -> Iterator[Entry]:
    """Yield which uses of the event log are events."""
    for kind, action in ACTIONS.items():
        recorded = action if is_enabled(kind) else "no"
        yield Entry("recorded", f"use of the event log: {kind}", recorded)


def logger_entries() -> Iterator[Entry]:
    """Yield the loggers of Python whose log records become events."""
    known = [logging.getLogger(), *map(logging.getLogger, sorted(logging.root.manager.loggerDict))]
    names = [logger.name for logger in known if any(map(_is_own, logger.handlers))]
    if names:
        yield Entry("recorded", "log records of the loggers", joined_names(names))


def action_entries() -> Iterator[Entry]:
    """Yield the actions of the stored events, which also shows what the code logs itself."""
    yield Entry("recorded", "actions of the stored events", joined_names(known_actions()))


def _is_own(handler: logging.Handler) -> bool:
    return HANDLER in [f"{base.__module__}.{base.__qualname__}" for base in type(handler).__mro__]


def _rule(raw: Mapping[str, Any]) -> str:
    """Return what a rule matches, and how it records it."""
    conditions = [f"{key} {_shown(value)}" for key, value in raw.items() if key not in HOW]
    what = " and ".join(conditions) or "all other requests"
    if not raw.get("log", True):
        return f"{what}: not recorded"
    how = [f"{key} {_shown(raw[key])}" for key in HOW[1:] if key in raw]
    return f"{what}: recorded{', ' if how else ''}{', '.join(how)}"


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value))
    return f"{value.__module__}.{value.__qualname__}" if callable(value) else str(value)


def _yes(value: object) -> str:
    return "yes" if value else "no"


PARTS = (
    creation_entries,
    request_entries,
    fact_entries,
    access_entries,
    logger_entries,
    action_entries,
)
