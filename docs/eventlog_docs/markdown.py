"""Markdown that the generated parts of the documentation are made of."""

import re
from collections.abc import Iterable, Sequence
from inspect import cleandoc

_CODE_BLOCK = re.compile(r"::\n\n((?:(?: {4}.*)?\n)+)")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Cells are Markdown, in which pipes are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def code(text: object) -> str:
    """Return ``text`` in the style of code."""
    return f"`` {text} ``" if "`" in str(text) else f"`{text}`"


def from_docstring(text: str | None) -> str:
    """Return the Markdown of a docstring, which is written in reStructuredText."""
    plain = cleandoc(text or "").replace("``", "`") + "\n"
    return _CODE_BLOCK.sub(lambda found: f":\n\n{_fenced(found[1])}", plain).strip()


def _fenced(block: str) -> str:
    return f"```python\n{cleandoc(block)}\n```\n"
