"""django-simple-history: the versions of objects, of which each is compared with the one before.

The tables belong to the models of the site, so the models must still have ``HistoricalRecords``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.db import models

from ....changes import Changes, Pair, comparable, masked_differences
from ....records.arguments import object_parts
from ....text import MAX_REASON_LENGTH, cut
from ..event import ImportedEvent, ImportedObject
from ..history_versions import Versions, VersionState
from ..objects import kind_of_model
from ..problems import Problems, SkipRow
from ..table import ConversionContext, Row, SourceTable

CREATED, UPDATED, DELETED = "+", "~", "-"
ACTIONS = {CREATED: "CREATED", UPDATED: "UPDATED", DELETED: "DELETED"}
NO_VERSION = "an earlier version is missing, so the changes are not known"


class HistoryTable(SourceTable):
    """The versions of the objects of one model."""

    timestamp = "history_date"
    user_column = "history_user_id"

    def __init__(self, original: type[models.Model], using: str | None = None) -> None:
        meta: Any = original._meta
        manager = getattr(original, meta.simple_history_manager_attribute)
        self._model: type[models.Model] = manager.model
        self.name = self._model._meta.label
        super().__init__(using)
        self.original = original
        self.kind = kind_of_model(original)
        tracked = {field.attname for field in self._model.tracked_fields}
        # In this order, because Model.from_db() expects it.
        self.fields = [
            field for field in original._meta.concrete_fields if field.attname in tracked
        ]
        self.versions = Versions(self, original._meta.pk.attname)

    @property
    def model(self) -> type[models.Model]:
        return self._model

    @property
    def columns(self) -> Sequence[str]:
        own = ("history_type", "history_change_reason", "history_user_id")
        return [*(field.attname for field in self.fields), *own]

    def prepare(self, rows: Sequence[Row], context: ConversionContext) -> None:
        super().prepare(rows, context)
        self.versions.load(rows, [row for row in rows if row["history_type"] == UPDATED])

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        kind = row["history_type"]
        if kind not in ACTIONS:
            raise SkipRow(f"history_type is {kind!r}, which is not known")
        before = self.versions.before(row)
        state = self.versions.state_of(row)
        extra: Mapping[str, Any] = {}
        if kind == UPDATED and before is None:
            problems.note(NO_VERSION, row[self.key])
            changes, extra = {}, {"object": self._contents(state)}
        else:
            changes = self._changes(kind, before, state)
        reason = row["history_change_reason"]
        yield ImportedEvent(
            self.kind.action(ACTIONS[kind]),
            row["history_date"],
            context.users.by_key(row["history_user_id"]),
            self._object(row),
            {"reason": cut(reason, MAX_REASON_LENGTH)} if reason else {},
            extra,
            changes,
        )

    def _object(self, row: Row) -> ImportedObject:
        """Return the object with the name that it had in this version."""
        names = [field.attname for field in self.fields]
        instance = self.original.from_db(self.using, names, [row[name] for name in names])
        return ImportedObject(*object_parts(instance))

    def _changes(self, kind: str, before: VersionState | None, state: VersionState) -> Changes:
        if kind == UPDATED:
            pairs = self._pairs(before or state, state)
            return masked_differences((name, pair) for name, pair in pairs)
        contents = self._contents(state)
        if kind == CREATED:
            return masked_differences(
                (name, (_nothing(value), value)) for name, value in contents.items()
            )
        return masked_differences(
            (name, (value, _nothing(value))) for name, value in contents.items()
        )

    def _contents(self, state: VersionState) -> dict[str, Any]:
        """Return the values of a version, without its key and its empty fields."""
        values = {
            field.name: comparable(field, state.columns[field.attname])
            for field in self._comparable()
        } | {name: list(keys) for name, keys in state.relations.items()}
        return {name: value for name, value in values.items() if value not in (None, "", [], {})}

    def _pairs(self, before: VersionState, after: VersionState) -> Iterable[tuple[str, Pair]]:
        for field in self._comparable():
            old, new = (state.columns[field.attname] for state in (before, after))
            yield field.name, (comparable(field, old), comparable(field, new))
        for name, keys in after.relations.items():
            known = before.relations.get(name, ())
            removed = [key for key in known if key not in keys]
            yield name, (removed, [key for key in keys if key not in known])

    def _comparable(self) -> Iterable["models.Field[Any, Any]"]:
        """Yield the fields that can change: not the key, and not the key of a parent."""
        for field in self.fields:
            if not field.primary_key and not getattr(field.remote_field, "parent_link", False):
                yield field


def _nothing(value: Any) -> Any:
    """Return the value before a field had ``value``: no key of a relation, or None."""
    return [] if isinstance(value, list) else None


def tables(using: str | None = None) -> list[SourceTable]:
    """Return the tables of all models with a history."""
    return [
        HistoryTable(model, using)
        for model in apps.get_models()
        if hasattr(model._meta, "simple_history_manager_attribute")
    ]
