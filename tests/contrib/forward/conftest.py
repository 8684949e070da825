import shutil
import subprocess

import pytest
from django.core.management import call_command

from eventlog.backends import get_backend
from eventlog.backends.delivery.segments import segment_receivers
from eventlog.contrib.forward.forwarder import forwarder
from tests.backends.conftest import project, serving, template

__all__ = ["project", "serving", "template"]

BUFFERED = "eventlog.backends.buffered.BufferedBackend"


@pytest.fixture
def forwarding(settings, tmp_path):
    """Return a function that configures targets, and a backend which delivers on ``flush()``."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.forward"]

    def choose(**targets):
        settings.EVENTLOG = {
            "BACKEND": BUFFERED,
            "OPTIONS": {"spool": tmp_path / "spool", "interval": None},
            "FORWARD": targets,
        }
        return get_backend()

    yield choose
    segment_receivers.remove(forwarder.receive)
    settings.EVENTLOG = {}
    get_backend()


@pytest.fixture
def certificate(tmp_path):
    """The files of a certificate of 127.0.0.1: with its key, and to trust."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    both, authority = tmp_path / "both.pem", tmp_path / "authority.pem"
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {both} -out {authority} -days 2 "
        f"-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    both.write_text(both.read_text() + authority.read_text())
    return both, authority


@pytest.fixture
def run(capsys):
    """Return a function that runs ``eventlog_forward`` and returns its output."""

    def command(*arguments):
        capsys.readouterr()
        call_command("eventlog_forward", *arguments)
        return capsys.readouterr().out

    return command
