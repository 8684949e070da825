"""The start and the end of a hijack as events, and the person in all events in between.

django-hijack keeps the primary keys of the persons in ``session["hijack_history"]``, the first
person first. The person's name is kept next to them, so that an event needs no query.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from hijack.signals import hijack_ended, hijack_started

from ...metadata.given import NOTHING_GIVEN, Given, give, sources
from ...metadata.user import known_session
from ...records.arguments import user_key_and_name
from ..sign_ins.recording import record, reporting_errors

HISTORY = "hijack_history"
PERSON = "eventlog_hijack_person"  # key of the session: primary key and name; empty for none


def given_by_hijacker(request: HttpRequest) -> Given:
    """Return the person who has hijacked the account of ``request``, as far as is known."""
    session = known_session(request)
    history = session and session.get(HISTORY)
    if session is None or not history:
        return NOTHING_GIVEN
    # The name is missing if the hijack began before this app was installed.
    person = session.get(PERSON, [history[0], history[0]])
    return Given(dict(zip(("acting_user_id", "acting_user"), person, strict=False)))


@reporting_errors
def started(request: HttpRequest, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    _record("hijack_started", request, hijacker, hijacked)


@reporting_errors
def ended(request: HttpRequest, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    _record("hijack_ended", request, hijacker, hijacked)
    if not request.session.get(HISTORY):
        del request.session[PERSON]


@reporting_errors
def logged_out(request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Keep the person for the event of the request, because the session is emptied now."""
    if request is not None:
        give(request, given_by_hijacker(request))


def _record(key: str, request: HttpRequest, hijacker: Any, hijacked: Any) -> None:
    """Record the event of the person, and keep the person's name in the session."""
    session = request.session
    person = _first_person(session, hijacker)
    session[PERSON] = []  # This event is the person's own.
    try:
        record(key, user=person, obj=hijacked, request=request)
    finally:
        pk, name = user_key_and_name(person)
        session[PERSON] = [str(pk), name]


def _first_person(session: SessionBase, hijacker: Any) -> Any:
    """Return the person at the start of nested hijacks, else ``hijacker``."""
    history = session.get(HISTORY) or []
    user_model = get_user_model()
    if not history or history[0] == user_model._meta.pk.value_to_string(hijacker):
        return hijacker
    key = user_model._meta.pk.to_python(history[0])
    return user_model._base_manager.filter(pk=key).first() or hijacker


def connect() -> None:
    """Connect the receivers and the source. A second call changes nothing."""
    hijack_started.connect(started)
    hijack_ended.connect(ended)
    user_logged_out.connect(logged_out)
    sources.add(given_by_hijacker)
