"""Pages that are filled from the code of eventlog and from files of the repository.

A line such as ``<!-- generated: checks -->`` in a page is replaced by the part of that name, and
``<!-- included: CHANGELOG.md -->`` by a file. Links to files outside of ``docs`` lead to the page
that includes the file, or to the website of the repository.
"""

import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import api, checks, commands, events, settings

DOCS = Path(__file__).parent.parent
ROOT = DOCS.parent
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "policy.md",
}

_GENERATED = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)
_INCLUDED = re.compile(r"^<!-- included: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#]*)(?=[)#])")
_settings_page = (DOCS / "settings.md").read_text
_sign_ins_page = (DOCS / "sign-ins.md").read_text

PARTS: dict[str, Callable[[], str]] = {
    "checks": lambda: checks.checks_section(checks.causes(_settings_page())),
    "commands": commands.commands_section,
    "settings": lambda: settings.settings_section(_settings_page()),
    "rules": settings.rules_section,
    "fields": settings.fields_section,
    "search": settings.search_section,
    "sign-ins": lambda: events.sign_ins_section(_sign_ins_page()),
    "signals": api.signals_section,
    "record": api.record_section,
    **{kind: partial(api.api_section, kind) for kind in api.NAMES},
}


def filled(text: str) -> str:
    """Return the text of a page as the module's docstring says."""
    text = _LINK.sub(lambda link: _target(link[1], DOCS), text)
    text = _GENERATED.sub(lambda place: PARTS[place[1]](), text)
    return _INCLUDED.sub(lambda place: _file(ROOT / place[1]), text)


def filled_pages() -> list[str]:
    """Return the pages that depend on other files than their own."""
    texts = {path.stem: path.read_text() for path in DOCS.glob("*.md")}
    return [
        page
        for page, text in texts.items()
        if _GENERATED.search(text + "\n") or _INCLUDED.search(text)
    ]


def repository() -> str:
    """Return the address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["urls"]["Repository"])


def _file(path: Path) -> str:
    return _LINK.sub(lambda link: _target(link[1], path.parent), path.read_text())


def _target(link: str, folder: Path) -> str:
    """Return the target of a relative link in a file of ``folder``, for a page in ``docs``."""
    path = (folder / link).resolve()
    if not link or path.is_relative_to(DOCS):
        return link.removeprefix("docs/") if folder == ROOT else link
    name = str(path.relative_to(ROOT))
    return PAGES.get(name, f"{repository()}/blob/main/{name}")
