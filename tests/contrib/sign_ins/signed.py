"""The events that tests of sign-ins expect."""

from eventlog.models import Log


def events():
    """Return the events in order, without the events of requests."""
    return list(Log.objects.filter(is_request=False).order_by("pk"))


def the_event(action):
    """Return the one event, which has this action."""
    (event,) = events()
    assert event.action == action
    return event


def actions():
    return [event.action for event in events()]
