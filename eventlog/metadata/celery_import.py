"""Connection of the propagation when the site imports Celery, because importing it costs 0.03 s.

A view may be the first to import Celery and publish a task at once, so the connection is part of
the import of ``celery.signals``.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType

SIGNALS = "celery.signals"


def connect_when_imported() -> None:
    """Connect the propagation now, or when ``celery.signals`` is imported."""
    if SIGNALS in sys.modules:
        _connect()
    elif find_spec("celery") is not None and _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _connect() -> None:
    import_module(f"{__package__}.propagation").connect()


class _SignalsFinder:
    """Finds ``celery.signals`` as Python does, and connects the propagation after its import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != SIGNALS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_connect(module: ModuleType) -> None:
                execute(module)
                _connect()

            spec.loader.exec_module = execute_and_connect  # type: ignore[method-assign]
        return spec


_finder = _SignalsFinder()
