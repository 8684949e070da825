from django.test import SimpleTestCase

from eventlog.backends.locmem import outbox
from eventlog.models import log
from eventlog.signals import event_logged


class TestLocMem(SimpleTestCase):
    """The outbox works without a database."""

    def test_events_are_in_the_outbox_and_announced(self):
        heard = []

        def receiver(sender, event, **kwargs):
            heard.append(event)

        event_logged.connect(receiver)
        self.addCleanup(event_logged.disconnect, receiver)
        with self.settings(EVENTLOG={"BACKEND": "eventlog.backends.locmem.LocMemBackend"}):
            event = log(None, "X", {"a": 1})
        assert outbox == heard == [event]
        assert outbox[0].extra == {"a": 1}
