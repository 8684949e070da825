"""System checks of ``EVENTLOG["FORWARD"]``."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error

from ...backends import get_backend
from ...backends.buffered import BufferedBackend
from ...backends.spool import locks
from ...checks import FORWARD
from ...conf import Misconfigured, conf
from .configured_targets import checked_interval, checked_max_bytes, checked_name, target_config


def check_forward(**kwargs: Any) -> list[CheckMessage]:
    """Return the problems of the targets, and of a backend without a spool."""
    setting = conf.forward
    # The checks of the settings report a value of another type, and a missing app.
    if not isinstance(setting, Mapping) or not apps.is_installed(FORWARD):
        return []
    return [
        *_backend(setting),
        *(problem for each in setting.items() for problem in _target_messages(*each)),
    ]


def _backend(setting: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if setting:
        try:
            locks.require_file_locks("EVENTLOG['FORWARD'] has targets, and sending events")
        except Misconfigured as error:  # before E020 advises a backend that cannot run either
            yield Error(error.message, hint=error.hint, id=error.check_id)
            return
    try:
        backend = get_backend()
    except Misconfigured:  # which the checks of the settings report
        return
    if setting and not isinstance(backend, BufferedBackend):
        yield Error(
            f"EVENTLOG['FORWARD'] has targets, but {type(backend).__name__} has no spool from "
            f"which events are sent.",
            hint="Set EVENTLOG['BACKEND'] to 'eventlog.backends.buffered.BufferedBackend', or to "
            "CeleryBackend, TasksBackend or ClickHouseBackend.",
            id="eventlog.E020",
        )


def _target_messages(name: Any, raw: Any) -> Iterator[CheckMessage]:
    """Yield the first problem of a target."""
    try:
        checked_name(name)
        checked_max_bytes(name, raw)
        checked_interval(name, raw)
        target_config(name, raw).target.close()
    except Misconfigured as error:
        yield Error(error.message, hint=error.hint, id=error.check_id)
