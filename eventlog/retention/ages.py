"""Ages of events as text, such as ``180d``."""

import re
from datetime import timedelta

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: object) -> timedelta:
    """Return the age that ``text`` says. Raise ``ValueError`` for another text."""
    if not (isinstance(text, str) and (match := re.fullmatch(r"([0-9]{1,5})([hdw])", text))):
        raise ValueError(f"{text!r} is not an age; give one such as 48h, 180d or 52w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def age_text(age: timedelta) -> str:
    """Return the text of an age of whole hours."""
    hours = age // timedelta(hours=1)
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
