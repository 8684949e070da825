"""The table of pinax-eventlog, so that a site which comes from there has nothing to create."""

import django.utils.timezone
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models

from eventlog.models.relations import LinkField


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Log",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "timestamp",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                ),
                ("action", models.CharField(db_index=True, max_length=50)),
                ("object_id", models.PositiveIntegerField(blank=True, null=True)),
                ("extra", models.JSONField(blank=True, encoder=DjangoJSONEncoder)),
                (
                    "content_type",
                    LinkField(
                        blank=True,
                        null=True,
                        to="contenttypes.contenttype",
                    ),
                ),
                (
                    "user",
                    LinkField(
                        null=True,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-timestamp"]},
        ),
    ]
