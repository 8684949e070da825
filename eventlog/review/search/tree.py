"""The tree of a search: terms, combined by AND, OR and NOT, and written as text again.

``str()`` of a node is its text, which the parser reads as an equal node.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple, TypeAlias

OPERATORS = ("", ">", ">=", "<", "<=")
NEGATED = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
KEYWORDS = ("AND", "OR", "NOT")
# Of terms with these keys, all apply. Of terms with another key, one has to apply.
ALL_APPLY = ("last", "from", "to", "at", "is", "has", "changed", "")

_PLAIN_VALUE = re.compile(r'[^\s",()]+')
_PLAIN_WORD = re.compile(r'[^\s":()-][^\s":()]*')
_ADDRESS = re.compile(r"[0-9a-f]{0,4}:|[0-9.]+(/|\Z)", re.IGNORECASE)  # the start of an address


class Term(NamedTuple):
    """One condition of a search: a key, an operator for comparisons, and a value as text."""

    key: str  # empty for a word
    value: str
    operator: str = ""

    def __str__(self) -> str:
        if self.key:
            text = f"{self.key}:{self.written_value}"
            return f"{self.key}:{self.quoted}" if is_address(text) else text
        is_plain = _PLAIN_WORD.fullmatch(self.value) and self.value.upper() not in KEYWORDS
        return self.value if is_plain else self.quoted

    @property
    def written_value(self) -> str:
        """The operator and the value, as they are written after the key."""
        is_plain = _PLAIN_VALUE.fullmatch(self.value) and self.value[0] not in "<>="
        return self.operator + (self.value if is_plain or not self.value else self.quoted)

    @property
    def quoted(self) -> str:
        """The value in quotation marks."""
        return _quoted(self.value)

    @property
    def is_choice(self) -> bool:
        """True if a further term with this key is an alternative."""
        return not self.operator and self.key not in ALL_APPLY


@dataclass(frozen=True)
class Not:
    """The events that ``node`` does not find."""

    node: "Node"

    def __str__(self) -> str:
        text = str(self.node)
        return f"-{text}" if isinstance(self.node, Term) or _is_list(self.node) else f"-({text})"


@dataclass(frozen=True)
class Or:
    """The events that at least one node finds. Built by ``either()``."""

    nodes: tuple["Node", ...]

    def __str__(self) -> str:
        if _is_list(self):
            terms = [node for node in self.nodes if isinstance(node, Term)]
            return f"{terms[0].key}:{','.join(term.written_value for term in terms)}"
        return " OR ".join(map(str, self.nodes))


@dataclass(frozen=True)
class And:
    """The events that all nodes find; without nodes, all events. Built by ``all_of()``."""

    nodes: tuple["Node", ...] = ()

    def __str__(self) -> str:
        return " ".join(
            f"({node})" if isinstance(node, Or) and not _is_list(node) else str(node)
            for node in self.nodes
        )


Node: TypeAlias = Term | Not | Or | And


def is_address(text: str) -> bool:
    """Return whether ``text`` is an address or a network. fe80::1 also looks like a key."""
    if not _ADDRESS.match(text):  # because ip_network() takes long for the many other terms
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', r"\"")
    return f'"{escaped}"'


def _is_list(node: "Node") -> bool:
    """Return whether the node is written as a list of values, such as ``status:404,410``."""
    return isinstance(node, Or) and (
        all(isinstance(each, Term) and each.key and not each.operator for each in node.nodes)
        and len({each.key for each in node.nodes if isinstance(each, Term)}) == 1
    )


def negate(node: Node) -> Node:
    """Return the node that finds the other events."""
    return node.node if isinstance(node, Not) else Not(node)


def either(nodes: Iterable[Node]) -> Node:
    """Return the node of which at least one of ``nodes`` has to apply."""
    flat: list[Node] = []
    for node in nodes:
        flat += node.nodes if isinstance(node, Or) else [node]
    flat = [*dict.fromkeys(flat)]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def all_of(nodes: Iterable[Node]) -> Node:
    """Return the node of which all ``nodes`` have to apply, with one list of values for a key."""
    flat: list[Node] = []
    for node in nodes:
        flat += node.nodes if isinstance(node, And) else [node]
    choices: dict[str, list[Term]] = {}
    merged: dict[Node | str, Node | None] = {}  # a key stands for the list of its values
    for node in flat:
        if terms := alternatives(node):
            choices.setdefault(terms[0].key, []).extend(terms)
            merged[terms[0].key] = None
        else:
            merged[node] = node
    nodes_of_choices = {key: either(terms) for key, terms in choices.items()}
    found = [node or nodes_of_choices[str(key)] for key, node in merged.items()]
    return found[0] if len(found) == 1 else And(tuple(found))


def alternatives(node: Node) -> Sequence[Term]:
    """Return the terms of a choice between values of one key; empty for another node."""
    if isinstance(node, Term):
        return [node] if node.is_choice else []
    if not isinstance(node, Or) or not _is_list(node):
        return []
    terms = [each for each in node.nodes if isinstance(each, Term)]
    return terms if terms[0].is_choice else []


def conjuncts(node: Node) -> Sequence[Node]:
    """Return the nodes that all have to apply."""
    return node.nodes if isinstance(node, And) else [node]


def terms_of(node: Node) -> Iterator[Term]:
    """Yield the terms of a tree, in the order in which they are written."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from terms_of(node.node)
    else:
        for each in node.nodes:
            yield from terms_of(each)


def map_nodes(node: Node, change: Callable[[Node], Node | None]) -> Node | None:
    """Return the tree with ``change`` applied to each node; None removes a node."""
    found = change(node)
    if found is not node or isinstance(node, Term):
        return found
    if isinstance(node, Not):
        inner = map_nodes(node.node, change)
        return None if inner is None else negate(inner)
    kept = [new for each in node.nodes if (new := map_nodes(each, change)) is not None]
    if not kept:
        return None
    return either(kept) if isinstance(node, Or) else all_of(kept)
