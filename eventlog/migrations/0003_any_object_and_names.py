"""Objects with any kind of primary key, what user and object were called, an index per question.

The columns before, and the rows, stay. On PostgreSQL and MariaDB the new type of ``object_id``
rewrites the table once; everything else is a change of the catalogue or the build of an index.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models

from eventlog.fields import NameField


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("eventlog", "0002_alter_log_id"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            model_name="log",
            name="user_repr",
            field=models.CharField(
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
            field=models.CharField(
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
            field=models.CharField(
                blank=True, max_length=255, null=True, verbose_name="object's key"
            ),
        ),
        # Before the single-column indexes go: MariaDB wants one for each foreign key at all times.
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
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="log",
            name="content_type",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
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
                "ordering": ["-timestamp", "-id"],
                "verbose_name": "event",
                "verbose_name_plural": "events",
            },
        ),
    ]
