"""Relations of events to users, content types and objects, which may be in another database."""

from contextlib import suppress
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db import models, router, transaction
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor

from ..error_log import report
from .many_keys import with_keys


def event_model() -> type[models.Model]:
    return apps.get_model("eventlog.Log")


def is_apart(model: type[models.Model]) -> bool:
    """Return whether the database routers keep ``model`` in another database than events."""
    return bool(router.routers) and router.db_for_write(model) != router.db_for_write(event_model())


def database_of(model: type[models.Model], events: str) -> str:
    """Return the database of ``model`` for the events in the database ``events``."""
    return router.db_for_write(model) if is_apart(model) else events


def with_relations(events: "models.QuerySet[Any]", *names: str) -> "models.QuerySet[Any]":
    """Load relations with the events, by a join or by one query of another database each."""
    for name in names:
        related = events.model._meta.get_field(name).related_model
        load = events.prefetch_related if is_apart(related) else events.select_related
        events = load(name)
    return events


def leads_apart(lookup: str) -> bool:
    """Return whether a lookup such as ``user__email`` needs a join with another database."""
    name, _, further = lookup.partition("__")
    if not further or name not in ("user", "content_type"):
        return False
    related: type[models.Model] = event_model()._meta.get_field(name).related_model  # type: ignore[assignment]
    names = {field.name for field in related._meta.get_fields()} - {related._meta.pk.name}
    return further.partition("__")[0] in names and is_apart(related)


def users_in(
    events: "models.QuerySet[Any]", users: "models.Manager[Any]"
) -> "models.QuerySet[Any]":
    """Return the ``users`` that events refer to."""
    events = events.order_by()
    if is_apart(users.model):
        keys = events.filter(user__isnull=False).values_list("user", flat=True).distinct()
        return with_keys(users.all(), keys)
    return users.filter(models.Exists(events.filter(user=models.OuterRef("pk"))))


def content_types(using: str | None) -> Any:
    """Return the manager of content types; ``using`` is the database of an event."""
    # With database routers, the routers choose the database of content types.
    return ContentType.objects if router.routers else ContentType.objects.db_manager(using)


def rows_in_own_database(model: type[models.Model], event: models.Model) -> "models.QuerySet[Any]":
    """Return the rows of ``model``, from its own database instead of the event's."""
    if router.routers:
        return model._base_manager.using(router.db_for_read(model))
    return model._base_manager.using(event._state.db)


class _Descriptor(ForwardManyToOneDescriptor):  # type: ignore[type-arg]  # no generic at run time
    """Access to a row in its own database; None if the row was deleted."""

    def _related(self) -> type[models.Model]:
        model: type[models.Model] = self.field.remote_field.model
        return model

    def get_queryset(self, **hints: Any) -> "models.QuerySet[Any]":
        model = self._related()
        if not is_apart(model):
            found: models.QuerySet[Any] = super().get_queryset(**hints)
            return found
        # The event is not passed as a hint, because routers would return its database.
        return model._base_manager.using(router.db_for_read(model))

    def get_object(self, instance: models.Model) -> models.Model | None:  # type: ignore[override]
        try:
            found: models.Model = super().get_object(instance)
        except ObjectDoesNotExist:
            if not is_apart(self._related()):
                raise
            return None
        return found

    def __set__(self, instance: models.Model, value: Any) -> None:
        model = self._related()
        if not isinstance(value, model) or not is_apart(model):
            super().__set__(instance, value)
            return
        # Django's descriptor raises ValueError for a relation across databases.
        for own, other in self.field.related_fields:
            setattr(instance, own.attname, getattr(value, other.attname))
        self.field.set_cached_value(instance, value)


class _OnceCommitted(models.QuerySet[Any]):
    """Events in another database, updated when the transaction on ``after`` commits."""

    def update(self, **values: Any) -> int:
        after: str = self._hints["after"]  # type: ignore[attr-defined]
        transaction.on_commit(partial(self._update_reporting, values), using=after)
        return 0

    def _update_reporting(self, values: dict[str, Any]) -> None:
        try:
            super().update(**values)
        except Exception as error:  # noqa: BLE001 (the deletion is committed)
            report("clearing the keys of objects that were deleted in another database", error)


def set_null(collector: Any, field: Any, events: "models.QuerySet[Any]", using: str) -> None:
    """Set the keys of events to NULL, as ``SET_NULL`` does, in the database of the events."""
    if is_apart(field.remote_field.model):
        own = router.db_for_write(event_model())
        hints: Any = {"after": using}
        events = _OnceCommitted(events.model, events.query, own, hints)
    collector.add_field_update(field, None, events)


set_null.lazy_sub_objs = True  # type: ignore[attr-defined]


class LinkField(models.ForeignKey):  # type: ignore[type-arg]  # no generic at run time
    """A foreign key that is a plain column where the routers keep its target elsewhere.

    No database has a constraint, a join or a cascade across databases.
    """

    forward_related_accessor_class = _Descriptor

    def __init__(self, to: Any, on_delete: Any = set_null, **kwargs: Any) -> None:
        super().__init__(to, set_null, **kwargs)

    @property
    def db_constraint(self) -> bool:
        """True if the current routers keep the target in the database of events."""
        related = self.remote_field.model
        if isinstance(related, str):
            return True
        with suppress(LookupError):
            # Migrations have their own model classes, which a router may not recognise.
            related = apps.get_model(related._meta.label)
        return not is_apart(related)

    @db_constraint.setter
    def db_constraint(self, value: bool) -> None:
        pass  # Field.__init__() sets it, but the routers decide

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("on_delete", "db_constraint"):
            kwargs.pop(key, None)
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "ForeignKey"
