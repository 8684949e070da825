"""Searches that staff save under a name."""

from django.conf import settings
from django.db import migrations, models

import eventlog.models.relations


class Migration(migrations.Migration):
    dependencies = [
        ("eventlog", "0005_request_columns_and_counts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("query", models.CharField(blank=True, max_length=8000, verbose_name="search")),
                (
                    "is_shared",
                    models.BooleanField(default=False, verbose_name="shared with all staff"),
                ),
                ("is_default", models.BooleanField(default=False, verbose_name="shown first")),
                (
                    "owner",
                    eventlog.models.relations.LinkField(
                        null=True,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved search",
                "verbose_name_plural": "saved searches",
                "ordering": ("name", "id"),
                "permissions": [("share_savedsearch", "Can share saved searches")],
            },
        ),
    ]
