"""A search that decides, without the database, which events a target gets."""

from ...review.search.condition import InvalidTermError
from ...review.search.parser import SyntaxProblem, parse
from ...review.search.query import MAX_SEARCH_LENGTH
from ...review.search.tree import NEGATED, Node, Not, Or, Term
from .comparisons import Matcher
from .event import Event
from .matchers import matcher_of


class UndecidableSearch(ValueError):  # noqa: N818 (the name of a state)
    """A search that is not valid, or that an event alone cannot decide."""


def compile_selection(search: str) -> Matcher:
    """Return whether an event is selected, as a function.

    Raise ``UndecidableSearch`` with the term that is not valid or that needs the database.
    """
    if len(search) > MAX_SEARCH_LENGTH:
        raise UndecidableSearch(
            f"The search has {len(search)} characters. Use at most {MAX_SEARCH_LENGTH} characters."
        )
    tree = parse(search)
    if isinstance(tree, SyntaxProblem):
        raise UndecidableSearch(f"{tree.part}: {tree.reason}")
    return _matcher(tree, is_negated=False)


def _matcher(node: Node, *, is_negated: bool) -> Matcher:
    """Return the matcher of a node, with NOT moved to the terms."""
    if isinstance(node, Not):
        return _matcher(node.node, is_negated=not is_negated)
    if isinstance(node, Term):
        return _matcher_of_term(node, is_negated=is_negated)
    parts = [_matcher(each, is_negated=is_negated) for each in node.nodes]
    if not parts:
        return lambda event: True
    combine = any if isinstance(node, Or) is not is_negated else all
    return lambda event: combine(part(event) for part in parts)


def _matcher_of_term(term: Term, *, is_negated: bool) -> Matcher:
    try:
        if is_negated and term.operator:  # selects only events that have the value
            return matcher_of(term._replace(operator=NEGATED[term.operator]))
        matches = matcher_of(term)
    except InvalidTermError as error:
        raise UndecidableSearch(f"{term}: {error}") from error

    def differs(event: Event) -> bool:
        return not matches(event)

    return differs if is_negated else matches
