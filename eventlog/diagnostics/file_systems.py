"""The file system that a directory is on, as Linux describes it."""

from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# File systems on which another machine may hold a lock, or on which locks do not work.
NETWORK = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs"),
    *("fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
)
# File systems that lose their files, each with the moment.
VOLATILE = {
    "overlay": "together with the container",
    "ramfs": "at the next reboot",
    "tmpfs": "at the next reboot",
}


def type_of(directory: Path) -> str:
    """Return the type of the file system, such as ``ext4``; empty if this is not known."""
    path, found, length = directory.resolve(), "", -1
    with suppress(OSError):  # not on Linux
        for line in MOUNTS.read_text(errors="replace").splitlines():
            _, mount, kind, *_ = [*line.split(), "", "", ""]
            # A space in the name of a directory is written as an octal number.
            mounted = Path(mount.replace("\\040", " "))
            # Of several on the same directory, the last one is on top.
            if path.is_relative_to(mounted) and len(mounted.parts) >= length:
                found, length = kind, len(mounted.parts)
    return found
