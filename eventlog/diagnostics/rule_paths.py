"""The check of rules whose path no URL of the site has."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import get_script_prefix

from ..conf import Misconfigured, conf
from ..metadata.url_secrets import literal_start, literal_starts_of_urls
from ..middleware.rules import compile_rule
from .findings import Finding, warning
from .site import Site


def rule_path_findings(site: Site) -> Iterator[Finding]:
    """Yield a warning for each rule with a path that no URL of the root URLconf can have."""
    starts: frozenset[str] | None = None
    for number, raw in enumerate(conf.requests or ()):
        where = f"EVENTLOG['REQUESTS'][{number}]"
        start = _literal_start(where, raw)
        if not start or any(map(start.startswith, conf.file_urls)):
            continue
        if starts is None:
            prefix = get_script_prefix().rstrip("/")
            starts = frozenset(prefix + each for each in literal_starts_of_urls())
        if not any(start.startswith(each) or each.startswith(start) for each in starts):
            yield warning(
                "rule-path-unknown",
                f"{where}: 'path' is {raw['path']!r}, which matches no URL of the root URLconf.",
                "Write the path as in the address, with the slash at its start. If the path is "
                "answered outside of the URLconf, ignore this finding.",
            )


def _literal_start(where: str, raw: Any) -> str:
    """Return the literal text at the start of a rule's path; empty if there is none."""
    try:
        path = compile_rule(where, raw).path
    except Misconfigured:  # "defaults", or a mistake that a system check reports
        return ""
    return literal_start([(re.compile(path), frozenset())]) if path else ""
