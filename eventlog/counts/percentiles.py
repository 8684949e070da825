"""Percentiles of response times, estimated from the numbers of requests in latency buckets."""

from collections import Counter

from .counting import LATENCY_DIMENSIONS, OVERFLOW


def percentile(histogram: Counter[int], share: float) -> float | None:
    """Return a percentile in milliseconds, interpolated within its latency bucket."""
    total = sum(histogram.values())
    if not total:
        return None
    rank, below, lower = total * share, 0, 0.0
    for bound in LATENCY_DIMENSIONS.values():
        if below + histogram[bound] >= rank:
            upper = bound if bound != OVERFLOW else lower
            return lower + (upper - lower) * (rank - below) / histogram[bound]
        below += histogram[bound]
        lower = float(bound)
    return lower
