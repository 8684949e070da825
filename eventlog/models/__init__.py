"""The tables, and ``log()``, which users of pinax-eventlog import from here."""

from .delivered_batch import DeliveredBatch
from .event import Log
from .hourly import CountedHour, HourCount
from .keys import content_type_id, user_id, user_key
from .pending_key import PendingKey
from .queryset import LogQuerySet
from .saved_search import SavedSearch

# The one import of a higher layer. It comes last, because that layer imports the tables.
from ..api import alog, log  # isort: skip

__all__ = [
    "CountedHour",
    "DeliveredBatch",
    "HourCount",
    "Log",
    "LogQuerySet",
    "PendingKey",
    "SavedSearch",
    "alog",
    "content_type_id",
    "log",
    "user_id",
    "user_key",
]
