"""The events of one person: the accounts that a name or key matches, and their erasure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any, NamedTuple, Protocol

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.lookups import Exact, IsNull

from .changes import KEY as CHANGES
from .conf import FIELDS
from .counts.hours import drop_personal_counts
from .metadata.fields import personal_fields
from .models import Log, LogQuerySet, user_id
from .models.decoding import read_any_text
from .models.expressions import Fact
from .records.arguments import object_key, user_key_and_name

PERSONAL_KEYS = personal_fields()
ACTING_KEYS = frozenset(["acting_user", "acting_user_id"])
CHUNK_SIZE = 500  # events that one transaction changes


@dataclass(frozen=True)
class Match:
    """An account that a name or a key matches; a deleted account exists only in events."""

    key: str | None  # None if events hold only the name
    pk: Any = None  # the key in the type of ``Log.user``; None if it does not convert
    account: str | None = None  # name of the account today; None if it was deleted
    name: str | None = None  # name in events without a key, if they belong to this person
    user_types: frozenset[int] = field(default_factory=lambda: frozenset(user_types()))

    def is_by(self, event: Log) -> bool:
        """Return whether the person is the user of ``event``."""
        if event.user_id is None:
            return bool(self.name == event.user_repr)
        return bool(self.pk == event.user_id)

    def is_about(self, event: Log) -> bool:
        """Return whether the person is the object of ``event``."""
        if event.content_type_id not in self.user_types:
            return False
        if event.object_id is None:
            return bool(self.name == event.object_repr)
        return bool(self.key == event.object_id)

    def acted_in(self, event: Log) -> bool:
        """Return whether the person acted on behalf of the user of ``event``."""
        facts = event.facts
        if (key := facts.get("acting_user_id")) is not None:
            return bool(key == self.key)
        return self.name is not None and facts.get("acting_user") == self.name

    @property
    def by_condition(self) -> Q:
        """The condition that ``is_by()`` checks for one event."""
        condition = Q(pk__in=[])
        if self.pk is not None:
            condition |= Q(user=self.pk)
        if self.name is not None:
            condition |= Q(user=None, user_repr=self.name)
        return condition

    @property
    def about_condition(self) -> Q:
        """The condition that ``is_about()`` checks for one event."""
        condition = Q(pk__in=[])
        if self.key is not None:
            condition |= Q(content_type__in=self.user_types, object_id=self.key)
        if self.name is not None:
            types = self.user_types
            condition |= Q(content_type__in=types, object_id=None, object_repr=self.name)
        return condition

    @property
    def acted_in_condition(self) -> Q:
        """The condition that ``acted_in()`` checks for one event."""
        condition = Q(pk__in=[])
        if self.key is not None:
            condition |= Q(Exact(Fact("acting_user_id"), self.key))
        if self.name is not None:
            without_key = Q(IsNull(Fact("acting_user_id"), True))
            condition |= Q(Exact(Fact("acting_user"), self.name)) & without_key
        return condition

    @property
    def condition(self) -> Q:
        """The condition of all events of the person."""
        return self.by_condition | self.about_condition | self.acted_in_condition


class EventRange(NamedTuple):
    """The number of events of a match, and the times of the first and the last."""

    total: int
    first: Any
    last: Any


class EventQueries(Protocol):
    """The events of all persons, in the database or in another store."""

    def distinct(self, value: F | Fact, condition: Q) -> Sequence[Any]:
        """Return the distinct values among the events that meet a condition."""

    def exists(self, condition: Q) -> bool:
        """Return whether an event meets the condition."""

    def event_range(self, condition: Q) -> EventRange:
        """Count the events, and find the first and the last."""


class DatabaseEventQueries:
    """The events in the database."""

    def distinct(self, value: F | Fact, condition: Q) -> Sequence[Any]:
        values = _events().filter(condition).annotate(value=value).order_by()
        found = values.values_list("value", flat=True).distinct()
        return read_any_text(lambda: list(found), found.db)

    def exists(self, condition: Q) -> bool:
        return _events().filter(condition).exists()

    def event_range(self, condition: Q) -> EventRange:
        ends = {"first": Min("timestamp"), "last": Max("timestamp")}
        return EventRange(**_events().filter(condition).aggregate(total=Count("pk"), **ends))


def matches_of_name(name: str, events: EventQueries) -> Sequence[Match]:
    """Return the accounts that have or had this name, deleted ones included."""
    keys = [str(object_key(user)) for user in _accounts_named(name)]
    about = Q(content_type__in=user_types(), object_repr=name, object_id__isnull=False)
    keys += map(str, events.distinct(F("user"), Q(user_repr=name, user__isnull=False)))
    keys += map(str, events.distinct(F("object_id"), about))
    ids = events.distinct(Fact("acting_user_id"), Q(Exact(Fact("acting_user"), name)))
    keys += [key for key in ids if key is not None]
    matches = [_match_of_key(key) for key in dict.fromkeys(keys)]
    keyless = Match(key=None, name=name)
    if not events.exists(keyless.condition):
        return matches
    deleted = [match for match in matches if match.account is None]
    if len(deleted) != 1:
        return [*matches, keyless]
    return [replace(match, name=name) if match is deleted[0] else match for match in matches]


def key_as_stored(text: str) -> str:
    """Return the key of a user in the form that ``object_id`` stores: "7" for "007"."""
    pk = user_id(text)
    return text if pk is None else str(pk)


def matches_of_key(key: str, events: EventQueries) -> Sequence[Match]:
    """Return the account of this key, a deleted one if events have the key."""
    match = _match_of_key(key)
    found = match.account is not None or events.exists(match.condition)
    return [match] if found else []


def condition_of_matches(matches: Iterable[Match]) -> Q:
    """Return the condition of the events whose user or object is one of ``matches``."""
    return reduce(or_, (match.condition for match in matches), Q(pk__in=[]))


def custom_keys(events: Iterable[Log]) -> set[str]:
    """Return the keys of ``extra`` that the application chose."""
    documents = (event.extra for event in events if isinstance(event.extra, dict))
    return {key for document in documents for key in document} - {*FIELDS}


def account_of(match: Match) -> Any:
    """Return the account of ``match``; None if it was deleted."""
    return None if match.account is None else _users().filter(pk=match.pk).first()


def erase(matches: Sequence[Match], events: Sequence[Log], *, delete: bool) -> int:
    """Remove the person from their ``events``, or delete these; return the number of events."""
    using = router.db_for_write(Log)
    count = 0
    for start in range(0, len(events), CHUNK_SIZE):
        chunk = events[start : start + CHUNK_SIZE]
        by = [event for event in chunk if any(match.is_by(event) for match in matches)]
        about = [event for event in chunk if any(match.is_about(event) for match in matches)]
        acted = [event for event in chunk if any(match.acted_in(event) for match in matches)]
        # Compared again in Python, because a site may have changed the collation of a column.
        theirs = {event.pk: event for event in [*by, *about, *acted]}
        near = _events().around(event.timestamp for event in theirs.values())
        rows = near.filter(pk__in=theirs)
        with transaction.atomic(using=using):
            if delete:
                rows._raw_delete(using)
            else:
                rows.filter(pk__in=_keys(by)).update(user=None, user_repr="", ip=None)
                near.bulk_update(list(_without(PERSONAL_KEYS, by)), ["extra"])
                # The request was theirs, so its personal facts are too.
                rows.filter(pk__in=_keys(acted)).update(ip=None)
                near.bulk_update(list(_without(PERSONAL_KEYS | ACTING_KEYS, acted)), ["extra"])
                # Old and new values of the person's own account.
                near.bulk_update(list(_without(frozenset([CHANGES]), about)), ["extra"])
                rows.filter(pk__in=_keys(about)).update(object_id=None, object_repr="")
            drop_personal_counts((event.timestamp for event in chunk), using)
        count += len(theirs)
    return count


def _without(keys: frozenset[str], events: Iterable[Log]) -> Iterable[Log]:
    for event in events:
        if isinstance(event.extra, dict) and not keys.isdisjoint(event.extra):
            event.extra = {k: v for k, v in event.extra.items() if k not in keys}
            yield event


def _keys(events: Iterable[Log]) -> list[int]:
    return [event.pk for event in events]


def _events() -> LogQuerySet:
    return Log.objects.using(router.db_for_write(Log))


def _users() -> QuerySet[Any]:
    """Return all accounts, including those that the managers of the model hide."""
    return QuerySet(get_user_model())


def user_types() -> set[int]:
    """Return the content types of the user model and of models that extend it."""
    users = get_user_model()
    models = [model for model in apps.get_models() if issubclass(model, users)]
    return {kind.pk for kind in ContentType.objects.get_for_models(*models).values()}


def _accounts_named(name: str) -> list[Any]:
    users = get_user_model()
    try:
        found = list(_users().filter(**{users.USERNAME_FIELD: name}))
    except (ValueError, TypeError, OverflowError, ValidationError):  # the field is not text
        return []
    # Compared again, because MariaDB ignores case and accents.
    return [user for user in found if user_key_and_name(user)[1] == name]


def _match_of_key(text: str) -> Match:
    pk = user_id(text)
    account = None if pk is None else _users().filter(pk=pk).first()
    if account is None:
        return Match(key_as_stored(text), pk)
    return Match(str(object_key(account)), account.pk, user_key_and_name(account)[1])
