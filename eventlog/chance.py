"""Random numbers of our own.

A site may seed the generator that Python shares, so that everybody gets the same quotation today
say. Drawn from that one, the requests of a day would have one id, and all or none be in a sample.
"""

import os
from functools import lru_cache
from random import Random


def generator() -> Random:
    """That of this process: a forked child must not draw what its parent draws."""
    return _generator_of(os.getpid())


@lru_cache(maxsize=1)
def _generator_of(pid: int) -> Random:
    return Random()  # noqa: S311 (nothing hangs on guessing what it gives)
