"""The inventory: what is recorded, where it is stored, for how long, and who may read it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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


def inventory(parts: Iterable[Callable[[], Iterator[Entry]]]) -> list[Entry]:
    """Return the entries of the parts and of the installed apps, in the order of the sections."""
    found: list[Entry] = []
    for part in (*parts, *_of_apps()):
        try:
            found += part()
        except Exception as error:  # noqa: BLE001 (such as a database that is down)
            name = part.__name__.replace("_", " ")
            found.append(Entry("recorded", f"unknown: {name}", f"{type(error).__name__}: {error}"))
    return sorted(found, key=lambda entry: SECTIONS.index(entry.section))


def _of_apps() -> Iterator[Callable[[], Iterator[Entry]]]:
    for config in apps.get_app_configs():
        if path := getattr(config, APP_ATTRIBUTE, None):
            yield import_string(path)


def joined(names: Iterable[str], limit: int = 100) -> str:
    """Return names as one text, of which very many are cut off."""
    every = [*names]
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more or "(none)"
