"""Identifiers of events that are unique across databases and other stores."""

import os
import time
from random import Random

# Own generator, because a site may seed Python's. The system's would take a system call each time.
_random = Random()  # noqa: S311 (an identifier is not a secret)


_MAX_LOW_BITS = (1 << 62) - 1


def _seed() -> None:
    _random.seed(os.urandom(32))


_seed()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_seed)  # or else children would have equal identifiers


def new_uid() -> str:
    """Return a new UUID of version 7 (RFC 9562) as 32 hexadecimal digits.

    The first 48 bits are the time in milliseconds, so that stores can sort by it. Made without
    ``uuid``, which takes several times as long.
    """
    bits = _random.getrandbits(74)
    milliseconds = time.time_ns() // 1_000_000
    high, low = bits >> 62, bits & _MAX_LOW_BITS
    return f"{milliseconds << 80 | 7 << 76 | high << 64 | 1 << 63 | low:032x}"
