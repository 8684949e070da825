"""System checks of ``EVENTLOG["SIGN_INS"]`` and of what this app needs."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)

from ...checks import MIDDLEWARE
from ...conf import conf
from ...records.arguments import checked_action
from .actions import KEYS

APP = "eventlog.contrib.sign_ins"


def check_sign_ins(**kwargs: Any) -> list[CheckMessage]:
    """Return the messages about the names of the actions and the middleware."""
    names = conf.sign_ins
    # The checks of the settings report a value of another type, and a missing app.
    if not isinstance(names, Mapping) or not apps.is_installed(APP):
        return []
    return [*_names(names), *_middleware()]


def _names(names: Mapping[Any, Any]) -> Iterator[CheckMessage]:
    for key, name in names.items():
        if key not in KEYS:
            close = get_close_matches(str(key).lower(), KEYS, 1)
            yield Error(
                f"EVENTLOG['SIGN_INS'] has the unknown key {key!r}.",
                hint=f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(KEYS)}.",
                id="eventlog.E001",
            )
        elif name is not None:
            try:
                checked_action(name)
            except (TypeError, ValueError):
                yield Error(
                    f"EVENTLOG['SIGN_INS'][{key!r}] is {name!r:.100}.",
                    hint="Set it to a name of at most 255 characters, or to None to leave out "
                    "these events.",
                    id="eventlog.E002",
                )


def _middleware() -> Iterator[CheckMessage]:
    if MIDDLEWARE not in settings.MIDDLEWARE:
        yield Warning(
            f"INSTALLED_APPS has {APP!r}, but MIDDLEWARE lacks {MIDDLEWARE!r}. Requested password "
            f"resets and token logins are not recorded. Changes of passwords and permissions are "
            f"recorded without their request and without the user who made them.",
            hint=f"Add {MIDDLEWARE!r} at the top of MIDDLEWARE.",
            id="eventlog.W013",
        )
