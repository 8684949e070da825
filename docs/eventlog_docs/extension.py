"""The extension of Sphinx that fills the pages."""

from typing import Any

from sphinx.application import Sphinx

from .pages import filled, filled_pages


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension."""
    app.connect("source-read", fill)
    app.connect("env-get-outdated", lambda app, env, *_: filled_pages())
    return {"parallel_read_safe": True}


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the source of a page."""
    source[0] = filled(source[0])
