"""One event as plain values, checked where it was logged."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, Model
from django.utils import timezone

from .encoding import encode
from .text import clean

LONGEST = 255  # characters in the text columns of the table

_TIMESTAMP = DateTimeField()
_EXTRA = ',"extra":'
_HEAD = ("action", "timestamp", "user_id", "user_repr", "model", "object_id", "object_repr")
_values_of_head = itemgetter(*_HEAD)
_quoted = json.encoder.encode_basestring_ascii


class Record(NamedTuple):
    """What a backend is handed: nothing in it can change, or fail to encode, later on."""

    action: str
    timestamp: datetime
    user_id: int | str | None = None
    user_repr: str = ""  # what the user was called then
    model: str | None = None  # of the object, as "app_label.modelname"
    object_id: int | str | None = None
    object_repr: str = ""  # what the object was called then
    extra: str = "{}"  # a JSON document

    @classmethod
    def build(
        cls,
        user: Any,
        action: str,
        extra: Any = None,
        obj: Model | None = None,
        dateof: datetime | None = None,
    ) -> "Record":
        """The record of what a caller of ``log()`` says.

        Raises ``TypeError`` or ``ValueError`` for an argument that does not fit, naming it.
        """
        user_id, user_repr = user_parts(user)
        model, object_id, object_repr = _object(obj)
        return cls(
            action=_action(action),
            timestamp=timezone.now() if dateof is None else _moment(dateof),
            user_id=user_id,
            user_repr=user_repr,
            model=model,
            object_id=object_id,
            object_repr=object_repr,
            extra=encode({} if extra is None else extra),
        )

    def extra_value(self) -> Any:
        """A copy of ``extra`` as Python values, as the database gives them back."""
        return json.loads(self.extra)

    def to_json(self) -> str:
        """One line of JSON, for a file or a broker. ``extra`` comes last, as it is."""
        # Spelt out: it is done for every event, and takes a fifth of what an encoder takes.
        return (
            f'{{"action":{_quoted(self.action)},"timestamp":"{self.timestamp.isoformat()}",'
            f'"user_id":{_key_json(self.user_id)},"user_repr":{_quoted(self.user_repr)},'
            f'"model":{_key_json(self.model)},"object_id":{_key_json(self.object_id)},'
            f'"object_repr":{_quoted(self.object_repr)}{_EXTRA}{self.extra}}}'
        )

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """The record that ``to_json()`` made ``line`` of; raises ``ValueError`` for another."""
        (record,) = Columns.from_json_lines([line]).records()
        return record


class Columns(NamedTuple):
    """Many records by column: what the interpreter need not loop over takes half the time.

    Timestamps are text, as ``datetime.isoformat()`` writes it.
    """

    actions: Sequence[str]
    timestamps: Sequence[str]
    user_ids: Sequence[int | str | None]
    user_reprs: Sequence[str]
    models: Sequence[str | None]
    object_ids: Sequence[int | str | None]
    object_reprs: Sequence[str]
    extras: Sequence[str]

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Columns":
        actions, moments, *others = zip(*records, strict=True)
        return cls(actions, [*map(datetime.isoformat, moments)], *others)

    @classmethod
    def from_json_lines(cls, lines: Sequence[str]) -> "Columns":
        """Of what ``Record.to_json()`` made lines of; raises ``ValueError`` if one is another."""
        # In a string of the head the quotes would be escaped, so this is where extra begins.
        parts = [line.partition(_EXTRA) for line in lines]
        heads = json.loads("[" + "},".join([head for head, _, _ in parts]) + "}]")
        try:
            extras = [extra[:-1] for _, _, extra in parts]
            values = zip(*map(_values_of_head, heads), strict=True)
            columns = cls._make((*values, extras))
            list(columns.moments())
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("this line is no event") from error
        texts = (columns.actions, columns.user_reprs, columns.object_reprs)
        whole = all(line[-1:] == "}" for line in lines)
        if not whole or {type(text) for column in texts for text in column} != {str}:
            raise ValueError("this line is no event")
        return columns

    def moments(self) -> Iterable[datetime]:
        return map(datetime.fromisoformat, self.timestamps)

    def records(self) -> list[Record]:
        return list(map(Record, self.actions, self.moments(), *self[2:]))


def _key_json(key: int | str | None) -> str:
    return "null" if key is None else _quoted(key) if isinstance(key, str) else str(key)


def _action(action: str) -> str:
    if not isinstance(action, str):
        raise TypeError(f"action is {action!r:.100} ({type(action).__name__}); it has to be a str")
    if not action.strip():
        raise ValueError(f"action is {action!r:.100}; it has to name what happened")
    action = str.__str__(action)  # an enum's str() is the name of its member
    if len(action) > LONGEST:
        raise ValueError(
            f"action has {len(action)} characters, {LONGEST} at most fit: {action[:60]!r}…"
        )
    return clean(action, LONGEST)


def _moment(dateof: datetime) -> datetime:
    if type(dateof) is datetime and dateof.tzinfo is UTC and settings.USE_TZ:
        return dateof  # as timezone.now() makes them: there is nothing to ask
    try:
        # Django's own field reads text, and warns of naive times, as it would at the INSERT.
        moment = _TIMESTAMP.get_prep_value(dateof)
        if not isinstance(moment, datetime):
            raise TypeError
        if timezone.is_aware(moment) and not settings.USE_TZ:
            moment = timezone.make_naive(moment)
        if timezone.is_aware(moment):
            moment.astimezone(UTC)  # which may lie beyond the calendar
    except (TypeError, OverflowError, ValidationError) as error:
        raise ValueError(f"dateof is {dateof!r:.100}, which is no date and time") from error
    return moment


def user_parts(user: Any) -> tuple[int | str | None, str]:
    """The key and the name of ``user``: None and nothing for one who is not logged in."""
    if user is None:
        return None, ""
    try:
        if isinstance(user, type):
            raise AttributeError  # what it says of itself is said of its instances
        if not user.is_authenticated:
            return None, ""
        key = _userkey_of(user)
    except AttributeError as error:
        raise TypeError(
            f"user is {user!r:.100} ({type(user).__name__}); give a user, an AnonymousUser or None"
        ) from error
    return key, _name(user, "get_username")


def _userkey_of(user: Any) -> int | str | None:
    """What the foreign key can hold: not one who was deleted just now, nor one of another table."""
    if user.pk is None or (isinstance(user, Model) and not isinstance(user, get_user_model())):
        return None
    return key_of(user.pk, "user")


def _object(obj: Model | None) -> tuple[str | None, int | str | None, str]:
    if obj is None:
        return None, None, ""
    if not isinstance(obj, Model):
        raise TypeError(f"obj is {obj!r:.100} ({type(obj).__name__}); give a model instance")
    if obj.pk is None or obj._state.adding:
        raise ValueError(
            f"obj is a {obj._meta.label} that is not saved, so nothing can point to it; "
            f"log() after save(), or before delete()"
        )
    # As content types have it: a proxy counts as the model that has the table.
    model = (obj._meta.concrete_model or type(obj))._meta.label_lower
    return model, key_of(obj.pk, "obj"), _name(obj, "__str__")


def key_of(pk: Any, whose: str) -> int | str:
    """A primary key as events hold it; raises ``ValueError`` if it is too long."""
    if isinstance(pk, int) and not isinstance(pk, bool):
        return pk
    key = encode(pk) if isinstance(pk, tuple) else str(pk)
    if len(key) > LONGEST:
        raise ValueError(
            f"the primary key of {whose} has {len(key)} characters, {LONGEST} at most fit"
        )
    return clean(key, LONGEST)


def _name(thing: Any, method: str) -> str:
    try:
        name = getattr(thing, method, thing.__str__)()
        return clean(str(thing if name is None else name), LONGEST)  # a username may be NULL
    except Exception:  # noqa: BLE001 (a broken __str__ must not cost the event)
        return f"{type(thing).__name__} object ({thing.pk})"
