"""The documents name what the package has: settings, checks, options, commands, links, layers."""

import ast
import re
import tomllib
from fnmatch import fnmatchcase
from inspect import signature
from pathlib import Path
from typing import get_args

import pytest
from django.core import checks as django_checks
from django.utils.module_loading import import_string

import eventlog
from eventlog.api import Durability, log
from eventlog.conf import FIELDS, SETTING_NAMES, Conf, conf
from eventlog.middleware.rules import KEYS as RULE_KEYS
from eventlog.review.search.filters import EXTRA_FILTER, WORD_FILTER
from eventlog.review.search.filters import FILTERS as SEARCH_FILTERS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "eventlog"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()
PYPROJECT = (ROOT / "pyproject.toml").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
REVIEW = (ROOT / "docs" / "review.md").read_text()
INCIDENT = (ROOT / "docs" / "incident.md").read_text()
BACKENDS = (ROOT / "docs" / "backends.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
HEADINGS = dict(re.findall(r"^### `(\w+): (.+)`\n\nDefault: (?:.*)$", SETTINGS, re.MULTILINE))
DEFAULTS = dict(re.findall(r"^### `(\w+): .+`\n\nDefault: (.*)$", SETTINGS, re.MULTILINE))
CHECK_ID = re.compile(r"eventlog\.[EW]\d{3}")


def syntax_nodes():
    """Yield each node of the syntax of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def test_the_settings_page_has_a_heading_for_each_setting():
    assert tuple(HEADINGS) == SETTING_NAMES


@pytest.mark.parametrize("key", [key for key in SETTING_NAMES if key != "REQUESTS"])
def test_the_documented_default_is_the_actual_one(settings, key):
    settings.EVENTLOG = {}
    written = ast.literal_eval(DEFAULTS[key].strip("`"))
    actual = getattr(conf, key.lower())
    assert actual == (tuple(written) if isinstance(written, list) else written)


@pytest.mark.parametrize("key", SETTING_NAMES)
def test_each_setting_has_a_docstring(key):
    assert getattr(Conf, key.lower()).__doc__


@pytest.mark.parametrize("key", [*RULE_KEYS, *FIELDS])
def test_each_key_of_a_rule_and_each_field_is_documented(key):
    assert re.search(rf"^\|.*`{key}`.*\|", SETTINGS, re.MULTILINE)


def test_the_table_of_checks_has_each_id_of_the_code_once():
    constants = {
        node.value
        for node in syntax_nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    raised = {text for text in constants if CHECK_ID.fullmatch(text)}
    rows = re.findall(r"^\| `(eventlog\.[EW]\d{3})` \| .+ \|$", SETTINGS, re.MULTILINE)
    assert rows == sorted(raised)
    assert set(CHECK_ID.findall("".join(page.read_text() for page in PAGES))) == raised


def test_ids_of_errors_have_an_e_and_ids_of_warnings_a_w():
    calls = [
        (node.func.id, keyword.value.value)
        for node in syntax_nodes()
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Error", "Warning")
        for keyword in node.keywords
        if keyword.arg == "id" and isinstance(keyword.value, ast.Constant)
    ]
    assert calls
    assert all(check_id.startswith(f"eventlog.{kind[0]}") for kind, check_id in calls)


def test_the_table_of_search_terms_is_up_to_date():
    table = REVIEW.split("| term | finds |\n| --- | --- |\n")[1].split("\n\n")[0]
    filters = [*SEARCH_FILTERS.values(), EXTRA_FILTER, WORD_FILTER]
    expected = [
        f"| {' '.join(f'`{example}`' for example in each.examples)} | {each.description} |"
        for each in filters
    ]
    assert table == "\n".join(expected)


@pytest.mark.parametrize(
    "command", [path.stem for path in (PACKAGE / "management" / "commands").glob("eventlog_*.py")]
)
def test_each_command_is_documented(command):
    assert f"manage.py {command}" in REVIEW


@pytest.mark.parametrize(
    "path",
    [
        "buffered.BufferedBackend",
        "queued.QueuedBackend",
        "celery.CeleryBackend",
        "tasks.TasksBackend",
    ],
)
def test_each_option_of_a_backend_has_its_default_in_the_documents(path):
    backend = import_string(f"eventlog.backends.{path}")
    for name, parameter in signature(backend.__init__).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        in_words = {"spool": "BASE_DIR", "queue": "the default queue"}
        written = in_words.get(name, str(parameter.default))
        rows = [row for row in BACKENDS.splitlines() if row.startswith(f"| `{name}` |")]
        assert any(written in row for row in rows), (name, written)


def test_the_readme_has_the_signature_of_log():
    parameters = [
        str(parameter.replace(annotation=parameter.empty)).replace("'", '"')
        for parameter in signature(log).parameters.values()
    ]
    names = [*signature(log).parameters]
    parameters.insert(names.index("request"), "*")
    assert f"```text\nlog({', '.join(parameters)})\n```" in README
    for name in names:
        assert f"\n| `{name}` | " in README
    for value in get_args(Durability):
        assert f'`"{value}"`' in README
        assert f'\n| `"{value}"` | ' in BACKENDS


def anchors(page):
    """Return the anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(pages=PAGES):
    """Yield the pages with their links to files of this repository, as path and anchor."""
    (repository,) = re.findall(r'^Repository = "(.*)"$', PYPROJECT, re.MULTILINE)
    for page in pages:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            path, _, anchor = target.partition("#")
            if path.startswith(f"{repository}/blob/main/"):
                yield page, ROOT / path.removeprefix(f"{repository}/blob/main/"), anchor
            elif not re.match("https?:", path):
                yield page, page.parent / path if path else page, anchor


def test_each_link_leads_to_a_file_and_a_heading():
    assert len([page for page, _, _ in links() if page.name == "README.md"]) > 5
    for page, path, anchor in links():
        assert path.is_file(), (page, path)
        assert not anchor or anchor in anchors(path), (page, path, anchor)


def test_each_image_is_in_a_document_and_each_document_has_its_images():
    shown = {path for _, path, _ in links() if path.suffix == ".png"}
    raw = r"https://raw\.githubusercontent\.com/.*?/main/(docs/images/[^)]+)"
    shown |= {ROOT / path for path in re.findall(raw, README)}
    assert shown == {*(ROOT / "docs" / "images").iterdir()}


def test_the_readme_has_no_relative_link():
    """The package index shows it on a page of its own."""
    outside = r"(?!https?://|#)"
    assert re.findall(rf"\]\({outside}[^)]*\)", README) == []
    assert re.findall(rf"^\[[^]]+\]: {outside}.*", README, re.MULTILINE) == []
    assert re.findall(rf'(?:src|href)="{outside}[^"]*', README) == []


def test_each_script_in_the_readme_exists():
    scripts = re.findall(r"python3 (\S+\.py)", README)
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_the_changelog_has_the_version():
    assert f"## {eventlog.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_django_runs_the_checks_of_the_settings(settings):
    settings.EVENTLOG = {"REQUETS": []}
    assert "eventlog.E001" in {message.id for message in django_checks.run_checks()}


def test_actions_in_examples_are_recorded_by_the_middleware(settings, client, outbox):
    settings.ROOT_URLCONF = "tests.urls_plain"
    client.get("/accounts/login/")
    client.post("/accounts/login/")
    client.post("/admin/login/")
    recorded = [event.action for event in outbox]
    for text in (README, REVIEW):
        examples = re.findall(r"(?:action:|--keep '?|--action '?)([A-Z_*]+)", text)
        assert examples
        for pattern in examples:
            assert any(fnmatchcase(action, pattern) for action in recorded), pattern


def test_the_architecture_page_names_files_that_exist():
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?|[a-z_]+\.py)`", ARCHITECTURE)
    assert len(named) > 20
    folders = (PACKAGE, PACKAGE / "backends", ROOT)
    for name in named:
        assert any((folder / name).exists() for folder in folders), name


def layers():
    """Return the layers of the architecture page, each with its modules, from top to bottom."""
    table = ARCHITECTURE.partition("\n| layer | subject |\n")[2].partition("\n\n")[0]
    return [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[1:]]


def test_the_architecture_page_has_the_layers_of_the_import_contract():
    (contract,) = [
        contract
        for contract in tomllib.loads(PYPROJECT)["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    names = [re.findall(r"eventlog\.(\w+)", layer) for layer in contract["layers"]]
    assert layers() == [layer for layer in names if layer != ["migrations"]]


def test_the_architecture_page_has_each_module_in_one_layer():
    modules = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.iterdir()}
    without_code = {"__init__", "__pycache__", "locale", "migrations", "static", "templates"}
    listed = [name for layer in layers() for name in layer]
    assert sorted(listed) == sorted(modules - without_code - {"py.typed"})
