"""Old events in a table that is partitioned by month."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from request.models import Request

from eventlog.contrib.importers.models import ImportedTable

from ...partitions.conftest import database  # noqa: F401 (a fixture)
from .running import run

OLD = datetime(2024, 5, 31, 23, 30, tzinfo=UTC)


@pytest.mark.usefixtures("database")
def test_a_missing_month_stops_the_import_until_it_exists():
    call_command("eventlog_partition", f"--from={timezone.now():%Y-%m}", apply=True, verbosity=0)
    Request.objects.create(path="/", ip="203.0.113.7", time=OLD)
    with pytest.raises(
        CommandError, match=r"Run manage.py eventlog_partition --apply --from 2024-05,"
    ):
        run("request", "--final")
    assert ImportedTable.objects.get().rows == 0
    call_command("eventlog_partition", "--from=2024-05", apply=True, verbosity=0)
    assert "1 row became 1 event" in run("request", "--final")
