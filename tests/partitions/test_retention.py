"""The retention rules on a partitioned table, in databases of their own."""

import pytest
from django.core.management import call_command

from eventlog.models import Log

from .support import in_month, names, only_months
from .test_pruning import age_of


@pytest.fixture
def months(database):
    """Make three months with an event each."""
    call_command("eventlog_partition", "--apply", verbosity=0)
    only_months(-3, -2, -1, 0, 1)
    Log.objects.bulk_create([in_month(n, action=f"GET{-n}") for n in (-3, -2, -1)])


@pytest.mark.parametrize("hold", [[], ["action:GET3"]])
def test_months_of_which_nothing_is_kept_are_dropped(months, settings, hold, capsys):
    settings.EVENTLOG = {
        "ACCESS": {"prune": False},
        "RETENTION": {"rules": [{"keep": age_of(-1)}], "hold": hold},
    }
    call_command("eventlog_prune", "--pause=0")
    left = {"GET1", *(["GET3"] if hold else [])}
    assert {*Log.objects.values_list("action", flat=True)} == left
    assert len(names()) == len(left) + 2
    assert ("2 events dropped with their months." in capsys.readouterr().out) is not bool(hold)
