import logging

import pytest

from eventlog.contrib.loggers.handler import EventLogHandler


@pytest.fixture
def logger():
    """A logger that passes log records of all levels to the handlers which a test adds."""
    found = logging.getLogger("shop.orders")
    found.setLevel(logging.DEBUG)
    yield found
    found.setLevel(logging.NOTSET)
    for handler in [*found.handlers]:
        found.removeHandler(handler)


@pytest.fixture
def handling(logger):
    """Return a function that adds an ``EventLogHandler`` with these options to the logger."""

    def add(**options):
        logger.addHandler(handler := EventLogHandler(**options))
        return handler

    return add
