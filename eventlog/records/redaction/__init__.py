"""Masking of secrets by their name or their form, before a record is made."""

from collections.abc import Callable
from typing import Any

from ...text import cut
from .forms import MASK, looks_random
from .masker import MAX_DEPTH, current_masker
from .names import NUMERIC, current_classifier, hides_in_path, is_secret

__all__ = [
    "MASK",
    "MAX_DEPTH",
    "NUMERIC",
    "current_classifier",
    "hides_in_path",
    "is_secret",
    "looks_random",
    "mask_and_cut",
    "named_masker",
    "redact",
    "redact_query",
    "redact_url",
]


def redact(value: Any) -> Any:
    """Return a copy of ``value`` in which secrets are masked, at any depth.

    Strings that are JSON, a URL or a query string are parsed. Raise ``ValueError`` if a value
    contains itself.
    """
    return current_masker().value(value)


def named_masker() -> Callable[[str, Any], Any]:
    """Return a function of a name and its value that masks as ``redact({name: value})`` does."""
    return current_masker().named


def redact_query(query: str, path: str = "") -> str:
    """Return ``a=1&token=x`` as ``a=1&token=********``.

    ``path`` is the path of the request; it may show that the query is an OAuth response.
    """
    return current_masker().query(query, path)


def redact_url(url: str) -> str:
    """Return ``url`` with its user, and the secrets of path, query and fragment, masked."""
    return current_masker().url(url)


def mask_and_cut(mask: Callable[[str], str], text: str, max_length: int) -> str:
    """Mask ``text`` and cut the result to ``max_length``; ``mask`` receives twice as many.

    A secret that is cut in the middle may not be recognised. The last word that ``mask`` received
    is therefore masked if the result contains it.
    """
    masked = mask(text[: 2 * max_length])
    if len(text) > 2 * max_length and len(masked) <= max_length:
        begin = max(map(masked.rfind, "&;?#/= ")) + 1
        masked = masked[:begin] + MASK
    return cut(masked, max_length)
