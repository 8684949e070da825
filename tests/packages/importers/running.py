"""The command, and the events that it has made."""

from io import StringIO

from django.core.management import call_command

from eventlog.models import Log


def run(*arguments):
    """Return what ``eventlog_import`` prints."""
    out = StringIO()
    call_command("eventlog_import", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def imported(source, *options):
    """Import all rows of a source; return the events in their order."""
    run(source, "--final", *options)
    return events()


def events():
    """Return the imported events in the order of their rows."""
    return [event for event in Log.objects.order_by("pk") if "imported" in event.extra]


def facts(event):
    """Return the facts of an event without the user agent's."""
    client = ("browser", "os", "device", "device_type")
    return {name: fact for name, fact in event.facts.items() if name not in client}
