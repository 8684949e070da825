"""Checks of the arguments of ``log()``, and their conversion to the plain values of a record."""

from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation, ValidationError
from django.db.models import DateTimeField, Model
from django.utils import timezone
from django.utils.functional import LazyObject, Promise
from django.utils.translation import override

from ..conf import conf
from ..text import sanitize
from .encoding import encode

MAX_TEXT_LENGTH = 255  # characters in the text columns of the table

_TIMESTAMP = DateTimeField()


def checked_action(action: str | Promise) -> str:
    """Return ``action`` as plain text; raise an error if the text is empty or too long."""
    if isinstance(action, LazyObject):
        action = _evaluated(action)
    if isinstance(action, Promise):
        # Without translation, because an action must not change with the visitor's language.
        with override(None):
            action = str(action)
    if not isinstance(action, str):
        raise TypeError(f"action is {action!r:.100} ({type(action).__name__}); give a str")
    if not action.strip():
        raise ValueError(f"action is {action!r:.100}; give a name that says what happened")
    action = str.__str__(action)  # because str() of an enum is the name of its member
    if len(action) > MAX_TEXT_LENGTH:
        raise ValueError(
            f"action has {len(action)} characters; at most {MAX_TEXT_LENGTH} are allowed: "
            f"{action[:60]!r}…"
        )
    return sanitize(action, MAX_TEXT_LENGTH)


@cache
def name_in_actions(model: type[Model]) -> str:
    """Return the name of ``model`` in actions, such as ``FOO_WIDGET``."""
    with override(None):  # because an action must not change with the visitor's language
        return str(model._meta.verbose_name).upper().replace(" ", "_")


def _evaluated(lazy: Any) -> Any:
    """Return the value of a ``SimpleLazyObject``, which only pretends to have the value's type."""
    bool(lazy)  # evaluates the object, because otherwise the copy is lazy too
    return copy(lazy)


def encode_extra(extra: Any, facts: Mapping[str, Any]) -> str:
    """Return ``extra`` and ``facts`` as JSON; raise ``ValueError`` if ``extra`` is too large."""
    text = encode({**facts, **extra} if facts and isinstance(extra, dict) else extra)
    if len(text) > conf.max_extra_bytes:
        own = len(encode(extra)) if facts else len(text)
        if own > conf.max_extra_bytes:
            raise ValueError(
                f"extra has {own:,} bytes as JSON, and EVENTLOG['MAX_EXTRA_BYTES'] allows "
                f"{conf.max_extra_bytes:,}; keep the data elsewhere and log its key"
            )
    return text


def checked_datetime(dateof: datetime) -> datetime:
    """Return ``dateof`` as the column ``timestamp`` accepts it; raise ``ValueError`` otherwise."""
    if type(dateof) is datetime and dateof.tzinfo is UTC is conf.time_zone:
        return dateof  # as timezone.now() returns it, so that nothing is left to check
    try:
        # Django's field parses text, and warns of naive values as it would at the INSERT.
        moment = _TIMESTAMP.get_prep_value(dateof)
        if isinstance(moment, LazyObject):
            moment = _evaluated(moment)  # because drivers choose the conversion by the type
        if not isinstance(moment, datetime):
            raise TypeError
        if timezone.is_aware(moment) and not settings.USE_TZ:
            moment = timezone.make_naive(moment)
        if timezone.is_aware(moment):
            moment.astimezone(UTC)  # raises OverflowError outside the years 1 to 9999
    except (TypeError, OverflowError, ValidationError) as error:
        raise ValueError(
            f"dateof is {dateof!r:.100}, which is not a valid date and time; give a datetime"
        ) from error
    return moment


def user_key_and_name(user: Any) -> tuple[int | str | None, str]:
    """Return the primary key and the name of ``user``; (None, "") if no user is logged in."""
    if user is None:
        return None, ""
    try:
        if isinstance(user, type):
            raise AttributeError  # because the attributes of a class describe its instances
        if not user.is_authenticated:
            return None, ""
        key = _user_key(user)
    except AttributeError as error:
        raise TypeError(
            f"user is {user!r:.100} ({type(user).__name__}); give a user, an AnonymousUser or None"
        ) from error
    return key, _name(user, "get_username")


def _user_key(user: Any) -> int | str | None:
    """Return a value for the foreign key; None for a deleted user or a row of another table."""
    if user.pk is None or (isinstance(user, Model) and not isinstance(user, get_user_model())):
        return None
    return _checked_key(user.pk, "user")


def object_parts(obj: Model | None) -> tuple[str | None, int | str | None, str]:
    """Return the model, the primary key and the name of ``obj``."""
    if obj is None:
        return None, None, ""
    if not isinstance(obj, Model):
        raise TypeError(f"obj is {obj!r:.100} ({type(obj).__name__}); give a model instance")
    if obj._state.adding:
        raise ValueError(
            f"obj is a {obj._meta.label} that is not saved, so no row has its key; "
            f"call log() after save()"
        )
    # Like content types, a proxy counts as its concrete model.
    model = (obj._meta.concrete_model or type(obj))._meta.label_lower
    return model, object_key(obj), _name(obj, "__str__")


def object_key(obj: Model) -> int | str | None:
    """Return the primary key of ``obj`` as events store it; None if ``obj`` was deleted.

    Raise ``ValueError`` if the key is too long.
    """
    pk, field = obj.pk, obj._meta.pk
    if type(pk) is int:
        return pk
    if isinstance(pk, tuple):  # a composite key, whose parts are None after delete()
        return None if None in pk else _checked_key(field.value_to_string(obj), "obj")
    # Normalised, because "7" and 7 are the same key, and a UUID can be written in several ways.
    try:
        pk = field.to_python(pk)
    except Exception:  # noqa: BLE001 (a field of the site may raise any exception)
        pk = obj.pk
    return None if pk is None else _checked_key(pk, "obj")


def _checked_key(pk: Any, argument: str) -> int | str:
    if isinstance(pk, LazyObject):
        pk = _evaluated(pk)
    if isinstance(pk, int) and not isinstance(pk, bool):
        return int(pk)
    # str.__str__(), because str() of an enum is the name of its member.
    text = str.__str__(pk) if isinstance(pk, str) else str(pk)
    if len(text) > MAX_TEXT_LENGTH:
        raise ValueError(
            f"the primary key of {argument} has {len(text)} characters; "
            f"at most {MAX_TEXT_LENGTH} are allowed"
        )
    return sanitize(text, MAX_TEXT_LENGTH)


def _name(thing: Any, method: str) -> str:
    try:
        name = getattr(thing, method, thing.__str__)()
        # A username may be NULL.
        return sanitize(str(thing if name is None else name), MAX_TEXT_LENGTH)
    except SynchronousOnlyOperation:
        raise  # because off_loop() then calls the method in a thread
    except Exception:  # noqa: BLE001 (a broken __str__ must not cost the event)
        return f"{type(thing).__name__} object ({thing.pk})"
