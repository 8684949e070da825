"""Which events of the list are folded into one line."""

import pytest

from eventlog.models import Log, log
from eventlog.review.html import own_values_in_line
from eventlog.review.list_lines import fold

pytestmark = pytest.mark.django_db


def folds():
    return [len(each.events) for each in fold(Log.objects.all())]


def test_equal_events_in_a_row_are_folded():
    for _ in range(3):
        log(None, "LOGIN_FAILED", extra={"username": "bob"})
    assert folds() == [3]


def test_events_with_other_values_of_the_application_are_not_folded():
    for name in ("bob", "anna", "zora"):
        log(None, "LOGIN_FAILED", extra={"username": name})
    assert folds() == [1, 1, 1]


def test_events_with_other_changes_are_not_folded():
    for n in range(3):
        log(None, "UPDATED_ORDER", changes={"total": [n, n + 1]})
    assert folds() == [1, 1, 1]


def test_a_list_of_values_is_shown_in_the_line():
    event = log(None, "PERMISSIONS_CHANGED", extra={"groups_added": ["Staff", "Editors"]})
    assert own_values_in_line(event) == "groups_added=Staff, Editors"
