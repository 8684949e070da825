"""The last state that pinax-eventlog 6.0.0 leaves."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0001_initial")]
    operations = [
        migrations.AlterField(
            model_name="log",
            name="id",
            field=models.BigAutoField(primary_key=True, serialize=False),
        ),
    ]
