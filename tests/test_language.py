"""Plain words in docstrings, comments, messages and documents, and short modules."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("eventlog", "tests", "benchmarks", "demo_site")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
PACKAGE = [path for path in SOURCES if path.is_relative_to(ROOT / "eventlog")]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEMPLATES = sorted((ROOT / "eventlog").rglob("*.html"))

UNPLAIN = re.compile(
    r"\b(?:whoever|whomever|somebody|nobody|anew|meanwhile|beside|that of|those of"
    r"|(?:is|are) no (?!longer\b|more than\b)\w+|ha(?:s|ve) no[nt]e? (?=to\b|the\b|an?\b))\b",
    re.IGNORECASE,
)
FRAGMENT = re.compile(
    r"(?:What|Who|Whom|Whose|Whether|Where|When|That|Those|Of|As|Which|How|The same)\b"
)
MAX_FRAGMENTS = 0.02
MAX_LINES = 260  # as CONTRIBUTING.md says
FSTRING_MIDDLE = getattr(tokenize, "FSTRING_MIDDLE", -1)  # from Python 3.12 on


def docstrings(path):
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and (text := ast.get_docstring(node)):
            yield text


def words(path):
    """Yield the comments and texts of a module, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, FSTRING_MIDDLE):
            yield token.start[0], token.string


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_and_texts_use_plain_words(path):
    found = [(line, UNPLAIN.findall(text)) for line, text in words(path)]
    assert [(line, matches) for line, matches in found if matches] == []


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, *TEMPLATES], ids=lambda path: str(path.relative_to(ROOT))
)
def test_documents_and_pages_use_plain_words(path):
    lines = enumerate(path.read_text().splitlines(), 1)
    found = [(number, UNPLAIN.findall(line)) for number, line in lines]
    assert [(number, matches) for number, matches in found if matches] == []


def test_no_module_of_the_package_is_long():
    lines = {path: len(path.read_text().splitlines()) for path in PACKAGE}
    assert {path.name: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_docstrings_begin_with_a_verb_or_a_noun():
    texts = [text for path in PACKAGE for text in docstrings(path)]
    fragments = [text.splitlines()[0] for text in texts if FRAGMENT.match(text)]
    assert len(fragments) <= MAX_FRAGMENTS * len(texts), fragments
