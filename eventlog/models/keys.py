"""Conversion of the keys in records to foreign keys of this site."""

from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, router

from .many_keys import MAX_INTEGER_KEY
from .relations import database_of, event_model


@cache
def user_key() -> "models.Field[Any, Any]":
    """Return the primary key field of users, such as an integer or a UUID."""
    field: models.Field[Any, Any] = event_model()._meta.get_field("user").target_field  # type: ignore[union-attr]
    return field


def user_id(key: int | str | None) -> Any:
    """Return ``key`` as the primary key of a user.

    Return None if it does not fit the primary key field, such as the key of a token or a service.
    """
    try:
        converted = user_key().to_python(key)
    except ValidationError:
        return None
    if isinstance(converted, int) and abs(converted) >= MAX_INTEGER_KEY:
        return None
    return converted


def content_type_id(model: str, using: str | None = None) -> int | None:
    """Return the key of the content type of ``model``; None if its app was removed since."""
    try:
        found = apps.get_model(model)
    except LookupError:
        return None
    using = database_of(ContentType, using or router.db_for_write(event_model()))
    return ContentType.objects.db_manager(using).get_for_model(found).pk
