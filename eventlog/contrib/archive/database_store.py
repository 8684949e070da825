"""The table of events in a database of the site."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connections, router
from django.db.models import Q, QuerySet

from ...datetimes import HOUR, aware, to_db_timezone
from ...models import Log
from ...models.delivered_batch import DeliveredBatch
from ...models.keys import content_type_id, user_id
from ...models.relations import database_of, is_apart
from ...records.record import Record
from ...review.extra_loading import defer_large_extra
from ..importers.writing import NoPartitionError, write_with_position
from .copy_store import StoreError, missing
from .event import CopiedEvent, event_batches, micros_of

PAGE_ROWS = 2000
MAX_PAGE_BYTES = 16 * 1024  # of a document that is read with its page; others are read one by one
LOCK = "eventlog_copy"  # a row that exists only inside the transaction of a batch
ATTEMPTS = 3
KEY_BITS = (1 << 62) - 1
_COLUMNS = (
    "id",
    "uid",
    "timestamp",
    "action",
    "user_id",
    "user_repr",
    "user_state",
    "content_type_id",
    "object_id",
    "object_repr",
    "is_request",
    "ip",
    "status",
    "own_keys",
    "_document",
)


class _Changed(Exception):  # noqa: N818 (the name of a state)
    """Another process has written some of the events."""


class DatabaseCopyStore:
    """The events in the database that the routers choose."""

    name = "the database"

    def __init__(self) -> None:
        self.using = router.db_for_write(Log)
        self._models: dict[int, str] = {}

    def _between(self, start: datetime, end: datetime) -> QuerySet[Any]:
        return (
            Log.objects.using(self.using)
            .order_by("timestamp", "id")
            .filter(timestamp__gte=self._bound(start), timestamp__lt=self._bound(end))
        )

    def _bound(self, moment: datetime) -> datetime:
        """Return the time in the database from which on times are ``moment`` or later."""
        if settings.USE_TZ or connections[self.using].features.supports_timezones:
            return moment
        # The column has the time of a clock that repeats an hour. It counts as the first pass.
        wall = to_db_timezone(moment).replace(fold=0)
        return wall + (moment - aware(wall))

    def hours(self, start: datetime, end: datetime) -> dict[datetime, int]:
        # From event to event, because grouping by hours in UTC reads no index on most databases.
        found: dict[datetime, int] = {}
        while True:
            times = self._between(start, end).values_list("timestamp", flat=True)
            first = next(iter(times[:1]), None)
            if first is None:
                return found
            hour = aware(first).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            start = max(hour, start)
            stop = min(hour + HOUR, end)
            found[hour] = self._between(start, stop).order_by().count()
            start = stop

    def read(self, start: datetime, end: datetime) -> Iterator[CopiedEvent]:
        events = self._between(start, end)
        after = Q()
        while True:
            some = defer_large_extra(events.filter(after), MAX_PAGE_BYTES)
            rows = list(some.values_list(*_COLUMNS)[:PAGE_ROWS])
            for row in rows:
                yield self._event(row)
            if len(rows) < PAGE_ROWS:
                return
            key, _uid, stored, *_ = rows[-1]
            moment = self._bound(aware(stored))
            # The first condition is for indexes of the time alone.
            after = Q(timestamp__gte=moment) & (Q(timestamp__gt=moment) | Q(id__gt=key))

    def _event(self, row: Sequence[Any]) -> CopiedEvent:
        key, uid, moment, action, user, name, state, kind, *others, document = row
        object_id, object_repr, is_request, *facts = others
        if document.startswith("#"):  # a document that is read in part
            document = self._document(key, moment)
        values = (
            uid.hex if uid else UUID(int=key & KEY_BITS).hex,
            micros_of(aware(moment)),
            action,
            None if user is None else str(user),
            name,
            state,
            "" if kind is None else self._model(kind),
            object_id,
            object_repr,
            bool(is_request),
            *facts,
            document,
        )
        return CopiedEvent._make(values)

    def _document(self, key: int, moment: datetime) -> str:
        one: Any = Log.objects.using(self.using).filter(
            pk=key, timestamp=self._bound(aware(moment))
        )
        found: Any = defer_large_extra(one, None)
        for document in found.values_list("_document", flat=True):
            return str(document)
        raise StoreError("An event was deleted during the copy. Run the command again.")

    def _model(self, key: int) -> str:
        if key not in self._models:
            types = ContentType.objects.using(database_of(ContentType, self.using))
            found = types.values_list("pk", "app_label", "model")
            self._models = {pk: f"{app_label}.{model}" for pk, app_label, model in found}
        return self._models.get(key, "")

    # Writing

    def adapted(self, events: Iterable[CopiedEvent], notes: Counter[str]) -> Iterator[CopiedEvent]:
        for batch in event_batches(events):
            users = self._existing_users(batch)
            kinds = {model: content_type_id(model, self.using) for model in _models_of(batch)}
            for event in batch:
                if event.user_id is not None and event.user_id not in users:
                    notes["have no user, because the account was deleted since"] += 1
                    event = event._replace(user_id=None)
                if event.model and kinds[event.model] is None:
                    notes["have no kind of object, because its app was removed"] += 1
                    event = event._replace(model="")
                yield event

    def _existing_users(self, events: Sequence[CopiedEvent]) -> set[str]:
        keys = {event.user_id for event in events} - {None}
        model = get_user_model()
        if is_apart(model):  # without a foreign key
            return {str(key) for key in keys if user_id(key) is not None}
        wanted = {user_id(key): key for key in keys}
        wanted.pop(None, None)
        found: set[str] = set()
        rest = iter(wanted)
        while some := [*islice(rest, 500)]:
            users = model._base_manager.using(self.using).filter(pk__in=some)
            found.update(str(wanted[key]) for key in users.values_list("pk", flat=True))
        return found

    def add(self, events: Sequence[CopiedEvent], notes: Counter[str]) -> int:
        for _ in range(ATTEMPTS):
            rest = missing(self, events)
            try:
                return self._write(rest, notes)
            except _Changed:
                continue
        raise StoreError("Another process writes the same events. Wait until it has ended.")

    def _write(self, events: Sequence[CopiedEvent], notes: Counter[str]) -> int:
        if not events:
            return 0

        def lock(rejected: Any) -> None:
            # A second process that writes this row waits until this transaction has ended.
            rows = DeliveredBatch.objects.using(self.using)
            rows.create(pk=LOCK, count=0)
            rows.filter(pk=LOCK).delete()
            if len(missing(self, events)) < len(events):
                raise _Changed

        try:
            rejected = write_with_position([*map(_record, events)], lock, self.using)
        except NoPartitionError as error:
            raise StoreError(
                f"The table of events has no partition for {error}. Run manage.py "
                f"eventlog_partition --apply --from {error}, and then this command again."
            ) from error
        for _event, reason in rejected:
            notes[f"were rejected by the database ({type(reason).__name__}: {reason})"] += 1
        return len(events) - len(rejected)

    def commit(self) -> None:
        pass

    def close(self) -> None:
        pass


def _models_of(events: Iterable[CopiedEvent]) -> set[str]:
    return {event.model for event in events} - {""}


def _record(event: CopiedEvent) -> Record:
    return Record(
        action=event.action,
        timestamp=event.moment,
        user_id=event.user_id,
        user_repr=event.user_repr,
        user_state=event.user_state,
        model=event.model or None,
        object_id=event.object_id,
        object_repr=event.object_repr,
        is_request=event.is_request,
        ip=event.ip,
        status=event.status,
        own_keys=event.own_keys,  # type: ignore[arg-type]  # None in rows of pinax-eventlog
        uid=event.uid,
        is_announced=False,
        extra=event.extra,
    )
