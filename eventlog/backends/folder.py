"""The folder of a spool: where it lies if nobody says, and what is wrong with where it lies."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)


def default_folder() -> Path:
    """Beside the site's code, or among temporary files where it does not say where that is."""
    base: str | os.PathLike[str] | None = getattr(settings, "BASE_DIR", None)
    if base is not None:
        return Path(base) / "eventlog_spool"
    # One for each user and site; the key tells sites apart and cannot be read off its digest.
    site = sha256(f"eventlog {os.getuid()} {settings.SECRET_KEY}".encode()).hexdigest()[:16]
    return Path(gettempdir()) / f"eventlog-{site}"


def check_folder(folder: Path, *, chosen: bool) -> Iterator[CheckMessage]:
    """What is wrong with it, for ``manage.py check``; ``chosen``: by the settings."""
    # It is made when it is needed, by the user whom the site runs as; checks may be another's.
    # Path.exists() raises for what lies in a folder that is closed to whoever checks.
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not (there.is_dir() and os.access(there, os.W_OK)):
        yield Error(
            f"EVENTLOG['OPTIONS']['spool'] is {str(folder)!r}, which cannot be written.",
            hint="Give a folder that belongs to the user whom the site runs as.",
            id="eventlog.E010",
        )
        return
    if not chosen and not hasattr(settings, "BASE_DIR"):
        yield Warning(
            f"EVENTLOG['OPTIONS'] has no 'spool', so events wait in {str(folder)!r}, which "
            f"may be emptied at a reboot.",
            hint="Give a folder that outlives deploys and reboots.",
            id="eventlog.W010",
        )
    if there == folder and folder.stat().st_mode & 0o077:
        yield Warning(
            f"EVENTLOG['OPTIONS']['spool'] is {str(folder)!r}, which others can read.",
            hint=f"chmod 700 {folder}",
            id="eventlog.W011",
        )
