"""The tables of delivered batches and of foreign keys that are still to be filled in."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0003_any_object_and_names")]
    operations = [
        migrations.CreateModel(
            name="DeliveredBatch",
            fields=[
                ("id", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                (
                    "written",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PendingKey",
            fields=[
                ("event_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("user_id", models.CharField(blank=True, default="", max_length=255)),
                ("model", models.CharField(blank=True, default="", max_length=255)),
            ],
        ),
    ]
