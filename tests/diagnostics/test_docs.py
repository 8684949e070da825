"""The page of the doctor describes each finding."""

import ast
import re

from ..test_docs import ROOT, syntax_nodes

PAGE = (ROOT / "docs" / "diagnostics.md").read_text()


def text(node):
    """Return a constant text, with NAME for its variable parts."""
    if isinstance(node, ast.JoinedStr):
        parts = node.values
        return "".join("NAME" if isinstance(part, ast.FormattedValue) else part.value
                       for part in parts)  # fmt: skip
    return getattr(node, "value", None)


def test_each_finding_has_a_row():
    calls = [node for node in syntax_nodes() if isinstance(node, ast.Call) and node.args]
    functions = {"problem", "warning", "info", "make"}
    made = [call for call in calls if getattr(call.func, "id", None) in functions]
    ids = {found for call in made if isinstance(found := text(call.args[0]), str)}
    assert len(ids) > 30
    assert ids - {"spool-unwritable"} == {
        found
        for found in re.findall(r"^\| `([\w.-]+)` \|", PAGE, re.MULTILINE)
        if "-" in found or found == "address"
    }
