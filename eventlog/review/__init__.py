"""Reading events: the search language, pages, the overview and exports.

The admin takes modules of its pages from here, such as ``review.dashboard``. They are imported
when a page first needs them, because a server starts faster without them (``benchmarks.start``).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        changed_fields,
        changelist,
        chosen_columns,
        dashboard,
        event_page,
        field_history,
        pagination,
        reader,
    )
    from .export import formats
    from .search import query

_MODULES = {"formats": "export.formats", "query": "search.query"}

__all__ = [
    "changed_fields",
    "changelist",
    "chosen_columns",
    "dashboard",
    "event_page",
    "field_history",
    "formats",
    "pagination",
    "query",
    "reader",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"{__name__}.{_MODULES.get(name, name)}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
