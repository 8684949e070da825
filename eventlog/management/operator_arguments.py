"""The arguments with which a command records who runs it, and why."""

from typing import Any

from django.core.management.base import CommandParser

from eventlog.access import CommandRun


def add_operator_arguments(parser: CommandParser) -> None:
    """Add ``--operator`` and ``--reason``."""
    parser.add_argument(
        "--operator",
        default="",
        metavar="NAME",
        help="who runs the command; recorded in addition to the operating system's user",
    )
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="why the command is run; recorded"
    )


def run_from_options(name: str, options: dict[str, Any]) -> CommandRun:
    """Return the run that the event of a command describes."""
    return CommandRun(name, options["operator"], options["reason"])
