"""Managers that record what ``update()``, ``bulk_update()`` and ``bulk_create()`` change."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import models, transaction

from . import loaded_values
from .recording import (
    Change,
    are_changes_recorded,
    as_row,
    changes_of_columns,
    changes_of_new_or_deleted,
    record,
)
from .tracking import CREATED, UPDATED, Tracking, tracking_of

M = TypeVar("M", bound=models.Model)

MAX_KEYS = 1000  # in one query


class TrackedQuerySet(models.QuerySet[M]):
    """A queryset whose ``update()``, ``bulk_update()`` and ``bulk_create()`` record events.

    Django sends no signals for these methods. If the model is tracked, each changed row causes one
    event. ``update()`` takes one or two additional queries. Subclass it to add methods of your own,
    and use ``as_manager()``.
    """

    def update(self, **kwargs: Any) -> int:
        tracking = tracking_of(self.model) if are_changes_recorded() else None
        names = [] if tracking is None else tracking.saved(kwargs)
        if tracking is None or not names or self.query.is_sliced or self.query.combinator:
            return super().update(**kwargs)  # raises an error for the last two
        self._for_write = True
        with transaction.atomic(using=self.db):
            objs = list(self._rows(self.order_by().values("pk")).select_for_update())
            updated = super().update(**kwargs)
            new = self._new_values(tracking, names, objs, kwargs)
            record(UPDATED, tracking, _changes(tracking, objs, new))
        return updated

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(
        self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        objs, fields = tuple(objs), tuple(fields)
        updated = super().bulk_update(objs, fields, batch_size)  # calls update(), which records
        if (tracking := tracking_of(self.model)) is not None:
            for obj in objs:  # A filter of the queryset may have left out its row.
                loaded_values.forget(obj, tracking, tracking.saved(fields), self.db)
        return updated

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[M],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> list[M]:
        tracking = tracking_of(self.model)
        # With either, the database does not say which rows it has inserted.
        if tracking is None or ignore_conflicts or update_conflicts:
            saved = super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, *args, **kwargs
            )
            if tracking is not None:
                for obj in saved:
                    loaded_values.forget(obj, tracking, tracking.columns, self.db)
            return saved
        self._for_write = True
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, batch_size, False, False, *args, **kwargs)
            record(CREATED, tracking, self._created(tracking, created))
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _rows(self, keys: Any) -> models.QuerySet[M]:
        return self.model._base_manager.using(self.db).filter(pk__in=keys)

    def _new_values(
        self, tracking: Tracking, names: Sequence[str], objs: list[M], given: dict[str, Any]
    ) -> dict[Any, dict[str, Any]]:
        """Return the new values of each object, from the database if it has computed any."""
        columns = {name: tracking.columns[name] for name in names}
        values = {
            name: _stored(column, given.get(name, given.get(column.name)))
            for name, column in columns.items()
        }
        if not any(hasattr(value, "resolve_expression") for value in values.values()):
            return {obj.pk: values for obj in objs}
        keys = [obj.pk for obj in objs]
        return {
            row.pop("pk"): row
            for start in range(0, len(keys), MAX_KEYS)
            for row in self._rows(keys[start : start + MAX_KEYS]).values("pk", *names)
        }

    def _created(self, tracking: Tracking, objs: list[M]) -> Iterator[Change]:
        for obj in objs:
            values = {name: value for name, value in vars(obj).items() if name in tracking.columns}
            computed = [
                name for name, value in values.items() if loaded_values.is_expression(value)
            ]
            loaded_values.remember_saved(
                obj, tracking, values, self.db, created=True, computed=computed
            )
            # Some databases do not return the keys, so the event has none.
            yield as_row(obj), changes_of_new_or_deleted(tracking, values, created=True)


def _stored(column: Any, value: Any) -> Any:
    """Return the value of a column; for an object, its key."""
    if isinstance(value, models.Model) and column.remote_field:
        return value.prepare_database_save(column)
    return value


def _changes(
    tracking: Tracking, objs: Iterable[M], new: dict[Any, dict[str, Any]]
) -> Iterator[Change]:
    for obj in objs:
        own, values = vars(obj), new.get(obj.pk, {})
        pairs = ((name, (own.get(name), value)) for name, value in values.items())
        if found := changes_of_columns(tracking, pairs):
            for name, value in values.items():
                setattr(obj, name, value)  # for the name in the event
            yield obj, found


class TrackedManager(models.Manager.from_queryset(TrackedQuerySet)):  # type: ignore[misc]
    """A manager with the methods of ``TrackedQuerySet``, as in ``objects = TrackedManager()``."""
