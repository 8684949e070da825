"""The changes of models that django-easy-audit has recorded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models

from ....changes import Changes, checked_changes
from ..event import ImportedEvent
from ..objects import Kind
from ..package_table import Factory, PackageTable, user_key_field
from ..problems import Problems, SkipRow
from ..stored_values import field_of, parsed_document, parsed_literal, typed_pair
from ..table import ConversionContext, Row

CREATE, UPDATE, DELETE = 1, 2, 3
ACTIONS = {CREATE: "CREATED", UPDATE: "UPDATED", DELETE: "DELETED"}
RELATIONS = {
    4: "change",
    5: "reverse change",
    6: "add",
    7: "reverse add",
    8: "remove",
    9: "reverse remove",
    10: "clear",
    11: "reverse clear",
}
UNREADABLE = "the changes could not be read and were kept as they are"
EMPTY: Sequence[Any] = (None, "", [], {})


class CrudEvents(PackageTable):
    """Objects that were created, updated and deleted, and relations that changed."""

    name = "easyaudit.CRUDEvent"
    db_table = "easyaudit_crudevent"
    timestamp = "datetime"
    user_column = "user_id"
    fields: Mapping[str, Factory] = {
        "datetime": models.DateTimeField,
        "event_type": models.SmallIntegerField,
        "object_id": models.TextField,
        "content_type_id": models.IntegerField,
        "object_repr": models.TextField,
        "object_json_repr": models.TextField,
        "changed_fields": models.TextField,
        "user_id": user_key_field,
        "user_pk_as_string": models.TextField,
    }

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        number = row["event_type"]
        relation = RELATIONS.get(number)
        action = "UPDATED" if relation else ACTIONS.get(number)
        if action is None:
            raise SkipRow(f"event_type is {number}, which is not known")
        kind = context.kinds.by_key(row["content_type_id"])
        state = _state(row["object_json_repr"])
        extra: dict[str, Any] = {"relation": relation}
        changes: Changes | None
        if number in (CREATE, DELETE):
            changes = _contents(state, is_new=number == CREATE)
        else:
            extra["object"] = state or row["object_json_repr"]
            changes = _changes(row["changed_fields"], kind, relation, state)
        if changes is None:
            problems.note(UNREADABLE, row[self.key])
            names = ("changed_fields", "object_json_repr")
            extra |= {name: parsed_document(row[name]) for name in names}
        key, name = row["user_id"], ""
        if key is None and row.get("user_pk_as_string"):
            name = f"user {row['user_pk_as_string']}"  # The account was deleted.
        yield ImportedEvent(
            kind.action(action),
            row["datetime"],
            context.users.by_key(key, name),
            kind.obj(row["object_id"], row["object_repr"]),
            extra=extra,
            changes=changes,
        )


def _state(serialized: str) -> dict[str, Any]:
    """Return the values of the object, as Django's serializer has written them."""
    found = parsed_document(serialized)
    if isinstance(found, list) and found and isinstance(found[0], dict):
        fields = found[0].get("fields")
        related = {name: found[0][name] for name in found[0] if name.startswith("m2m_rev_")}
        return {**(fields if isinstance(fields, dict) else {}), **related}
    return {}


def _contents(state: Mapping[str, Any], *, is_new: bool) -> Changes | None:
    """Return the changes of an object that was created or deleted, without its empty fields."""
    if not state:
        return None
    filled = {name: value for name, value in state.items() if value not in EMPTY}
    return checked_changes(
        {name: [None, value] if is_new else [value, None] for name, value in filled.items()}
    )


def _changes(
    stored: str, kind: Kind, relation: str | None, state: Mapping[str, Any]
) -> Changes | None:
    """Return the changes of an update; None if they cannot be read."""
    found = parsed_literal(stored or "")
    if found in ("", "null", None) or found == []:
        return {}
    if not isinstance(found, dict):
        return None
    pairs = {}
    for name, value in found.items():
        if not isinstance(value, list | tuple):
            return None
        if relation:
            known = _relation_name(kind, name) or state.get("m2m_rev_model") or "relation"
            pairs[str(known)] = [value, []] if "remove" in relation else [[], value]
        elif len(value) != 2:
            return None
        elif (pair := typed_pair(field_of(kind.model, name), value)) is not None:
            pairs[name] = pair
    return checked_changes(pairs)


def _relation_name(kind: Kind, name: str | None) -> str | None:
    """Return the name of a relation of the object.

    django-easy-audit names the first relation to the same model, which may be a foreign key.
    """
    field = field_of(kind.model, name) if name else None
    if kind.model is None or field is None or field.many_to_many:
        return name
    many = kind.model._meta.many_to_many
    others = [other.name for other in many if other.related_model is field.related_model]
    return others[0] if len(others) == 1 else name


TABLES = (CrudEvents,)
