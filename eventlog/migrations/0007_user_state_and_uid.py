"""Columns for the state of the user and for the UUID of an event. No row is rewritten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0006_saved_searches")]
    operations = [
        migrations.AddField(
            model_name="log",
            name="user_state",
            field=models.PositiveSmallIntegerField(
                blank=True,
                choices=[(1, "known"), (2, "anonymous"), (3, "not known")],
                null=True,
                verbose_name="user's state",
            ),
        ),
        migrations.AddField(
            model_name="log",
            name="uid",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
    ]
