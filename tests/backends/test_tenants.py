"""Sites with django-tenants: each event is delivered to the schema that it was logged in."""

import json

import pytest
from django.db import connection

from .project import Project
from .support import postgresql_only

pytest.importorskip("django_tenants")
pytestmark = [postgresql_only, pytest.mark.django_db(transaction=True)]

TENANTS = """
from project import *

DATABASES["default"]["ENGINE"] = "django_tenants.postgresql_backend"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
SHARED_APPS = ["django_tenants", "customers", "django.contrib.contenttypes"]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "eventlog"]
INSTALLED_APPS = list(dict.fromkeys([*SHARED_APPS, *TENANT_APPS]))
TENANT_MODEL, TENANT_DOMAIN_MODEL = "customers.Customer", "customers.Domain"
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware", *MIDDLEWARE]
"""
MODELS = """
from django_tenants.models import DomainMixin, TenantMixin

class Customer(TenantMixin):
    auto_drop_schema = True

class Domain(DomainMixin):
    pass
"""
SET_UP = """
from customers.models import Customer, Domain
call_command("migrate_schemas", shared=True, run_syncdb=True, verbosity=0)
for name in ("one", "two"):
    customer = Customer(schema_name=name)
    customer.save(verbosity=0)
    Domain.objects.create(tenant=customer, domain=f"{name}.example.org", is_primary=True)
"""
HELPERS = """
from django_tenants.utils import schema_context
from customers.models import Customer

def written(schema):
    with schema_context(schema):
        return sorted(Log.objects.values_list("action", flat=True))
"""
TWO_TENANTS = """
with schema_context("one"):
    log(None, "ONE")
with schema_context("two"):
    log(None, "TWO")
for name in ("one", "two", "one"):
    response = Client().get("/ok/", HTTP_HOST=f"{name}.example.org")
    assert response.status_code == 200, response
with schema_context("one"), transaction.atomic():
    log(None, "ON_COMMIT_OF_ONE")
    connection.set_schema("two")
    log(None, "ON_COMMIT_OF_TWO", durability="commit")
connection.set_schema_to_public()
print("flushed", backend.flush())
print(json.dumps([written("one"), written("two"), connection.schema_name]))
"""
ALWAYS = """
try:
    with schema_context("two"), transaction.atomic():
        log(None, "ALWAYS", durability="always")
        raise RuntimeError
except RuntimeError:
    pass
print(json.dumps([written("one"), written("two")]))
"""
DROPPED = """
with schema_context("one"):
    log(None, "ONE")
with schema_context("two"):
    log(None, "TWO")
connection.set_schema_to_public()
with connection.cursor() as cursor:
    cursor.execute("DROP SCHEMA two CASCADE")
print("flushed", backend.flush())
print(json.dumps([written("one"), list(backend.status().destinations.items())]))
"""


@pytest.fixture
def tenants(tmp_path):
    """A project with the tenants one and two, in its own database."""
    name = f"{connection.settings_dict['NAME']}_tenants"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"')
    project = Project(tmp_path, interval=None)
    database = json.loads(project.env["PROJECT_DATABASE"]) | {"NAME": name}
    project.env["PROJECT_DATABASE"] = json.dumps(database)
    project.env["DJANGO_SETTINGS_MODULE"] = "tenants"
    project.write("tenants.py", TENANTS)
    project.write("customers/__init__.py", "")
    project.write("customers/models.py", MODELS)
    project.python(SET_UP)
    yield project
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def printed(said):
    """Return the list in the last line that a script printed."""
    return json.loads([line for line in said.splitlines() if line.startswith("[")][-1])


def test_events_are_delivered_to_their_own_schema(tenants):
    said = tenants.python(HELPERS + TWO_TENANTS)
    assert "flushed True" in said
    assert "Logging failed" not in said
    assert printed(said) == [
        ["GET_OK", "GET_OK", "ONE", "ON_COMMIT_OF_ONE"],
        ["GET_OK", "ON_COMMIT_OF_TWO", "TWO"],
        "public",
    ]


def test_events_of_a_dropped_schema_wait(tenants):
    said = tenants.python(HELPERS + DROPPED)
    assert "flushed False" in said
    one, waiting = printed(said)
    assert one == ["ONE"]
    ((destination, count),) = waiting
    assert (destination.endswith("+two"), count) == (True, 1)
    assert "The database has no schema 'two'" in said


def test_an_event_with_durability_always_is_written_to_the_schema_of_its_caller(tenants):
    tenants.env["PROJECT_EVENTLOG"] = "{}"
    assert printed(tenants.python(HELPERS + ALWAYS)) == [[], ["ALWAYS"]]
