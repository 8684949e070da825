"""django-auditlog: changes of models with old and new values, and views of objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import models

from ....changes import Changes, checked_changes
from ..event import ImportedEvent
from ..objects import Kind
from ..package_table import Factory, PackageTable, user_key_field
from ..problems import Problems, SkipRow
from ..request_facts import address_of
from ..stored_values import field_of, parsed_document, typed_pair
from ..table import ConversionContext, Row
from ..users import Who

CREATE, UPDATE, DELETE, ACCESS = range(4)
ACTIONS = {CREATE: "CREATED", UPDATE: "UPDATED", DELETE: "DELETED", ACCESS: "VIEWED"}
UNREADABLE = "the changes could not be read and were kept as they are"


class AuditlogEntries(PackageTable):
    """The log of django-auditlog, or the model that ``AUDITLOG_LOGENTRY_MODEL`` names."""

    name = "auditlog.LogEntry"
    db_table = "auditlog_logentry"
    timestamp = "timestamp"
    user_column = "actor_id"
    fields: Mapping[str, Factory] = {
        "timestamp": models.DateTimeField,
        "content_type_id": models.IntegerField,
        "object_pk": models.TextField,
        "object_repr": models.TextField,
        "action": models.PositiveSmallIntegerField,
        "changes": models.JSONField,
        "changes_text": models.TextField,
        "serialized_data": models.JSONField,
        "additional_data": models.JSONField,
        "actor_id": user_key_field,
        "actor_email": models.TextField,
        "cid": models.TextField,
        "remote_addr": models.GenericIPAddressField,
        "remote_port": models.PositiveIntegerField,
    }

    @property
    def label(self) -> str:
        return str(getattr(settings, "AUDITLOG_LOGENTRY_MODEL", self.name))

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        action = ACTIONS.get(row["action"])
        if action is None:
            raise SkipRow(f"action is {row['action']}, which is not known")
        kind = context.kinds.by_key(row["content_type_id"])
        facts, extra = address_of(row.get("remote_addr"))
        extra = {**extra, **_extra(row)}
        changes = _changes(row, kind)
        if changes is None:
            problems.note(UNREADABLE, row[self.key])
            extra["changes_as_stored"] = row.get("changes")
        yield ImportedEvent(
            kind.action(action),
            row["timestamp"],
            _who(row, context),
            kind.obj(row["object_pk"], row["object_repr"]),
            facts,
            extra,
            changes,
        )


def _who(row: Row, context: ConversionContext) -> Who:
    key, email = row["actor_id"], row.get("actor_email")
    if key is not None and not context.users.is_deleted(key):
        return context.users.by_key(key)
    if email:
        return context.users.by_key(None, email)
    # A change with an address was made by a request.
    return context.no_user if key is None and row.get("remote_addr") else context.users.by_key(key)


def _extra(row: Row) -> dict[str, Any]:
    """Return the values that have no place of their own in an event."""
    names = ("actor_email", "cid", "remote_port", "serialized_data", "additional_data")
    extra = {name: row.get(name) for name in names}
    text = row.get("changes_text")
    return extra | {"changes_text": parsed_document(text)} if text and row.get("changes") else extra


def _changes(row: Row, kind: Kind) -> Changes | None:
    """Return the changes as events have them; None if they cannot be read."""
    stored = parsed_document(row.get("changes") or row.get("changes_text") or {})
    if not isinstance(stored, dict):
        return None
    pairs: dict[str, list[Any]] = {}
    for name, value in stored.items():
        if isinstance(value, dict) and value.get("type") == "m2m":
            objects = value.get("objects")
            pairs[name] = [[], objects] if value.get("operation") == "add" else [objects, []]
        elif not isinstance(value, list) or len(value) != 2:
            return None
        elif (pair := typed_pair(field_of(kind.model, name), value)) is not None:
            pairs[name] = _with_nothing(row["action"], pair)
    return checked_changes(pairs)


def _with_nothing(action: int, pair: list[Any]) -> list[Any]:
    """Return the values of a field, with None before the creation and after the deletion."""
    old, new = pair
    return [None if action == CREATE else old, None if action == DELETE else new]


TABLES = (AuditlogEntries,)
