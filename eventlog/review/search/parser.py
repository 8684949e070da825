"""The parser of searches, such as ``user:anna -status:200 (path:/a OR duration:>2s)``.

::

    search      = [alternative]
    alternative = sequence {"OR" sequence}
    sequence    = operand {["AND"] operand}
    operand     = ("-" | "NOT") operand | "(" alternative ")" | term
    term        = key ":" value {"," value} | word
    value       = [">" | ">=" | "<" | "<="] (plain text | quoted text)
"""

import re
from typing import NamedTuple

from django.utils.translation import gettext as _

from .tree import KEYWORDS, And, Node, Term, all_of, either, is_address, negate

MAX_DEPTH = 10  # levels of brackets

_SPACE = re.compile(r"\s*")
_KEY = re.compile(r'(extra\.[^\s:"(),]+|[A-Za-z][A-Za-z0-9_.-]*):')
_OPERATOR = re.compile(r"[<>]=?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_VALUE = re.compile(r'[^\s",()]+')
_WORD = re.compile(r'[^\s"()]+')
_END = re.compile(r"[\s)]|\Z")
_LAST = re.compile(r"[A-Z]+\Z|.\Z", re.DOTALL)  # a keyword or a minus sign


class SyntaxProblem(NamedTuple):
    """A part of a search that cannot be parsed, and the reason.

    ``suggestion`` is a corrected search, and ``without`` is the search without the part.
    """

    part: str
    reason: str
    suggestion: str = ""
    without: str | None = None


