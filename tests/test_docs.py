import ast
import re
from inspect import signature
from pathlib import Path

import pytest
from django.core import checks as django_checks
from django.utils.module_loading import import_string

import eventlog
from eventlog.conf import FIELDS, KEYS, Conf, conf
from eventlog.review.terms import KEYS as SEARCH_KEYS
from eventlog.rules import KEYS as RULE_KEYS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
REVIEW = (ROOT / "docs" / "review.md").read_text()
HEADINGS = dict(re.findall(r"^### `(\w+): (.+)`\n\nDefault: (?:.*)$", SETTINGS, re.MULTILINE))
DEFAULTS = dict(re.findall(r"^### `(\w+): .+`\n\nDefault: (.*)$", SETTINGS, re.MULTILINE))


def test_every_setting_has_its_heading_and_no_other_has():
    assert tuple(HEADINGS) == KEYS


@pytest.mark.parametrize("key", [key for key in KEYS if key != "REQUESTS"])
def test_the_default_is_the_one_that_is_written(settings, key):
    del settings.EVENTLOG
    written = ast.literal_eval(DEFAULTS[key].strip("`"))
    actual = getattr(conf, key.lower())
    assert actual == (tuple(written) if isinstance(written, list) else written)


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_says_what_it_is_in_the_code(key):
    assert getattr(Conf, key.lower()).__doc__


@pytest.mark.parametrize("key", [*RULE_KEYS, *FIELDS])
def test_every_key_of_a_rule_and_every_field_is_explained(key):
    assert re.search(rf"^\|.*`{key}`.*\|", SETTINGS, re.MULTILINE)


def test_every_check_is_listed_and_no_other_is():
    source = "".join(path.read_text() for path in (ROOT / "eventlog").rglob("*.py"))
    assert set(re.findall(r"eventlog\.[EW]\d{3}", SETTINGS)) == set(
        re.findall(r"eventlog\.[EW]\d{3}", source)
    )


@pytest.mark.parametrize("key", SEARCH_KEYS)
def test_every_key_of_the_search_is_explained_in_the_documents_and_the_help(key):
    panel = ROOT / "eventlog" / "templates" / "admin" / "eventlog" / "log" / "search_help.html"
    assert f"`{key}:" in REVIEW
    assert f"<code>{key}:" in panel.read_text() or f" {key}:" in panel.read_text()


@pytest.mark.parametrize(
    "command",
    [path.stem for path in (ROOT / "eventlog" / "management" / "commands").glob("eventlog_*.py")],
)
def test_every_command_is_explained(command):
    assert f"manage.py {command}" in REVIEW


def test_every_link_in_the_documents_leads_somewhere():
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page, target)


def test_every_python_block_of_the_readme_is_python():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        ast.parse(block)


def test_the_changelog_has_the_version():
    assert f"## {eventlog.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_it_is_a_registered_check():
    assert any(
        check.__module__ == "eventlog.checks"
        for check in django_checks.registry.registry.get_checks()
    )


BACKENDS = (ROOT / "docs" / "backends.md").read_text()


@pytest.mark.parametrize(
    "path",
    [
        "buffered.BufferedBackend",
        "brokered.BrokeredBackend",
        "celery.CeleryBackend",
        "tasks.TasksBackend",
    ],
)
def test_every_option_of_a_backend_has_its_default_written_down(path):
    backend = import_string(f"eventlog.backends.{path}")
    for name, parameter in signature(backend.__init__).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        said = {"spool": "BASE_DIR", "queue": "the default queue"}
        written = said.get(name, str(parameter.default))
        rows = [row for row in BACKENDS.splitlines() if row.startswith(f"| `{name}` |")]
        assert any(written in row for row in rows), (name, written)
