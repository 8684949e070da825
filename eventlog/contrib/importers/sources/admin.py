"""Django's own log of the admin."""

from collections.abc import Iterable, Mapping

from django.db import models

from ..event import ImportedEvent
from ..package_table import Factory, PackageTable, user_key_field
from ..problems import Problems, SkipRow
from ..stored_values import parsed_document
from ..table import ConversionContext, Row

KINDS = {1: "CREATED", 2: "UPDATED", 3: "DELETED"}


class AdminLogEntries(PackageTable):
    """Additions, changes and deletions in the admin. Only the names of fields are known."""

    name = "admin.LogEntry"
    db_table = "django_admin_log"
    timestamp = "action_time"
    user_column = "user_id"
    fields: Mapping[str, Factory] = {
        "action_time": models.DateTimeField,
        "user_id": user_key_field,
        "content_type_id": models.IntegerField,
        "object_id": models.TextField,
        "object_repr": models.TextField,
        "action_flag": models.PositiveSmallIntegerField,
        "change_message": models.TextField,
    }

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        action = KINDS.get(row["action_flag"])
        if action is None:
            raise SkipRow(f"action_flag is {row['action_flag']}, which is not known")
        kind = context.kinds.by_key(row["content_type_id"])
        yield ImportedEvent(
            kind.action(action),
            row["action_time"],
            context.users.by_key(row["user_id"]),
            kind.obj(row["object_id"], row["object_repr"]),
            extra={"change_message": parsed_document(row["change_message"])},
        )


TABLES = (AdminLogEntries,)
