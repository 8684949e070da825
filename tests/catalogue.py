"""The texts that are marked for translation, and the catalogues, without the tools of gettext."""

from collections.abc import Iterator
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Any, NamedTuple

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.template import engines
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

PACKAGE = Path(__file__).parents[1] / "eventlog"
LOCALE = PACKAGE / "locale"
KEYWORDS: Any = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


class Text(NamedTuple):
    """A text of the code."""

    context: str | None
    id: str
    plural: str | None = None


@cache
def texts() -> set[Text]:
    """Return all marked texts of the package."""
    return {*_of_python(), *_of_templates()}


def _of_python() -> Iterator[Text]:
    for path in PACKAGE.rglob("*.py"):
        with path.open("rb") as file:
            for _line, found, _comments, context in extract("python", file, KEYWORDS):
                parts = (found,) if isinstance(found, str) else found
                yield Text(context, *parts)


def _of_templates() -> Iterator[Text]:
    engine = engines["django"].engine
    for path in PACKAGE.rglob("*.html"):
        nodes = engine.from_string(path.read_text()).nodelist
        for node in nodes.get_nodes_by_type(TranslateNode):
            yield Text(_context(node), node.filter_expression.var.literal)
        for node in nodes.get_nodes_by_type(BlockTranslateNode):
            parts = [node.render_token_list(some)[0] for some in (node.singular, node.plural)]
            yield Text(_context(node), *filter(None, parts))


def _context(node: Any) -> str | None:
    return None if node.message_context is None else str(node.message_context.resolve({}))


def languages() -> list[str]:
    """Return the languages of the package."""
    return sorted(path.name for path in LOCALE.iterdir())


@cache
def source(language: str) -> Catalog:
    """Return the catalogue that translators write."""
    with (LOCALE / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def compiled(language: str) -> GNUTranslations:
    """Return the catalogue that Django reads."""
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return GNUTranslations(file)


def texts_of_django() -> set[str]:
    """Return the texts of Django itself and of its apps, without a context."""
    found: set[str] = set()
    for path in Path(django.__file__).parent.rglob("locale/en/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            for message in read_po(file):
                ids = message.id if isinstance(message.id, tuple) else (message.id,)
                found.update(ids if message.context is None else ())
    return found - {""}
