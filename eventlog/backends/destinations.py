"""The database, and the schema, that an event was logged for.

The text ``postgresql@localhost:5432,shop+tenant`` names a destination. It is part of the file name
of each segment in the spool, so that events are only delivered to the database that they were
logged for: a test run changes the database of an alias, and a tenant package changes the schema.
"""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from hashlib import sha256
from multiprocessing import parent_process
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from django.core import mail
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from .spool import files

DEFAULT_PORTS = {"postgresql": "5432", "mysql": "3306"}
MAX_NAME_LENGTH = 80  # characters of a database name in a file name
TEST_RUN = "!test-"

_NOT_PLAIN = re.compile(r"[^\w.\-]")
_process = os.getpid()  # names the test run; a forked child keeps it
_configured: dict[str, Any] = {}


class Destination(NamedTuple):
    """An alias of ``DATABASES``, and the schema if the site sets one per request."""

    using: str
    schema: str


# Stores outside ``DATABASES``, by name; ``contrib.clickhouse`` adds its table.
stores: dict[str, Destination] = {}


class _Parts(NamedTuple):
    database: str
    schema: str
    run: str  # process id of the test run


def _split(destination: str) -> _Parts:
    rest, _, run = destination.partition(TEST_RUN)
    database, _, schema = rest.partition("+")
    return _Parts(database, schema, run)


def remember_configured_names() -> None:
    """Remember the names in ``DATABASES`` before a test runner replaces them.

    A later call remembers nothing new, because Django prepares the apps again when a test changes
    ``INSTALLED_APPS``.
    """
    for alias in connections:
        _configured.setdefault(alias, connections.settings[alias].get("NAME"))


def is_test_database(using: str) -> bool:
    """Return whether Django's test runner has replaced the database of this alias.

    The outbox alone does not prove a test run, because a site may use the mail backend for tests.
    The name alone does not prove it either, because a package for tenants may change it.
    """
    name = connections.settings[using].get("NAME")
    return _has_outbox() and name != _configured.get(using, name)


def is_test_run() -> bool:
    """Return whether Django's test runner has replaced the database of any alias."""
    return _has_outbox() and any(map(is_test_database, connections))


def _has_outbox() -> bool:
    # Not hasattr(), which raises and catches an error inside (benchmarks.loop).
    return "outbox" in vars(mail)


def current(using: str) -> str:
    """Return the destination of events that are logged now for this alias."""
    known = connections.settings[using].get
    engine = known("ENGINE")
    database = _database(using, engine, known("HOST"), known("PORT"), known("NAME"))
    if has_schemas(engine):
        database += "+" + _plain(schema_of(using))
    if _has_outbox() and is_test_database(using):
        # Each process of a parallel test run has its own copy of a database in memory.
        has_copy = _is_in_memory(str(known("NAME"))) and parent_process() is not None
        process = os.getpid() if has_copy else _process
        database += f"{TEST_RUN}{process}"
    return database


def current_for_store(name: str) -> str:
    """Return the destination of events that are logged now for a store outside ``DATABASES``."""
    return f"{name}{TEST_RUN}{_process}" if is_test_run() else name


def find(destination: str) -> Destination | None:
    """Return the alias and schema of a destination; None if no alias has that database now.

    For a store outside ``DATABASES``, return the alias that the site has for events.
    """
    wanted = _split(destination)
    for alias in connections:
        here = _split(current(alias))
        if (here.database, here.run) == (wanted.database, wanted.run):
            return Destination(alias, unquote(wanted.schema))
    return (
        stores.get(wanted.database) if destination == current_for_store(wanted.database) else None
    )


def is_of_other_test_run(destination: str) -> bool:
    """Return whether events wait for a test database that this process does not use."""
    return bool(_split(destination).run) and find(destination) is None


def is_abandoned(destination: str) -> bool:
    """Return whether this is the destination of a test run that has ended."""
    process = _split(destination).run
    if not process.isdecimal():
        return False
    if int(process) == _process:
        return not is_test_run()
    return not files.is_running(int(process))


def _is_in_memory(name: str) -> bool:
    return name == ":memory:" or "mode=memory" in name


def schema_of(using: str) -> str:
    """Return the schema that the site has set on the connection, or an empty text."""
    if not has_schemas(connections.settings[using].get("ENGINE")):
        return ""
    return str(getattr(connections[using], "schema_name", None) or "")


def in_schema(connection: BaseDatabaseWrapper, schema: str) -> AbstractContextManager[None]:
    """Set a schema for a block of code, as django-tenants does for a request.

    Raises ``LookupError`` if the schema does not exist, because PostgreSQL would use the next
    schema of its search path.
    """
    chosen = getattr(connection, "schema_name", "") or ""
    return _chosen(connection, schema) if schema and schema != chosen else nullcontext()


@contextmanager
def _chosen(connection: Any, schema: str) -> Iterator[None]:
    before, tenant = connection.schema_name, getattr(connection, "tenant", None)
    connection.set_schema(schema)
    try:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema])
                if cursor.fetchone() is None:
                    raise LookupError(f"The database has no schema {schema!r}.")
        yield
    finally:
        if tenant is None:
            connection.set_schema(before)
        else:
            connection.set_tenant(tenant)


@lru_cache(maxsize=64)
def has_schemas(engine: str | None) -> bool:
    """Return whether connections of this engine can change to another schema."""
    return engine is not None and hasattr(load_backend(engine).DatabaseWrapper, "set_schema")


@lru_cache(maxsize=1024)
def _database(using: str, engine: Any, host: Any, port: Any, name: Any) -> str:
    vendor = str(load_backend(engine or "").DatabaseWrapper.vendor)
    host, port, name = (str(each or "") for each in (host, port, name))
    if vendor == "sqlite":
        return f"sqlite@,{_shortened(name if ':' in name else os.path.abspath(name))}"
    options = connections.settings[using].get("OPTIONS") or {}
    # A service, an option file or a search path can select another database.
    more = [options.get(key) for key in ("service", "read_default_file", "options")]
    name = ",".join([name, *(str(value) for value in more if value)])
    port = port or DEFAULT_PORTS.get(vendor, "")
    return f"{vendor}@{_shortened(host or 'localhost')}:{port},{_shortened(name)}"


def _shortened(name: str) -> str:
    plain = _plain(name)
    if len(plain) <= MAX_NAME_LENGTH:
        return plain
    return f"{plain[-MAX_NAME_LENGTH + 17 :]}-{sha256(name.encode()).hexdigest()[:16]}"


def _plain(text: str) -> str:
    """Percent-encode the separators above, and characters that a file name cannot have."""
    return _NOT_PLAIN.sub(lambda match: quote(match[0], safe=""), text)
