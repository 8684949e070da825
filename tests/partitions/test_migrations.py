"""Migrations of the model with a partitioned table."""

import pytest
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

from eventlog.models import Log
from eventlog.models.fields import NameField

from .support import execute, value

pytestmark = [pytest.mark.usefixtures("partitioned"), pytest.mark.django_db]

OPERATIONS = [
    migrations.AddField("log", "more", models.IntegerField(default=7, db_default=7)),
    migrations.AddIndex("log", models.Index(fields=["more", "timestamp"], name="eventlog_more")),
    migrations.AlterField("log", "action", NameField(max_length=300)),
    migrations.RemoveIndex("log", "eventlog_user_time"),
]


def test_later_migrations_apply_to_all_partitions():
    Log.objects.create(action="X")
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(atomic=False) as editor:
        for operation in OPERATIONS:
            before, state = state, state.clone()
            operation.state_forwards("eventlog", state)
            operation.database_forwards("eventlog", editor, before, state)
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "eventlog_log")
    assert found["eventlog_more"]["columns"] == ["more", "timestamp"]
    assert "eventlog_user_time" not in found
    assert value("SELECT more FROM eventlog_log") == 7


def test_the_models_need_no_migration():
    call_command("makemigrations", "eventlog", "--check", "--dry-run", verbosity=0)
    assert Log._meta.pk.name == "id"
