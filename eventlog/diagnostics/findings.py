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
    """Return a finding about events that are lost, late or wrong. ``fix`` says what to do."""
    return Finding("problem", finding_id, message, fix)


def warning(finding_id: str, message: str, fix: str) -> Finding:
    """Return a finding that someone should look at, and that may be intended."""
    return Finding("warning", finding_id, message, fix)


def info(finding_id: str, message: str) -> Finding:
    """Return a finding that reports no mistake, but helps to find one."""
    return Finding("info", finding_id, message)
