"""Who did what on a Django site, to which object, from where.

Nothing is imported here, because reaching the models before the apps are loaded breaks the site.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .metadata.annotations import annotate, context
    from .review.reader import reader

__all__ = ["annotate", "context", "reader"]
__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        module = ".review.reader" if name == "reader" else ".metadata.annotations"
        return getattr(import_module(module, __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
