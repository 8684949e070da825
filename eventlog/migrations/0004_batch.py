"""The ids of batches that were written, so that none is written twice."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0003_any_object_and_names")]
    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                (
                    "written",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                ),
            ],
        ),
    ]
