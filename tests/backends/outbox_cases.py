"""Tests that each log events, which test_outbox.py runs with Django's runner and with pytest."""

import pytest
from django.core import mail
from django.test import SimpleTestCase, TestCase, override_settings

from eventlog.backends.locmem import outbox
from eventlog.models import log

LOCMEM = {"BACKEND": "eventlog.backends.locmem.LocMemBackend"}


class Cases:
    """The setting changes once for the whole class."""

    def test_a(self):
        log(None, "A")
        self.assertEqual([event.action for event in outbox], ["A"])
        outbox.clear()
        self.assertEqual(outbox, [])
        log(None, "AGAIN")
        mail.outbox.clear()
        self.assertEqual(len(outbox), 1)

    def test_b(self):
        self.assertEqual(list(outbox), [])
        log(None, "B")

    def test_c(self):
        self.assertFalse(outbox)


@override_settings(EVENTLOG=LOCMEM)
class WithDatabaseTests(Cases, TestCase):
    pass


@override_settings(EVENTLOG=LOCMEM)
class SimpleTests(Cases, SimpleTestCase):
    pass


@pytest.fixture(scope="module", autouse=True)
def _locmem():
    with override_settings(EVENTLOG=LOCMEM):
        yield


@pytest.mark.parametrize("number", [1, 2])
def test_function(number):
    assert outbox == []
    log(None, "C")
    assert [event.action for event in outbox] == ["C"]
