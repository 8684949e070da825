"""The fields of one request, read with the readers that ``FIELDS`` enables."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from ..conf import FIELDS as ALL_NAMES
from ..conf import conf, once_per_settings
from ..error_log import report
from . import readers, user_agent_loader
from .fields import FIELDS, Reader


@once_per_settings
def _enabled_readers() -> dict[Reader, Sequence[str]]:
    """Return each reader that ``FIELDS`` enables, with the names of its fields."""
    names = conf.fields
    enabled: dict[Reader, list[str]] = {}
    for name, field in FIELDS.items():
        if name in names and field.reader is not None:
            enabled.setdefault(field.reader, []).append(name)
    return {**enabled}


def collect(request: HttpRequest) -> dict[str, Any]:
    """Return the enabled fields that the request itself has."""
    facts: dict[str, Any] = {}
    for read, names in _enabled_readers().items():
        try:
            facts |= read(request)
        except Exception as error:  # noqa: BLE001 (requests may be objects that the site made)
            report(f"reading the {' and '.join(names)} of a request", error)
    return only_enabled(facts)


def only_enabled(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that ``FIELDS`` enables."""
    names = conf.fields
    if names is ALL_NAMES:
        return facts
    return {name: fact for name, fact in facts.items() if name in names}


async def aload_user_agent_parser(request: Any) -> None:
    """Load the user agent parser in a thread, so that ``collect()`` does not block the event loop.

    Only the first request that needs the parser waits.
    """
    if user_agent_loader.is_loaded():
        return
    try:
        if request.META.get("HTTP_USER_AGENT") and readers.client in _enabled_readers():
            await user_agent_loader.aload_parser()
    except Exception as error:  # noqa: BLE001 (the visitor must get the page)
        report("loading the user agent parser", error)
