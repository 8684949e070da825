import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from eventlog.backends import get_backend
from eventlog.diagnostics import file_systems
from eventlog.diagnostics.registry import diagnose
from eventlog.diagnostics.site import Options, Site

from ..events import write_request

BUFFERED = "eventlog.backends.buffered.BufferedBackend"


class CorrectSite:
    """A site without a mistake, to which a test adds one."""

    def __init__(self, settings, directory):
        self.settings = settings
        self.spool = directory / "spool"
        self.spool.mkdir(mode=0o700)
        self.mounts = directory / "mounts"
        self.mount("ext4")
        self.configure()

    def configure(self, **keys):
        """Set keys of EVENTLOG; the other keys are as on the correct site."""
        self.settings.EVENTLOG = {
            "BACKEND": BUFFERED,
            "OPTIONS": {"spool": self.spool, "interval": None},
            "REQUESTS": [
                {"path": "^/static/", "log": False},
                {"path": r"^/shop/(orders|reset)/", "view": "shop:*", "action": "SHOP"},
                {"path": "/nowhere"},
                {},
            ],
            "RETENTION": [{"keep": "400d"}],
            "TRUSTED_PROXIES": ["10.0.0.0/8", "unix"],
        } | keys

    def options(self, **options):
        """Set options of the backend."""
        backend = options.pop("BACKEND", BUFFERED)
        options = {"spool": self.spool, "interval": None} | options
        self.configure(BACKEND=backend, OPTIONS=options)

    @property
    def backend(self):
        return get_backend()

    def mount(self, kind):
        """Let the spool be on a file system of this type."""
        self.mounts.write_text(f"a / overlay rw 0 0\nb {self.spool.parent} {kind} rw 0 0\n")

    def request(self, ip="203.0.113.7", **values):
        return write_request({"ip": ip, "status": 200}, **values)

    def findings(self, **options):
        """Return the findings that are wrong, by their ids."""
        results = diagnose(Site(Options(timeout=0.05, **options)))
        found = [finding for result in results for finding in result.findings]
        return {finding.id: finding for finding in found if finding.level != "info"}


@pytest.fixture
def site(db, settings, tmp_path, monkeypatch):
    correct = CorrectSite(settings, tmp_path)
    monkeypatch.setattr(file_systems, "MOUNTS", correct.mounts)
    yield correct
    settings.EVENTLOG = {}
    get_backend()


@pytest.fixture
def run():
    """Return a function that runs a command, and returns its output and its error."""

    def run(command, *arguments):
        out, error = StringIO(), ""
        try:
            call_command(command, *arguments, stdout=out, no_color=True)
        except CommandError as raised:
            error = str(raised)
        text = out.getvalue()
        return (json.loads(text) if "--json" in arguments else text), error

    return run
