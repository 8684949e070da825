"""The choices of the filters above the list of events."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Each group has at most one choice at a time.
CHOICES: Sequence[tuple[Any, Sequence[tuple[str, str, Any]]]] = (
    (
        pgettext_lazy("eventlog", "Time"),
        [
            ("last", "1h", _("hour")),
            ("last", "24h", _("24 h")),
            ("last", "7d", _("7 d")),
            ("last", "30d", _("30 d")),
        ],
    ),
    (
        _("Who"),
        [
            ("is", "user", _("logged in")),
            ("is", "anonymous", _("anonymous")),
            ("is", "unknown", _("not known")),
        ],
    ),
    (
        _("Status"),
        [("status", name, name) for name in ("2xx", "3xx", "4xx", "5xx")],
    ),
    (
        pgettext_lazy("eventlog", "Method"),
        [("method", name, name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE")],
    ),
    (
        _("Client"),
        [
            ("is", "human", _("people")),
            ("is", "bot", _("bots")),
            ("device", "pc", _("PC")),
            ("device", "mobile", _("mobile")),
            ("device", "tablet", _("tablet")),
        ],
    ),
)


class Choice(NamedTuple):
    """A link that adds a term to the search, or removes it."""

    label: Any
    address: str
    chosen: bool
    events: int | None = None


class ChoiceGroup(NamedTuple):
    """Choices of which one can be chosen at a time."""

    title: Any
    choices: Sequence[Choice]


class SearchError(NamedTuple):
    """A term that is not valid, with links to a search that is."""

    term: Any
    reason: str
    suggestion: Choice | None
    without: str | None
