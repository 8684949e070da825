"""``get_backend()``: the backend that the settings name."""

import threading
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ..conf import Misconfigured, conf
from ..error_log import report
from .base import BaseBackend

_lock = threading.Lock()
_current: tuple[str, Mapping[str, Any], BaseBackend] | None = None


def get_backend() -> BaseBackend:
    """Return the backend that ``settings.EVENTLOG`` names, one for the whole process.

    When the setting changes, as in ``override_settings``, the previous backend is closed. Raises
    ``Misconfigured`` for an invalid path or option.
    """
    global _current
    path, options = conf.backend, conf.options
    current = _current
    if current is not None and current[0] == path and current[1] is options:
        return current[2]
    with _lock:
        current = _current
        if current is not None and current[0] == path and current[1] is options:
            return current[2]
        before, _current = current, (path, options, build_backend(path, options))
        backend = _current[2]
    # Outside the lock, because receivers of delivered events may log.
    if before is not None:
        try:
            before[2].close()
        except Exception as error:  # noqa: BLE001 (a site's own backend)
            report("closing a backend", error)
    return backend


def start_backend() -> None:
    """Start the delivery of a buffered backend, because the process serves requests."""
    if not conf.enabled:
        return
    start = getattr(get_backend(), "start", None)
    if start is not None:
        start()


def build_backend(path: str, options: Mapping[str, Any]) -> BaseBackend:
    """Return a new backend; raise ``Misconfigured`` for an invalid path or option."""
    try:
        backend_class = import_string(path)
    except (ImportError, AttributeError, TypeError, ValueError) as error:  # also of "..path"
        raise Misconfigured(
            f"EVENTLOG['BACKEND'] is {path!r}, which cannot be imported: {error}.",
            "Give the dotted path of a backend class.",
            "eventlog.E004",
        ) from error
    if not (isinstance(backend_class, type) and issubclass(backend_class, BaseBackend)):
        raise Misconfigured(
            f"EVENTLOG['BACKEND'] is {path!r}, which is not a backend.",
            "Give a subclass of eventlog.backends.base.BaseBackend.",
            "eventlog.E004",
        )
    try:
        return backend_class(**options)
    except (TypeError, ValueError) as error:
        raise Misconfigured(
            f"EVENTLOG['OPTIONS'] is {options!r}, which {path} does not accept: {error}.",
            f"Give keyword arguments of {backend_class.__name__}.",
            "eventlog.E005",
        ) from error
