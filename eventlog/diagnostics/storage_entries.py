"""The parts of the inventory that say where events are stored, for how long, and who reads them."""

import stat
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, router

from ..access import ACTIONS
from ..backends import get_backend
from ..backends.buffered import BufferedBackend
from ..backends.sql.delivered import BATCH_ID_LIFETIME
from ..conf import conf
from ..models import Log
from ..models.hourly import HourCount
from ..partitions.catalog import read_partitions
from ..retention.ages import age_text
from ..retention.policy import RetentionRule, current_policy
from ..review.saved_searches import MAY_SHARE
from .inventory import Entry, joined_names
from .retention import last_run

PERMISSIONS = {
    "view and export events": "eventlog.view_log",
    "delete events": "eventlog.delete_log",
    "share saved searches": MAY_SHARE,
}


def place_entries() -> Iterator[Entry]:
    """Yield where events are stored."""
    backend = get_backend()
    yield Entry("stored", "backend", conf.backend)
    if isinstance(backend, BufferedBackend):
        directory = backend.spool.directory
        mode = ""
        if directory.exists():
            mode = f", mode {stat.S_IMODE(directory.stat().st_mode):o}"
        yield Entry("stored", "spool, until events are delivered", f"{directory}{mode}")
        yield Entry("stored", "destination of the spool", backend.current_destination())
    using = router.db_for_write(Log)
    known = connections.settings[using]
    host = known.get("HOST") or "this host"
    yield Entry(
        "stored",
        "database",
        f"{using}: {connections[using].vendor}, {known.get('NAME')} on {host}",
    )


def table_entries() -> Iterator[Entry]:
    """Yield the tables with events and counts."""
    partitions = read_partitions(connections[router.db_for_write(Log)])
    monthly = "" if partitions is None else f", in {len(partitions)} partitions"
    yield Entry("stored", "table of events", f"{Log._meta.db_table}{monthly}")
    names = "names and addresses by hour and day"
    yield Entry("stored", "table of counts", f"{HourCount._meta.db_table}, with {names}")


def retention_entries() -> Iterator[Entry]:
    """Yield for how long events are kept."""
    policy = current_policy()
    for rule in policy.rules:
        yield Entry("kept", str(rule), _period(rule))
    if all(rule.conditions for rule in policy.rules):
        other = "other events" if policy.rules else "events"
        until = "until eventlog_prune is called with an age, or a person deletes them"
        yield Entry("kept", other, until)
    if policy.minimum:
        yield Entry("kept", "at least", age_text(policy.minimum))
    if policy.holds:
        yield Entry("kept", "under legal hold", joined_names(policy.holds))
    yield Entry("kept", "counts", "as long as the events")
    yield Entry("kept", "ids of delivered batches", age_text(BATCH_ID_LIFETIME))


def last_run_entries() -> Iterator[Entry]:
    """Yield when the rules were applied."""
    if current_policy().rules:
        found = last_run(router.db_for_write(Log))
        shown = "never" if found is None else f"{found:%Y-%m-%d %H:%M %Z}"
        yield Entry("kept", f"last complete run ({ACTIONS['prune']})", shown)


def reader_entries() -> Iterator[Entry]:
    """Yield the permissions, and how many people have them."""
    for what, permission in PERMISSIONS.items():
        people: Any = ModelBackend().with_perm(permission)
        try:
            get_user_model()._meta.get_field("is_staff")
            people = people.filter(is_staff=True)
        except FieldDoesNotExist:  # in the site's own model
            pass
        number, superusers = people.count(), people.filter(is_superuser=True).count()
        yield Entry(
            "read by",
            f"{what} in the admin ({permission})",
            f"{number} active members of staff, of which {superusers} are superusers",
        )
    yield Entry(
        "read by",
        "read events elsewhere",
        "accounts of the operating system that run manage.py or read the spool, and accounts of "
        "the database",
    )


def _period(rule: RetentionRule) -> str:
    parts = [f"anonymized after {age_text(rule.anonymize)}"] if rule.anonymize else []
    parts.append("forever" if rule.keep is None else f"deleted after {age_text(rule.keep)}")
    return ", ".join(parts)


PARTS = (place_entries, table_entries, retention_entries, last_run_entries, reader_entries)
