"""The nearest valid spelling of a key or value that is not valid."""

from collections.abc import Iterable
from difflib import get_close_matches

from django.utils.translation import gettext as _

MAX_SPELLED_LENGTH = 50  # characters, because difflib's time grows with the square of the length


def nearest_spelling(text: str, choices: Iterable[str]) -> str:
    """Return the choice that is spelled most like ``text``; empty if none is close."""
    if len(text) > MAX_SPELLED_LENGTH:
        return ""
    by_spelling = {choice.casefold(): choice for choice in choices}
    found = get_close_matches(text.casefold(), by_spelling, n=1)
    return by_spelling[found[0]] if found else ""


def choices_sentence(choices: Iterable[str]) -> str:
    """Return the sentence that lists the valid choices."""
    return _("Use one of: %(choices)s.") % {"choices": ", ".join(choices)}
