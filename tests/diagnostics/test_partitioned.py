"""The doctor on a partitioned table."""

import pytest

from ..partitions.conftest import partitioned
from ..partitions.support import names, only_months

__all__ = ["partitioned"]

pytestmark = [pytest.mark.usefixtures("partitioned"), pytest.mark.django_db]


def test_nothing_is_wrong_on_a_correct_site(site):
    site.request()
    assert site.findings() == {}


@pytest.mark.parametrize(
    ("months", "found"), [([1], "eventlog.E050"), ([0], "eventlog.W050"), ([0, 1], None)]
)
def test_a_missing_month_is_named_with_its_fix(site, months, found):
    only_months(*months)
    findings = site.findings()
    assert [*findings] == ([found] if found else [])
    assert all("eventlog_partition --apply" in each.fix for each in findings.values())


def test_the_inventory_has_the_number_of_partitions(site, run):
    document, _ = run("eventlog_inventory", "--json")
    details = [each["detail"] for each in document["stored"]]
    assert f"eventlog_log, in {len(names())} partitions" in details
