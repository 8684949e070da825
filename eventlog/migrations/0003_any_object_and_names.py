"""Objects with any kind of primary key, the names of user and object, an index for each filter.

The existing columns and rows stay. On PostgreSQL and MariaDB, the new type of ``object_id``
rewrites the table once. The other operations change the catalogue or build an index.
"""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models

from eventlog.models.fields import ExactField, NameField
from eventlog.models.relations import LinkField
from eventlog.models.reversal import refuse_0003


def allow_long_keys(apps: Any, schema_editor: Any) -> None:
    """Change the row format of MySQL 5.6, because it limits index entries to 767 bytes."""
    connection = schema_editor.connection
    if connection.vendor != "mysql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_name = 'eventlog_log' AND row_format IN ('Compact', 'Redundant')"
        )
        old = cursor.fetchone()
    if old:
        schema_editor.execute("ALTER TABLE `eventlog_log` ROW_FORMAT=DYNAMIC")


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("eventlog", "0002_alter_log_id"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RunPython(allow_long_keys, migrations.RunPython.noop, atomic=False),
        migrations.AddField(
            model_name="log",
            name="user_repr",
            field=ExactField(
                blank=True,
                db_default="",
                default="",
                max_length=255,
                verbose_name="user's name then",
            ),
        ),
        migrations.AddField(
            model_name="log",
            name="object_repr",
            field=ExactField(
                blank=True,
                db_default="",
                default="",
                max_length=255,
                verbose_name="object's name then",
            ),
        ),
        migrations.AlterField(
            model_name="log",
            name="object_id",
            field=ExactField(blank=True, max_length=255, null=True, verbose_name="object's key"),
        ),
        # Added before the old indexes are removed, because MariaDB requires an index for each
        # foreign key at all times.
        migrations.AddIndex(
            model_name="log",
            index=models.Index(
                fields=["user", "timestamp"],
                name="eventlog_user_time",
                condition=models.Q(user__isnull=False),
            ),
        ),
        migrations.AddIndex(
            model_name="log",
            index=models.Index(
                fields=["content_type", "object_id", "timestamp"],
                name="eventlog_object_time",
                condition=models.Q(object_id__isnull=False),
            ),
        ),
        migrations.AlterField(
            model_name="log",
            name="action",
            field=NameField(max_length=255, verbose_name="action"),
        ),
        migrations.AddIndex(
            model_name="log",
            index=models.Index(fields=["action", "timestamp"], name="eventlog_action_time"),
        ),
        migrations.AlterField(
            model_name="log",
            name="user",
            field=LinkField(
                db_index=False,
                null=True,
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="log",
            name="content_type",
            field=LinkField(
                blank=True,
                db_index=False,
                null=True,
                to="contenttypes.contenttype",
                verbose_name="kind of object",
            ),
        ),
        migrations.AlterField(
            model_name="log",
            name="timestamp",
            field=models.DateTimeField(
                db_index=True, default=django.utils.timezone.now, verbose_name="time"
            ),
        ),
        migrations.AlterField(
            model_name="log",
            name="extra",
            field=models.JSONField(
                blank=True, default=dict, encoder=DjangoJSONEncoder, verbose_name="extra"
            ),
        ),
        migrations.AlterModelOptions(
            name="log",
            options={
                "base_manager_name": "objects",
                "ordering": ["-timestamp", "-id"],
                "verbose_name": "event",
                "verbose_name_plural": "events",
            },
        ),
        # The last operation, so that it is undone first.
        migrations.RunPython(migrations.RunPython.noop, refuse_0003, elidable=False),
    ]
