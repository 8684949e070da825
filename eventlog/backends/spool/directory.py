"""The default directory of a spool, and the checks of a directory."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)


def default_directory() -> Path:
    """Return a directory in ``BASE_DIR``; without this setting, a temporary directory."""
    base: str | os.PathLike[str] | None = getattr(settings, "BASE_DIR", None)
    if base is not None:
        return Path(base) / "eventlog_spool"
    # Each user and site has a directory. The digest does not reveal SECRET_KEY.
    user = os.getuid() if hasattr(os, "getuid") else ""  # Windows has a directory per user
    site = sha256(f"eventlog {user} {settings.SECRET_KEY}".encode()).hexdigest()[:16]
    return Path(gettempdir()) / f"eventlog-{site}"


def is_writable_or_creatable(directory: Path) -> bool:
    """Return whether this user can create files in a directory, or create the directory."""
    try:
        directory.stat()
    except FileNotFoundError:
        pass  # The site creates the directory later, maybe as another user than the current user.
    except OSError:  # such as a name that is too long
        return False
    # Path.exists() raises an error inside a directory that this user may not enter.
    existing = next(
        path for path in (directory, *directory.absolute().parents) if os.path.exists(path)
    )
    try:
        # The file has no name where O_TMPFILE is supported. os.access() is not enough, because
        # it returns True for root in directories such as /proc.
        with TemporaryFile(dir=existing):
            return True
    except OSError:
        return False


def check_directory(directory: Path, *, chosen: bool) -> Iterator[CheckMessage]:
    """Yield the problems of a directory, which is ``chosen`` if the settings name it."""
    if not is_writable_or_creatable(directory):
        yield Error(
            f"EVENTLOG['OPTIONS']['spool'] is {str(directory)!r}, which is not writable.",
            hint="Give a directory that belongs to the user that the site runs as.",
            id="eventlog.E010",
        )
        return
    if not chosen and not hasattr(settings, "BASE_DIR"):
        yield Warning(
            f"EVENTLOG['OPTIONS'] has no 'spool', so events wait in {str(directory)!r}, which "
            f"may be emptied at a reboot.",
            hint="Give a directory that survives deploys and reboots.",
            id="eventlog.W010",
        )
    if directory.exists() and directory.stat().st_mode & 0o077:
        yield Warning(
            f"EVENTLOG['OPTIONS']['spool'] is {str(directory)!r}, which other users can read.",
            hint=f"Run chmod 700 {directory}.",
            id="eventlog.W011",
        )
