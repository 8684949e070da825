"""The inventory: what is recorded, where it is stored, for how long, and who may read it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

from django.apps import apps
from django.utils.module_loading import import_string

Section = Literal["recorded", "stored", "kept", "read by"]
SECTIONS: Sequence[Section] = ("recorded", "stored", "kept", "read by")

# An attribute of an app's configuration: the dotted path of a function that yields entries.
APP_ATTRIBUTE = "eventlog_inventory"


class Entry(NamedTuple):
    """One row of the inventory."""

    section: Section
    subject: str
    detail: str


def inventory(parts: Iterable[Callable[[], Iterable[Entry]]]) -> list[Entry]:
    """Return the entries of the parts and of the installed apps, in the order of the sections."""
    found: list[Entry] = []
    for part in (*parts, *_of_apps()):
        try:
            found += part()
        except Exception as error:  # noqa: BLE001 (such as a database that is down)
            name = _name_of(part)
            found.append(Entry("recorded", f"unknown: {name}", f"{type(error).__name__}: {error}"))
    return sorted(found, key=lambda entry: SECTIONS.index(entry.section))


def _of_apps() -> Iterator[Callable[[], Iterable[Entry]]]:
    for config in apps.get_app_configs():
        if path := getattr(config, APP_ATTRIBUTE, None):
            yield partial(_entries, path)


def _entries(path: str) -> Iterable[Entry]:
    function: Callable[[], Iterable[Entry]] = import_string(path)
    return function()


def _name_of(part: Callable[[], Iterable[Entry]]) -> str:
    if isinstance(part, partial):  # of an app
        return str(part.args[0])
    return part.__name__.replace("_", " ")


def joined_names(names: Iterable[str], limit: int = 100) -> str:
    """Return names as one text, of which very many are cut off."""
    every = [*names]
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more or "(none)"
