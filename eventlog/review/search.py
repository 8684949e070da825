"""The language of the search box: ``user:anna ip:203.0.113.0/24 status:5xx extra.title:"Foo"``.

Terms with different keys narrow together; of two with the same key, either will do. All bare words
have to be met.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import NamedTuple

from django.db.models import Q

from .nearest import Lead, Wanted
from .terms import KEYS, Meaning, NotUnderstoodError, bare, extra

LONGEST = 2000  # characters; and so few terms that no database minds them
MOST_TERMS = 30
MOST_BRANCHES = 128  # values

_TERM = re.compile(
    r"""(?:(?P<key>[a-z]+|extra\.[^\s:"]+):)?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>\S+))"""
)
BOUNDS = ("last", "from", "to")
EACH_NARROWS = (*BOUNDS, "is", "")


class Term(NamedTuple):
    """One condition, as it was asked for."""

    key: str  # empty for a bare word
    value: str

    def __str__(self) -> str:
        return f"{self.key}:{quoted(self.value)}" if self.key else quoted(self.value, bare=True)


def quoted(value: str, *, bare: bool = False) -> str:
    """A value as it has to stand in the search box."""
    if re.fullmatch(r"[^\s\"]+", value) and not (bare and ":" in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', r"\"")
    return f'"{escaped}"'


class Misunderstood(NamedTuple):
    term: Term
    why: str


def split(text: str) -> Iterator[Term]:
    """The terms in ``text``."""
    for match in _TERM.finditer(text[:LONGEST]):
        value = match["plain"]
        if value is None:
            value = re.sub(r"\\(.)", r"\1", match["quoted"])
        yield Term(match["key"] or "", value)


def join(terms: Iterable[Term]) -> str:
    return " ".join(map(str, terms))


@dataclass(frozen=True)
class Search:
    """What was asked for, and the conditions that it comes to."""

    terms: Sequence[Term]
    misunderstood: Sequence[Misunderstood]
    wanted: Wanted

    @classmethod
    def parse(cls, text: str) -> "Search":
        """Read ``text``; what cannot be understood is left out, and told. Never raises."""
        terms = list(dict.fromkeys(split(text)))
        misunderstood = [Misunderstood(term, "too many terms") for term in terms[MOST_TERMS:]]
        meanings: dict[str, list[Meaning]] = {}
        understood: list[Term] = []
        for term in terms[:MOST_TERMS]:
            try:
                meaning = _meaning(term)
            except NotUnderstoodError as error:
                misunderstood.append(Misunderstood(term, str(error)))
            else:
                group = str(term) if term.key in EACH_NARROWS else term.key
                meanings.setdefault(group, []).append(meaning)
                understood.append(term)
        period, residual = Q(), Q()
        lead: Lead | None = None
        for group in sorted(meanings, key=_rank):
            any_of = meanings[group]
            wanted = reduce(or_, (meaning.wanted & meaning.residual for meaning in any_of))
            if group.partition(":")[0] in BOUNDS:
                period &= wanted
            # One index leads, the rest is looked at row by row.
            elif lead is None and (lead := _lead(any_of)) is not None:
                if any(meaning.residual for meaning in any_of):
                    residual &= wanted
            else:
                residual &= wanted
        if any(term.key == "user" for term, _ in misunderstood):
            residual = and_(residual, Q(pk__in=[]))  # nobody of that name did anything
        return cls(understood, misunderstood, Wanted(period, lead, residual))

    def values(self, key: str) -> list[str]:
        """Those that were asked for under ``key``."""
        return [term.value for term in self.terms if term.key == key]

    def toggled(self, term: Term, siblings: Collection[Term]) -> str:
        """The search with this term in place of its siblings; without it, if it is there."""
        kept = [other for other in self.terms if other not in siblings and other != term]
        return join(kept if term in self.terms else [*kept, term])

    def without(self, term: Term) -> str:
        return join(other for other in self.terms if other != term)

    def adding(self, *terms: Term) -> str:
        """The search with these in place of others under the same keys."""
        keys = {term.key for term in terms}
        return join([*(term for term in self.terms if term.key not in keys), *terms])


# The fewer events it leaves, the better it leads.
_ORDER = ("obj", "ip", "user", "status", "action")


def _rank(group: str) -> int:
    return _ORDER.index(group) if group in _ORDER else len(_ORDER)


def _lead(any_of: Sequence[Meaning]) -> Lead | None:
    """What finds all of these."""
    wanted = reduce(or_, (meaning.wanted for meaning in any_of))
    if all(meaning.by_day for meaning in any_of):
        return Lead(wanted, by_day=True)
    branches = [branch for meaning in any_of for branch in meaning.branches]
    found = all(meaning.branches for meaning in any_of)
    return Lead(wanted, branches) if found and len(branches) <= MOST_BRANCHES else None


def _meaning(term: Term) -> Meaning:
    if "\0" in term.value:
        raise NotUnderstoodError("there is a NUL in it")
    if not term.key:
        return bare(term.value)
    if term.key.startswith("extra."):
        return extra(term.key.removeprefix("extra."), term.value)
    if term.key not in KEYS:
        known = ", ".join([*KEYS, "extra.…"])
        raise NotUnderstoodError(f"there is no key {term.key!r}; there are {known}")
    return KEYS[term.key](term.value)
