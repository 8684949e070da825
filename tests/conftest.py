import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from eventlog import reporting
from eventlog.backends import locmem


@pytest.fixture(autouse=True)
def _fresh():
    reporting.forget()
    yield
    locmem.outbox.clear()


@pytest.fixture
def client():
    """Answers as a server does: an exception becomes a page of status 500."""
    return Client(raise_request_exception=False)


@pytest.fixture
def async_client():
    return AsyncClient(raise_request_exception=False)


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna")


@pytest.fixture
def outbox(settings):
    """Events in the order they were logged, without a database."""
    settings.EVENTLOG = {"BACKEND": "eventlog.backends.locmem.LocMemBackend"}
    return locmem.outbox
