"""The events of sign-ins and accounts."""

import re

from eventlog.contrib.sign_ins.actions import OWASP

from .markdown import code, table


def sign_ins_section(sign_ins_page: str) -> str:
    """Return the table of the actions, with the times that the page of sign-ins gives."""
    pattern = r"^\| `(\w+)` \| `\w+` \| [^|]+ \| ([^|]+) \|"
    times = dict(re.findall(pattern, sign_ins_page, re.MULTILINE))
    rows = [(code(key.upper()), code(key), times[key]) for key in OWASP]
    return table(("action", "key", "when"), rows)
