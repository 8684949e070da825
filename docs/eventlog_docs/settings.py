"""The settings, and the keys of rules, facts and searches, as tables."""

import re
from inspect import Parameter, formatannotation, signature
from typing import Any

from django.utils.functional import SimpleLazyObject

from eventlog.conf import Conf, Setting
from eventlog.metadata.fields import FIELDS
from eventlog.middleware.rules import Rule
from eventlog.review.search.filters import EXTRA_FILTER, FILTERS, WORD_FILTER, Filter

from .markdown import code, from_docstring, table

MAX_DEFAULT_LENGTH = 60  # characters of a default; the page of the settings has longer ones


def settings_section(settings_page: str) -> str:
    """Return the table of all settings, each with a link to its heading on its own page."""
    types = dict(re.findall(r"^### `(\w+): (.+)`$", settings_page, re.MULTILINE))
    rows = []
    for setting in vars(Conf).values():
        if isinstance(setting, Setting):
            key = setting.key
            anchor = re.sub(r"[^\w\- ]", "", f"{key}: {types[key]}".lower()).replace(" ", "-")
            link = f"[{code(key)}](settings.md#{anchor})"
            meaning = setting.__doc__ or ""
            rows.append((link, meaning, code(types[key]), _default(setting.default)))
    return table(("setting", "meaning", "type", "default"), rows)


def _default(value: Any) -> str:
    if isinstance(value, SimpleLazyObject):
        return "all"
    text = code(repr([*value] if isinstance(value, tuple) else value))
    return text if len(text) <= MAX_DEFAULT_LENGTH else "see the setting"


def rules_section() -> str:
    """Return the table of the keys of a rule."""
    meanings = _listed(Rule.__doc__ or "")
    parameters = signature(Rule.__init__).parameters.values()
    rows = [
        (code(each.name), meanings[each.name], code(_type(each)), code(each.default))
        for each in parameters
        if each.kind is Parameter.KEYWORD_ONLY
    ]
    return table(("key", "meaning", "type", "default"), rows)


def _listed(docstring: str) -> dict[str, str]:
    """Return the entries of the lists in a docstring, by the names that they begin with."""
    entries = re.split(r"^- ", from_docstring(docstring), flags=re.MULTILINE)[1:]
    texts = (entry.partition("\n\n")[0].partition(": ") for entry in entries)
    return {name.strip("`"): text for name, _, text in texts}


def _type(parameter: Parameter) -> str:
    """Return the type of a parameter; only ``Callable`` for a callable, which the text explains."""
    plain = formatannotation(parameter.annotation).replace("collections.abc.", "")
    return re.sub(r"Callable\[\[.*?\], \w+(\[.*?\])?\]", "Callable", plain)


def fields_section() -> str:
    """Return the table of the facts of a request."""
    rows = [
        (
            code(name),
            str(field.label),
            field.description,
            f"{field.max_length:,}" if field.max_length else "",
            "yes" if field.is_personal else "no",
        )
        for name, field in FIELDS.items()
    ]
    return table(("key", "label", "value", "characters, at most", "personal"), rows)


def search_section() -> str:
    """Return the table of the keys of the search language."""
    rows = [_filter(f"{key}:", each) for key, each in FILTERS.items()]
    rows += [_filter("extra.NAME:", EXTRA_FILTER), _filter("a word", WORD_FILTER)]
    return table(("key", "finds", "examples", "completed values", "compares"), rows)


def _filter(key: str, each: Filter) -> tuple[str, ...]:
    examples = " ".join(map(code, each.examples))
    values = " ".join(map(code, each.values))
    name = key if " " in key else code(key)
    return name, str(each.description), examples, values, "yes" if each.is_compared else "no"
