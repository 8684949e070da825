"""A search: its tree, its problems, and the plan of its query."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Q
from django.utils.translation import gettext as _

from .condition import (
    NOTHING,
    Condition,
    InvalidTermError,
    complement,
    intersection,
    union,
)
from .condition import InvalidSearch as InvalidSearch  # the documented address
from .filters import find
from .parser import SyntaxProblem, parse
from .plan import QueryPlan, plan_of
from .tree import (
    NEGATED,
    And,
    Node,
    Not,
    Or,
    Term,
    all_of,
    alternatives,
    conjuncts,
    map_nodes,
    terms_of,
)

MAX_SEARCH_LENGTH = 2000  # characters
MAX_TERMS = 30
MAX_VALUES = 256  # of all terms, because SQLite nests expressions at most 1,000 levels deep

BOUNDS = ("last", "from", "to", "at")

Find = Callable[[Term], Condition]

# Indexed keys, from the one that leaves the fewest events to the one that leaves the most.
_BY_SELECTIVITY = ("obj", "ip", "user", "status", "action")
_NO_EVENTS = QueryPlan(period=NOTHING)


@dataclass(frozen=True)
class Problem:
    """A part of a search that is not valid, or finds nothing, with searches that may."""

    part: str
    reason: str
    suggested_part: str = ""
    suggestion: str = ""  # the whole search; empty if there is none
    without: str | None = None  # the whole search without the part


@dataclass(frozen=True)
class Search:
    """The tree of a search, its errors, and the plan of the query."""

    tree: Node
    errors: Sequence[Problem] = ()
    hints: Sequence[Problem] = ()  # about valid terms that find nothing
    conditions: dict[Term, Condition] = field(default_factory=dict)
    plan: QueryPlan = _NO_EVENTS

    @classmethod
    def parse(cls, text: str, find: Find = find) -> "Search":
        """Return the search in ``text``. One with an error finds nothing. Never raise.

        ``find`` returns the condition of a term, or raises ``InvalidTermError``.
        """
        if len(text) > MAX_SEARCH_LENGTH:
            reason = (_("The search has %(count)d characters. Use at most %(max)d characters.")) % {
                "count": len(text),
                "max": MAX_SEARCH_LENGTH,
            }
            return cls(And(), [Problem(f"{text[:60]}…", reason)])
        tree = parse(text)
        if isinstance(tree, SyntaxProblem):
            part, reason, suggestion, without = tree
            return cls(And(), [Problem(part, reason, suggestion, suggestion, without)])
        return _Builder(tree, find).search()

    @property
    def conjuncts(self) -> Sequence[Node]:
        """The parts that all have to apply."""
        return conjuncts(self.tree)

    @property
    def terms(self) -> Sequence[Term]:
        """The terms that apply to every event found, and the values of each list."""
        found: list[Term] = []
        for node in self.conjuncts:
            if isinstance(node, Term):
                found.append(node)
            else:
                found += alternatives(node)
        return found

    def toggled(self, term: Term, siblings: Collection[Node]) -> str:
        """Return the search with ``term`` in place of ``siblings``, or without it if it has it."""
        kept = [node for node in self._parts() if node not in siblings and node != term]
        return str(all_of(kept if term in self.terms else [*kept, term]))

    def excluding(self, term: Term) -> str:
        """Return the search without the events that ``term`` finds."""
        kept = [node for node in self._parts() if node not in (term, Not(term))]
        return str(all_of([*kept, Not(term)]))

    def without(self, node: Node) -> str:
        """Return the search without this part."""
        return _without(self.tree, node)

    def adding(self, *terms: Term) -> str:
        """Return the search with ``terms`` in place of those with the same keys."""
        if len(terms) == 1:  # for most links of a page, so without a new tree (benchmarks.review)
            kept = self._without_keys(frozenset((terms[0].key,)))
            return str(And((*kept, *terms)))
        return self.replacing({term.key for term in terms}, *terms)

    def replacing(self, keys: Collection[str], *terms: Term) -> str:
        """Return the search with ``terms`` in place of its terms with these keys."""
        return str(all_of([*self._without_keys(frozenset(keys)), *terms]))

    def _without_keys(self, keys: frozenset[str]) -> Sequence[Node]:
        if (found := self._kept.get(keys)) is None:
            kept = [n for n in self._parts() if not (isinstance(n, Term) and n.key in keys)]
            found = self._kept[keys] = conjuncts(all_of(kept))
        return found

    @cached_property
    def _kept(self) -> dict[frozenset[str], Sequence[Node]]:
        return {}

    def _parts(self) -> Iterable[Node]:
        for node in self.conjuncts:
            terms = alternatives(node)
            yield from terms or (node,)


def _without(tree: Node, node: Node) -> str:
    kept = map_nodes(tree, lambda each: None if each == node else each)
    return "" if kept is None else str(kept)


def search_condition(text: str) -> Q:
    """Return the condition of a search. Raise ``InvalidSearch`` if it is not valid."""
    search = Search.parse(text)
    if search.errors:
        raise InvalidSearch(" ".join(f"{each.part}: {each.reason}" for each in search.errors))
    return search.plan.condition


class _Builder:
    """Builds the condition of a tree, and collects the errors of its terms."""

    def __init__(self, tree: Node, find: Find) -> None:
        self._tree = tree
        self._find_condition = find
        self._errors: list[tuple[Term, str, Node | None]] = []
        self._hints: list[Problem] = []
        self._conditions: dict[Term, Condition] = {}
        self._value_count = 0

    def search(self) -> Search:
        terms = list(dict.fromkeys(terms_of(self._tree)))
        reason = _("The search has %(count)d terms. Use at most %(max)d terms.")
        reason %= {"count": len(terms), "max": MAX_TERMS}
        for term in terms[:MAX_TERMS]:
            self._find(term)
        self._errors += [(term, reason, None) for term in terms[MAX_TERMS:]]
        plan = _NO_EVENTS if self._errors else self._plan()
        # A suggested search corrects all terms, because one mistake would leave it without events.
        corrections = {term: other for term, _reason, other in self._errors if other is not None}
        errors = [self._problem(*error, corrections) for error in self._errors]
        return Search(self._tree, errors, self._hints, self._conditions, plan)

    def _find(self, term: Term) -> None:
        try:
            condition = self._find_condition(term)
            self._count(condition.value_count)
        except InvalidTermError as error:
            suggestion = None if error.suggestion == term else error.suggestion
            self._errors.append((term, str(error), suggestion))
            return
        self._conditions[term] = condition
        if condition.hint is not None:
            text, suggestion = condition.hint
            corrections = {} if suggestion is None else {term: suggestion}
            self._hints.append(self._problem(term, text, suggestion, corrections))

    def _count(self, values: int) -> None:
        if self._value_count + values > MAX_VALUES:
            raise InvalidTermError(
                _(
                    "Up to this term, the search compares %(count)d values."
                    " Use a narrower network or fewer terms, for at most %(max)d values."
                )
                % {"count": self._value_count + values, "max": MAX_VALUES}
            )
        self._value_count += values

    def _problem(
        self, term: Term, reason: str, other: Node | None, corrections: Mapping[Term, Node]
    ) -> Problem:
        without = _without(self._tree, term)
        if other is None:
            return Problem(str(term), reason, without=without)
        corrected = map_nodes(
            self._tree,
            lambda node: corrections.get(node, node) if isinstance(node, Term) else node,
        )
        return Problem(str(term), reason, str(other), str(corrected), without)

    def _plan(self) -> QueryPlan:
        periods, others = [], []
        for node in sorted(conjuncts(self._tree), key=_rank):
            if isinstance(node, Term) and node.key in BOUNDS:
                periods.append(self._condition(node))
            else:
                others.append(self._condition(node))
        return plan_of(periods, others)

    def _condition(self, node: Node, *, is_negated: bool = False) -> Condition:
        """Return the condition of a node, with NOT moved to the terms."""
        if isinstance(node, Not):
            return self._condition(node.node, is_negated=not is_negated)
        if isinstance(node, Term):
            return self._term(node, is_negated=is_negated)
        nodes = sorted(node.nodes, key=_rank)
        parts = [self._condition(each, is_negated=is_negated) for each in nodes]
        if not parts:
            return Condition(Q())
        combine: Callable[[Sequence[Condition]], Condition]
        combine = union if isinstance(node, Or) is not is_negated else intersection
        return combine(parts) if len(parts) > 1 else parts[0]

    def _term(self, term: Term, *, is_negated: bool) -> Condition:
        if not is_negated:
            return self._conditions[term]
        if term.operator:  # a negated comparison finds only events that have the value
            return self._find_condition(term._replace(operator=NEGATED[term.operator]))
        return complement(self._conditions[term])


def _rank(node: Node) -> int:
    terms = [node] if isinstance(node, Term) else alternatives(node)
    key = terms[0].key if terms else ""
    return _BY_SELECTIVITY.index(key) if key in _BY_SELECTIVITY else len(_BY_SELECTIVITY)


__all__ = ["BOUNDS", "InvalidSearch", "Problem", "Search", "Term"]
