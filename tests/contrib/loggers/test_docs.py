"""The page about Python's logging names what the code has, and its examples do what it says."""

import re
from inspect import signature
from logging.config import dictConfig
from types import SimpleNamespace

import pytest
from django.utils.module_loading import import_string

from eventlog.checks import check_settings
from eventlog.contrib.loggers import conversion, early
from eventlog.contrib.loggers.backend import LoggerBackend
from eventlog.contrib.loggers.handler import EventLogHandler
from eventlog.models import Log, log
from tests.shop.models import Widget
from tests.test_docs import ROOT
from tests.test_docs_examples import containing

PAGE = (ROOT / "docs" / "logging.md").read_text()
OPTIONS = {EventLogHandler: "### Options", LoggerBackend: "## Write events through logging"}


def names_of(part):
    """Return the names that the example with this text defines."""
    names = {}
    exec(containing(PAGE, part), names)
    return SimpleNamespace(**names)


def add_handler(logging, name, logger):
    """Add the handler of a ``LOGGING`` to the logger."""
    options = {**logging["handlers"][name]}
    handler = import_string(options.pop("class"))(**options)
    logger.addHandler(handler)


@pytest.mark.parametrize("owner", OPTIONS)
def test_each_option_has_its_default(owner):
    table = PAGE.partition(f"\n{OPTIONS[owner]}\n")[2].partition("| option |")[2]
    rows = re.findall(
        r'^\| `(\w+)` \| .+? \| `"?(.+?)"?` \|', table.partition("\n\n")[0], re.MULTILINE
    )
    defaults = {each.name: str(each.default) for each in signature(owner).parameters.values()}
    assert dict(rows) == defaults | ({"level": "NOTSET"} if owner is EventLogHandler else {})


def test_the_limits_are_those_of_the_code():
    for limit in (conversion.MAX_MESSAGE_LENGTH, conversion.MAX_TRACEBACK_LENGTH, early.MAX_HELD):
        assert f"{limit:,}" in PAGE


def test_the_example_of_a_log_record_is_an_event(outbox, logger, anna):
    widget = Widget.objects.create(name="Foo")
    add_handler(names_of('"handlers": ["events"]').LOGGING, "events", logger)
    names_of("def pay").pay(widget, anna, "card")
    (event,) = outbox
    assert (event.action, event.user, event.obj) == ("ORDER_PAID", anna, widget)
    assert (event.extra["message"], event.extra["provider"]) == ("Foo is paid", "card")


def test_the_example_of_a_default_action_names_the_level(outbox, logger):
    add_handler(names_of("default_action").LOGGING, "problems", logger)
    logger.info("Running")
    logger.error("Broken")
    assert [event.action for event in outbox] == ["LOG_ERROR"]


def test_the_configuration_of_the_backend_writes_lines(settings, capsys):
    names = names_of("LoggerBackend")
    dictConfig(names.LOGGING)
    try:
        settings.EVENTLOG = names.EVENTLOG
        assert check_settings() == []
        log(None, "ORDER_PAID")
    finally:
        dictConfig({**names.LOGGING, "loggers": {"eventlog.events": {"propagate": True}}})
    assert capsys.readouterr().out.startswith('{"time": "')


@pytest.mark.django_db
def test_each_search_of_the_page_is_understood():
    searches = re.findall(r"^((?:trace|has):.+)$", PAGE, re.MULTILINE)
    searches += re.findall(r"`((?:extra\.\w+|exception):[^`]+)`", PAGE)
    assert len(searches) == 7
    for search in searches:
        assert list(Log.objects.search(search)) == []
