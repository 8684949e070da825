"""The parts of the documentation that are made from the code are complete."""

import re
import sys
from types import ModuleType

import pytest
from django.core.checks import ERROR

from eventlog.backends.base import BaseBackend
from eventlog.checks import check_settings
from eventlog.conf import FIELDS, SETTING_NAMES
from eventlog.contrib.sign_ins.actions import KEYS as SIGN_INS
from eventlog.middleware.rules import KEYS as RULE_KEYS
from eventlog.records.record import Record
from eventlog.review.search.filters import FILTERS

from .test_docs import CHECK_ID, PACKAGE, PAGES, ROOT, syntax_nodes
from .test_docs_examples import blocks

sys.path.append(str(ROOT / "docs"))

from eventlog_docs.api import NAMES
from eventlog_docs.checks import checks
from eventlog_docs.commands import commands
from eventlog_docs.pages import PARTS

TEXTS = {page.stem: page.read_text() for page in PAGES}
CONFIGURATIONS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("start", "record", "proxy", "busy", "deploy", "compliance")
    for number, block in enumerate(blocks(TEXTS[page], "python"), 1)
    if "\nEVENTLOG = " in f"\n{block}"
]
RULE_WARNINGS = ("eventlog.W005", "eventlog.W008", "eventlog.W009")
ASVS = [(1, 1), (2, 5), (3, 4), (4, 3), (5, 4)]  # sections of V16, and their numbers of rows


def rows(text):
    """Return the first cells of the tables in ``text``, without code style."""
    return [cell.strip(" `[") for cell in re.findall(r"^\| ([^|\]]+)", text, re.MULTILINE)]


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("settings", SETTING_NAMES),
        ("rules", RULE_KEYS),
        ("fields", FIELDS),
        ("search", [f"{key}:" for key in FILTERS]),
        ("record", Record._fields),
        ("sign-ins", [key.upper() for key in SIGN_INS]),
    ],
)
def test_a_table_has_a_row_for_each_name_and_no_empty_meaning(part, names):
    text = PARTS[part]()
    assert {cell.rstrip("`") for cell in rows(text)} >= set(names)
    assert not re.search(r"^\| [^|]+ \|  \||\|  \|$", text, re.MULTILINE)


def test_each_check_has_its_messages_and_fixes():
    constants = {getattr(node, "value", None) for node in syntax_nodes()}
    found = checks()
    assert set(found) == {text for text in constants if CHECK_ID.fullmatch(str(text))}
    assert all(message.text and message.fix for messages in found.values() for message in messages)
    assert re.findall(r"^## (eventlog\..+)$", PARTS["checks"](), re.MULTILINE) == [*found]


def test_each_command_has_its_options_and_says_what_they_do():
    page = PARTS["commands"]()
    paths = [*PACKAGE.rglob("management/commands/eventlog_*.py")]
    assert set(commands()) == {path.stem for path in paths}
    for path in paths:
        section = page.partition(f"## {path.stem}\n")[2].partition("\n## ")[0]
        for option in re.findall(r'"(--[\w-]+)"', path.read_text()):
            assert re.search(rf"\| `{option}[ \w]*` \| \w", section), (path.stem, option)


def test_the_interface_has_each_method_of_a_backend_and_the_signal():
    methods = [name for name in vars(BaseBackend) if not name.startswith("_")]
    for name in methods:
        is_method = callable(getattr(BaseBackend, name))
        assert not is_method or f"{{py:method}} {name}(" in PARTS["backends"]()
    assert "{py:data} event_logged" in PARTS["signals"]()


def test_the_interface_has_each_name_that_an_example_imports():
    names = {name.rpartition(".")[2] for paths in NAMES.values() for name in paths}
    imported = {
        name.strip()
        for text in TEXTS.values()
        for block in blocks(text, "python")
        for line in re.findall(r"^ *from eventlog[\w.]* import (.+)$", block, re.MULTILINE)
        for name in line.split(",")
    }
    assert imported - names == {"Log", "OWASP", "event_logged", "outbox", "unfit_keys"}


def test_each_part_is_in_one_page():
    named = [
        part for text in TEXTS.values() for part in re.findall(r"<!-- generated: (.+) -->", text)
    ]
    assert sorted(named) == sorted(PARTS)


def test_the_catalogue_has_each_action_that_the_package_records_of_itself():
    constants = {getattr(node, "value", None) for node in syntax_nodes()}
    own = {text for text in constants if re.fullmatch(r"EVENTLOG_[A-Z_]*[A-Z]", str(text))}
    assert own <= set(re.findall(r"^\| `(\w+)` \|", TEXTS["events"], re.MULTILINE))


@pytest.mark.spool
@pytest.mark.parametrize("example", CONFIGURATIONS)
def test_each_configuration_of_a_guide_is_valid(example, settings, tmp_path):
    pytest.importorskip("celery")
    named = {"__name__": "example"}
    exec(example.replace("/var/lib/mysite/eventlog", str(tmp_path / "spool")), named)
    settings.EVENTLOG = named["EVENTLOG"]
    serious = [
        each for each in check_settings() if each.level >= ERROR or each.id == "eventlog.W005"
    ]
    assert serious == []


@pytest.mark.django_db
def test_the_view_of_the_tutorial_records_an_event_and_its_request(outbox, root, settings):
    (example,) = [block for block in blocks(TEXTS["start"], "python") if "def pay" in block]
    settings.ROOT_URLCONF = ModuleType("urls")
    exec(example, vars(settings.ROOT_URLCONF))
    root.get("/pay/")
    event, request = outbox
    assert (event.action, request.action) == ("ORDER_PAID", "GET_PAY")
    assert event.user_name == request.user_name == "root"
    assert event.extra["request_id"] == request.extra["request_id"]
    assert event.extra["order"] == 7


def test_the_tables_of_the_standards_have_each_row():
    numbers = re.findall(r"^\| (\d[\d.]+) \|", TEXTS["compliance"], re.MULTILINE)
    asvs = [f"16.{section}.{row}" for section, last in ASVS for row in range(1, last + 1)]
    assert [number for number in numbers if number.startswith("16.")] == asvs
    pci = [number for number in numbers if number.startswith("10.")]
    assert pci == sorted(set(pci), key=lambda number: [*map(int, number.split("."))])
    assert len(pci) == 27
