"""Checks of the settings: Django's system checks, and what they cannot know."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.checks import ERROR
from django.core.checks.registry import registry
from django.utils.module_loading import import_string

from ..backends.dummy import DummyBackend
from ..backends.locmem import LocMemBackend
from ..checks import check_settings
from ..conf import conf
from ..error_log import logger
from ..middleware import EventLogMiddleware
from .findings import Finding, problem, warning
from .site import Site

PACKAGE = "eventlog"


def system_check_findings(site: Site) -> Iterator[Finding]:
    """Yield the messages of eventlog's own system checks, also of those for the database."""
    if site.lacks("settings"):
        own: list[Any] = [check_settings]  # which reports that EVENTLOG is not a dict
    else:
        every = registry.get_checks(include_deployment_checks=True)
        own = [check for check in every if check.__module__.partition(".")[0] == PACKAGE]
    databases = [] if site.database_error else [site.using]
    for check in sorted(own, key=lambda check: check.__module__):
        for message in check(app_configs=None, databases=databases):
            if not message.is_silenced():
                make = problem if message.level >= ERROR else warning
                yield make(message.id or PACKAGE, str(message.msg), str(message.hint or ""))


def recording_findings(site: Site) -> Iterator[Finding]:
    """Yield the reasons for which events are not recorded at all."""
    if not conf.enabled:
        yield warning(
            "recording-disabled",
            "EVENTLOG['ENABLED'] is False, so no event is recorded.",
            "Remove the key, and restart the site.",
        )
    if isinstance(site.backend, DummyBackend | LocMemBackend):
        yield problem(
            "backend-stores-nothing",
            f"EVENTLOG['BACKEND'] is {type(site.backend).__name__}, which stores no event.",
            "Use DatabaseBackend, or a backend with a spool.",
        )
    if not has_middleware():
        make = warning if conf.requests is None else problem
        yield make(
            "middleware-missing",
            "MIDDLEWARE lacks 'eventlog.middleware.EventLogMiddleware', so requests are not "
            "recorded, except by views with log_request.",
            "Add it at the top of MIDDLEWARE.",
        )


def error_log_findings(site: Site) -> Iterator[Finding]:
    """Yield a warning if failures of recording would not be noticed."""
    if logger.disabled or not logger.isEnabledFor(logging.ERROR):
        yield warning(
            "error-log-disabled",
            "The logger 'eventlog' is switched off, so failures of recording are not reported.",
            "In LOGGING, set 'disable_existing_loggers' to False, and the level of 'eventlog' to "
            "WARNING.",
        )


def has_middleware() -> bool:
    """Return whether MIDDLEWARE has EventLogMiddleware or a subclass."""
    return any(map(_is_own_middleware, settings.MIDDLEWARE))


def _is_own_middleware(path: str) -> bool:
    with suppress(ImportError, TypeError):
        return issubclass(import_string(path), EventLogMiddleware)
    return False
