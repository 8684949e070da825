"""Checks of the spool of this machine: its directory, its locks, and the events that wait."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from ..backends import destinations
from ..backends.buffered import BufferedBackend
from ..backends.losses import DROPPED
from ..backends.spool import Status, files
from ..backends.spool.directory import is_writable_or_creatable
from ..backends.spool.segment import WAITING, SegmentName
from ..models import Log
from . import file_systems
from .findings import Finding, problem, warning
from .site import Site
from .spool_findings import (
    age_findings,
    dead_letter_findings,
    undeliverable_findings,
    unknown_destinations,
    unreadable_findings,
)

LOSSES_PERIOD = timedelta(days=7)
MAX_READ_LOSSES = 1000


def directory_findings(site: Site) -> Iterator[Finding]:
    """Yield what is wrong with the directory itself."""
    spool = _backend(site).spool.directory
    if not is_writable_or_creatable(spool):  # A system check reports it.
        return
    if not spool.exists():
        yield warning(
            "spool-missing",
            f"The spool {str(spool)!r} does not exist, so no process has recorded an event here.",
            "Run the command where the site runs: on the same machine or in the same container, "
            "and with the same settings.",
        )
        return
    yield from _file_system(spool)
    yield from _owners(spool)


def _file_system(spool: Path) -> Iterator[Finding]:
    kind = file_systems.type_of(spool)
    if kind in file_systems.NETWORK:
        yield problem(
            "spool-network",
            f"The spool {str(spool)!r} is on a network file system ({kind}), so another machine "
            f"may hold its locks.",
            "Give each machine a directory on a local disk in EVENTLOG['OPTIONS']['spool'].",
        )
    elif kind in file_systems.VOLATILE:
        yield warning(
            "spool-volatile",
            f"The spool {str(spool)!r} is on a file system ({kind}) that is deleted "
            f"{file_systems.VOLATILE[kind]}, with all events that wait.",
            "Give a directory on a local disk or on a volume in EVENTLOG['OPTIONS']['spool'].",
        )
    if not files.supports_locks(spool):
        yield problem(
            "spool-without-locks",
            f"The file system of the spool {str(spool)!r} has no file locks, so no event is "
            f"delivered.",
            "Give a directory on a local disk in EVENTLOG['OPTIONS']['spool'].",
        )


def _owners(spool: Path) -> Iterator[Finding]:
    if not os.access(spool, os.R_OK | os.X_OK):  # content_findings() reports it
        return
    owner, others = spool.stat().st_uid, []
    for name in sorted(os.listdir(spool)):
        with suppress(FileNotFoundError):  # delivered in the meantime
            if (spool / name).stat().st_uid != owner:
                others.append(name)
    if others:
        yield problem(
            "spool-owners",
            f"Files in the spool of another user than the owner of {str(spool)!r}: {len(others)}, "
            f"such as {', '.join(others[:3])}. The site may not be able to read them.",
            f"Run chown -R {owner} {spool}, and run all commands as this user.",
        )
    elif owner != os.getuid():
        yield warning(
            "spool-other-user",
            f"The spool {str(spool)!r} belongs to the user {owner}, and this command runs as the "
            f"user {os.getuid()}, whose events the site may not be able to read.",
            "Run all commands as the user that runs the site.",
        )


def content_findings(site: Site) -> Iterator[Finding]:
    """Yield what is wrong with the events that wait."""
    backend, status = _backend(site), site.spool_status
    yield from unreadable_findings(backend, status)
    if status.unreadable == [str(backend.spool.directory)]:
        return
    shared = [*_other_sites(backend, status)]
    yield from shared or undeliverable_findings(status)
    yield from age_findings(status, site.options.max_age)
    yield from dead_letter_findings(status)
    yield from _locked(backend, site.options.max_age)
    backend.spool.refresh_size()
    if backend.spool.is_nearly_full:
        yield warning(
            "spool-filling",
            f"More than a quarter of the spool's 'max_bytes' is used: {status.bytes} bytes.",
            "Find out why events are not delivered, or raise EVENTLOG['OPTIONS']['max_bytes'].",
        )


def lost_event_findings(site: Site) -> Iterator[Finding]:
    """Yield a warning if events were lost lately."""
    lost = Log.objects.using(site.using).action(DROPPED).since(LOSSES_PERIOD)
    newest = lost.order_by("-timestamp").values_list("extra", flat=True)[:MAX_READ_LOSSES]
    extras = [extra for extra in newest if isinstance(extra, dict)]
    if extras:
        count = sum(extra.get("count", 0) for extra in extras)
        reasons = sorted({str(extra.get("reason")) for extra in extras})
        yield warning(
            "spool-dropped",
            f"Events that were lost in the last {LOSSES_PERIOD.days} days: {count} "
            f"({', '.join(reasons)}).",
            "Free the disk, raise EVENTLOG['OPTIONS']['max_bytes'], or correct the rights of the "
            "directory, see docs/backends.md.",
        )


def _other_sites(backend: BufferedBackend, status: Status) -> Iterator[Finding]:
    """Yield the unknown destinations for which a process is writing events now."""
    unknown = unknown_destinations(status)
    names = {path: SegmentName.parse(path.name) for path in backend.spool.paths(WAITING)}
    foreign = {path: name for path, name in names.items() if name.destination in unknown}
    for destination in sorted({foreign[path].destination for path in filter(_is_locked, foreign)}):
        yield problem(
            "spool-shared",
            f"Another site writes to the spool {str(backend.spool.directory)!r}: its events wait "
            f"for {destination!r}, which is not in DATABASES.",
            "Give each site a directory of its own in EVENTLOG['OPTIONS']['spool'].",
        )


def _locked(backend: BufferedBackend, max_age: float) -> Iterator[Finding]:
    """Yield old segments that a process keeps locked, so that no process delivers them."""
    begun_before = time.time() - max_age
    for path in backend.spool.paths(WAITING):
        name = SegmentName.parse(path.name)
        is_known = destinations.find(name.destination) is not None
        if is_known and name.created < begun_before and _is_locked(path):
            yield problem(
                "spool-locked",
                f"Another process has locked the segment {path.name} for longer than "
                f"{max_age:.0f} s, so its events are not delivered.",
                f"End the process that holds the lock; lslocks or 'fuser {path}' names it.",
            )


def _is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a segment."""
    try:
        lock = files.lock(path)
    except OSError:  # unreadable_findings() reports it
        return False
    if lock is None:
        return path.exists()
    files.unlock(lock)
    return False


def _backend(site: Site) -> BufferedBackend:
    assert site.spooled is not None
    return site.spooled
