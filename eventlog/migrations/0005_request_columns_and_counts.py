"""Columns that searches of requests use, and the tables of hourly counts.

The new columns are empty in existing rows, so no row is rewritten. On SQLite, Django copies the
table.
"""

from django.db import migrations, models

from eventlog.models.fields import ExactField, NameField


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0004_delivered_batches")]
    operations = [
        migrations.AddField(
            model_name="log",
            name="is_request",
            field=models.BooleanField(db_default=False, default=False, verbose_name="request"),
        ),
        migrations.AddField(
            model_name="log",
            name="ip",
            field=NameField(blank=True, max_length=45, null=True, verbose_name="address"),
        ),
        migrations.AddField(
            model_name="log",
            name="status",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="status"),
        ),
        migrations.AddField(
            model_name="log",
            name="own_keys",
            field=models.CharField(blank=True, max_length=255, null=True),
        ),
        migrations.AddIndex(
            model_name="log",
            index=models.Index(
                condition=models.Q(("ip__isnull", False)),
                fields=["ip", "timestamp"],
                name="eventlog_ip_time",
            ),
        ),
        migrations.AddIndex(
            model_name="log",
            index=models.Index(
                condition=models.Q(("status__gte", 400)),
                fields=["status", "timestamp"],
                name="eventlog_failed_time",
            ),
        ),
        migrations.AddIndex(
            model_name="log",
            index=models.Index(
                models.F("timestamp"),
                condition=models.Q(("is_request", False)),
                name="eventlog_event_time",
            ),
        ),
        migrations.AddIndex(
            model_name="log",
            index=models.Index(
                "user_repr",
                "timestamp",
                condition=models.Q(("user__isnull", True), ("user_repr__gt", "")),
                name="eventlog_name_time",
            ),
        ),
        migrations.CreateModel(
            name="CountedHour",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("stale", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="HourCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("dimension", models.CharField(max_length=16)),
                ("hour", models.DateTimeField()),
                ("value", ExactField(max_length=255)),
                ("count", models.PositiveIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["dimension", "hour", "value", "count"], name="eventlog_by_hour"
                    ),
                    models.Index(
                        fields=["dimension", "value", "hour", "count"], name="eventlog_by_value"
                    ),
                ],
            },
        ),
    ]
