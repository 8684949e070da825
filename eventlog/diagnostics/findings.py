"""Findings of the checks of a running site."""

from typing import Literal, NamedTuple

Level = Literal["problem", "warning", "info"]


class Finding(NamedTuple):
    """One thing that a check has found, and how to fix it."""

    level: Level
    id: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


def problem(finding_id: str, message: str, fix: str) -> Finding:
    """Return a finding that loses events, delays them or makes them wrong."""
    return Finding("problem", finding_id, message, fix)


def warning(finding_id: str, message: str, fix: str) -> Finding:
    """Return a finding to look at, which may be intended."""
    return Finding("warning", finding_id, message, fix)


def info(finding_id: str, message: str) -> Finding:
    """Return a fact that helps to find a mistake."""
    return Finding("info", finding_id, message)
