import pytest
from django.core.management import call_command

from eventlog.contrib.archive.database_store import DatabaseCopyStore
from eventlog.contrib.archive.parquet_store import ParquetCopyStore

from ...shop.models import Widget
from .samples import write_samples


@pytest.fixture
def app(settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.archive"]


@pytest.fixture
def copy(app, tmp_path):
    """Return a function that runs the command with the archive in ``tmp_path``."""

    def run(*arguments):
        call_command("eventlog_copy", "--archive", str(tmp_path / "archive"), *arguments)

    return run


@pytest.fixture
def database(db):
    return DatabaseCopyStore()


@pytest.fixture
def archive(tmp_path):
    store = ParquetCopyStore(tmp_path / "archive")
    yield store
    store.close()


@pytest.fixture
def samples(anna):
    return write_samples(anna, Widget.objects.create(name="sprocket"))
