"""A column for the retention rules that were applied to an hour. No event is rewritten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0007_user_state_and_uid")]
    operations = [
        migrations.AddField(
            model_name="countedhour",
            name="retention",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
    ]
