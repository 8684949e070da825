"""Statements of code about a context, in addition to the facts that are read from a request."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest

from ..error_log import report

User = tuple[int | str | None, str]  # primary key and name

_ATTRIBUTE = "eventlog_given"  # of a request, so that all its contexts share it


class Given(NamedTuple):
    """Facts, values for ``extra`` and a user, for all events of a context."""

    facts: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    user: User | None = None

    def over(self, outer: "Given") -> "Given":
        """Return both, with the values of this one where both have a value."""
        user = outer.user if self.user is None else self.user
        return Given({**outer.facts, **self.facts}, {**outer.extra, **self.extra}, user)


NOTHING_GIVEN = Given()

Source = Callable[[HttpRequest], Given]

sources: set[Source] = set()
"""Functions of optional parts that return what they know about a request.

A source is called at each event. It must not query, and must not read a session that the site has
not read.
"""


def given_for(request: HttpRequest) -> Given:
    """Return what ``annotate()`` and the sources have said about the request."""
    # From the instance's attributes, because a missing one raises an error inside getattr().
    given: Given = request.__dict__.get(_ATTRIBUTE, NOTHING_GIVEN)
    for source in sources:
        try:
            given = given.over(source(request))
        except Exception as error:  # noqa: BLE001 (sessions of the site may raise anything)
            report("reading what an optional part knows about a request", error)
    return given


def give(request: HttpRequest, given: Given) -> None:
    """Add to what is said about the request."""
    setattr(request, _ATTRIBUTE, given.over(getattr(request, _ATTRIBUTE, NOTHING_GIVEN)))
