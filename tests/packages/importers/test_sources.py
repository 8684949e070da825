"""The list of sources, and tables whose package is missing."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from eventlog.contrib.importers.registry import SOURCES
from eventlog.models import Log

from .models import Label
from .running import events, imported, run

pytestmark = pytest.mark.django_db
MISSING = {
    "admin": ["django.contrib.admin"],
    "auditlog": ["auditlog"],
    "axes": ["axes"],
    "drf_api_logger": ["drf_api_logger"],
    "easyaudit": ["easyaudit"],
    "request": ["request"],
}


def fill(name, user):
    """Add a row to each table of a source, with the model of the package."""
    kind = ContentType.objects.get_for_model(Label)
    values = {
        "user": user,
        "actor": user,
        "content_type": kind,
        "object_id": "7",
        "object_pk": "7",
        "action_flag": 1,
        "action": 0,
        "changes": {"text": ["None", "new"]},
        "event_type": 2,
        "changed_fields": '{"text": ["old", "new"]}',
        "login_type": 0,
        "username": user.username,
        "ip": "203.0.113.7",
        "ip_address": "203.0.113.7",
        "client_ip_address": "203.0.113.7",
        "remote_ip": "203.0.113.7",
        "remote_addr": "203.0.113.7",
        "path": "/orders/7/",
        "url": "/orders/7/",
        "api": "http://testserver/orders/7/?a=1",
        "path_info": "/admin/login/",
        "user_agent": "curl/8.5.0",
        "method": "GET",
        "status_code": 200,
        "execution_time": "0.01234",
        "added_on": timezone.now(),
        "body": '{"a": 1}',
        "headers": '{"USER_AGENT": "curl/8.5.0"}',
    }
    for table in SOURCES[name].tables(None):
        known = {field.name for field in table.model._meta.fields}
        table.model.objects.create(**{key: values[key] for key in values if key in known})


def described():
    return [(event.timestamp, event.action, event.user_id, event.extra) for event in events()]


@pytest.mark.parametrize("name", MISSING)
def test_tables_are_read_without_their_package(name, anna, settings):
    fill(name, anna)
    imported(name)
    before = described()
    Log.objects.all().delete()
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app not in MISSING[name]]
    imported(name, "--restart")
    assert before == described()
    assert len(before) == len(SOURCES[name].tables(None))


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB commits a change of a table")
def test_a_table_of_an_earlier_release_lacks_columns(anna):
    fill("drf_api_logger", anna)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE drf_api_logs DROP COLUMN sql_query_count")
    assert imported("drf_api_logger")[0].status == 200


def test_the_list_says_what_was_imported(anna):
    fill("admin", anna)
    run("admin", "--final")
    output = run()
    assert "admin: Django's admin\n  admin.LogEntry: 1 row became 1 event" in output
    assert "  auditlog.LogEntry: not imported yet" in output
    assert "  importers.HistoricalProduct: not imported yet" in output


def test_a_misspelled_source_and_table_are_named():
    with pytest.raises(
        CommandError, match=r"Unknown source 'easyaudits'. Did you mean 'easyaudit'?"
    ):
        run("easyaudits")
    with pytest.raises(CommandError, match=r"Unknown table 'axes.Log' of django-axes. Use one of:"):
        run("axes", "--table=axes.Log")
    with pytest.raises(CommandError, match=r"Unknown database 'logs'. Use one of: default"):
        run("axes", "--database=logs")


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB commits a change of a table")
def test_a_source_without_tables_says_what_to_do():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE request_request")
    with pytest.raises(CommandError, match=r"looked for request_request in 'default'.*--database"):
        run("request")


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB commits a change of a table")
def test_without_the_migration_the_command_says_what_to_do():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE eventlog_importers_importedtable")
    with pytest.raises(CommandError, match=r"Run manage.py migrate eventlog_importers"):
        run()


def test_a_model_without_a_history_is_not_a_source(settings):
    settings.INSTALLED_APPS = [
        app for app in settings.INSTALLED_APPS if app != "tests.packages.importers"
    ]
    with pytest.raises(CommandError, match="HistoricalRecords in your models"):
        run("simple_history")


def test_entries_are_imported_from_the_database_that_is_named(anna):
    fill("admin", anna)
    assert LogEntry.objects.count() == len(imported("admin", "--database=default"))