class _ParseError(Exception):
    def __init__(self, problem: SyntaxProblem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def parse(text: str) -> Node | SyntaxProblem:
    """Return the tree of a search, or the first problem with its syntax."""
    try:
        return _Parser(text).search()
    except _ParseError as error:
        return error.problem


class _Parser:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def search(self) -> Node:
        self._skip_space()
        if self._position == len(self._text):
            return And()
        tree = self._alternative(0)
        if self._position < len(self._text):  # only ")" ends an alternative early
            end = self._position + 1
            reason = _("The bracket ) has no opening bracket. Remove it.")
            raise self._error(reason, self._position, end)
        return tree

    def _alternative(self, depth: int) -> Node:
        nodes = [self._sequence(depth)]
        while self._take_keyword("OR"):
            nodes.append(self._sequence(depth))
        return either(nodes)

    def _sequence(self, depth: int) -> Node:
        nodes = [self._operand(depth)]
        while True:
            if self._take_keyword("AND"):
                nodes.append(self._operand(depth))
            elif self._at_end() or self._keyword() == "OR":
                return all_of(nodes)
            else:
                nodes.append(self._operand(depth))

    def _operand(self, depth: int) -> Node:
        is_negated = False
        while self._take_minus() or self._take_keyword("NOT"):
            is_negated = not is_negated
        node = self._bracket(depth) if self._next() == "(" else self._term()
        return negate(node) if is_negated else node

    def _bracket(self, depth: int) -> Node:
        start = self._position
        if depth >= MAX_DEPTH:
            reason = _("The search has more than %(max)d levels of brackets. Use fewer.")
            raise self._error(reason % {"max": MAX_DEPTH}, start, start + 1)
        self._position += 1
        self._skip_space()
        if self._next() == ")":
            reason = _("The brackets are empty. Write a term between them.")
            raise self._error(reason, start, self._position + 1)
        node = self._alternative(depth + 1)
        if self._next() != ")":
            reason = _("The bracket ( is not closed. Add ) at the end.")
            raise self._error(reason, start, start + 1, f"{self._text})")
        self._position += 1
        self._skip_space()
        return node

    def _term(self) -> Node:
        start = self._position
        word = _WORD.match(self._text, start)
        if word is None:
            if self._next() == '"':
                return self._end_of(Term("", self._quoted()), start)
            raise self._missing_operand()
        if word[0] in KEYWORDS:
            raise self._missing_operand()
        if (keyword := word[0].upper()) in KEYWORDS:
            reason = _(
                "Write %(keyword)s in capital letters to combine terms,"
                " or put the word in quotation marks to search for it."
            ) % {"keyword": keyword}
            suggestion = f"{self._text[:start]}{keyword}{self._text[word.end() :]}"
            raise self._error(reason, start, word.end(), suggestion)
        key = None if is_address(word[0]) else _KEY.match(self._text, start)
        if key is None:
            self._position = word.end()
            return self._end_of(Term("", word[0]), start)
        self._position = key.end()
        terms = [self._value(key[1])]
        while self._next() == ",":
            self._position += 1
            terms.append(self._value(key[1]))
        return self._end_of(either(terms), start)

    def _value(self, key: str) -> Term:
        operator = _OPERATOR.match(self._text, self._position)
        if operator is not None:
            self._position = operator.end()
        written = operator[0] if operator else ""
        if self._next() == '"':
            return Term(key, self._quoted(), written)
        plain = _VALUE.match(self._text, self._position)
        if plain is None:
            return Term(key, "", written)
        self._position = plain.end()
        return Term(key, plain[0], written)

    def _quoted(self) -> str:
        found = _QUOTED.match(self._text, self._position)
        if found is None:
            rest = self._text[self._position :]
            # A backslash at the end would escape the quotation mark.
            is_escaped = (len(rest) - len(rest.rstrip("\\"))) % 2
            suggestion = "" if is_escaped else f'{self._text}"'
            reason = _("The quotation mark is not closed. Add one at the end.")
            raise self._error(reason, self._position, self._position + 1, suggestion)
        self._position = found.end()
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)

    def _end_of(self, node: Node, start: int) -> Node:
        """Return ``node`` if a space, a closing bracket or the end of the search follows."""
        if _END.match(self._text, self._position) is None:
            end = start + len(self._text[start:].split(maxsplit=1)[0])
            reason = _("Put a text with a bracket or a quotation mark in quotation marks.")
            quoted = _with_quotes(self._text[start:end])
            suggestion = f"{self._text[:start]}{quoted}{self._text[end:]}"
            raise self._error(reason, start, end, suggestion)
        self._skip_space()
        return node

    # Characters

    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _at_end(self) -> bool:
        return self._next() in ("", ")")

    def _skip_space(self) -> None:
        self._position = _SPACE.match(self._text, self._position).end()  # type: ignore[union-attr]

    def _keyword(self) -> str:
        word = _WORD.match(self._text, self._position)
        return word[0] if word and word[0] in KEYWORDS else ""

    def _take_keyword(self, keyword: str) -> bool:
        if self._keyword() != keyword:
            return False
        self._position += len(keyword)
        self._skip_space()
        return True

    def _take_minus(self) -> bool:
        if self._next() != "-":
            return False
        self._position += 1
        return True

    def _missing_operand(self) -> _ParseError:
        position = self._position
        if word := self._keyword():
            reason = _("%(word)s needs a term before and after it.") % {"word": word}
            return self._error(reason, position, position + len(word))
        found = _LAST.search(self._text[:position].rstrip())
        if found is None:
            reason = _("The bracket ) needs a term before it.")
            return self._error(reason, position, position + 1)
        reason = _("%(word)s needs a term after it.") % {"word": found[0]}
        return self._error(reason, found.start(), found.end())

    def _error(self, reason: str, start: int, end: int, suggestion: str = "") -> _ParseError:
        """Return the error of the characters from ``start`` up to ``end``."""
        without = " ".join(f"{self._text[:start]} {self._text[end:]}".split())
        part = self._text[start:end]
        return _ParseError(SyntaxProblem(part, reason, suggestion, without))


def _with_quotes(word: str) -> str:
    """Return the word with quotation marks around its value."""
    key = _KEY.match(word)
    value = word[key.end() :] if key else word
    return f"{key[0] if key else ''}{Term('', value).quoted}"
