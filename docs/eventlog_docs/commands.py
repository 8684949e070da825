"""The management commands, with the arguments that their parsers have."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from django.core.management import BaseCommand, CommandParser, load_command_class

import eventlog

from .markdown import code, table


def commands() -> dict[str, BaseCommand]:
    """Return the commands of the package and of its optional apps, by name."""
    package = Path(eventlog.__file__).parent
    found = {}
    for path in package.rglob("management/commands/eventlog_*.py"):
        app = ".".join(path.parents[2].relative_to(package.parent).parts)
        found[path.stem] = load_command_class(app, path.stem)
    return dict(sorted(found.items()))


def commands_section() -> str:
    """Return a section for each command."""
    return "\n\n".join(
        f"({name})=\n\n## {name}\n\n{command.help}\n\n{_usage(name, command)}"
        for name, command in commands().items()
    )


def _usage(name: str, command: BaseCommand) -> str:
    # Not create_parser(), which adds the options that all commands have.
    parser = CommandParser(prog=f"manage.py {name}", add_help=False)
    command.add_arguments(parser)
    return "\n\n".join(_parser(each, text) for each, text in _parsers(parser, ""))


def _parsers(
    parser: argparse.ArgumentParser, text: str | None
) -> Iterator[tuple[argparse.ArgumentParser, str | None]]:
    """Yield a parser and its subparsers, each with its description."""
    subcommands = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]
    if not subcommands:
        yield parser, text
    for action in subcommands:
        texts = {choice.dest: choice.help for choice in action._choices_actions}
        for name, subparser in action.choices.items():
            yield from _parsers(subparser, texts.get(name))


def _parser(parser: argparse.ArgumentParser, text: str | None) -> str:
    arguments = [action for action in parser._actions if action.dest != "help"]
    usage = f"```text\n{_usage_line(parser.prog, arguments)}\n```"
    rows = [(code(_name(action)), _effect(action)) for action in arguments]
    listed = table(("argument", "effect"), rows) if rows else ""
    return "\n\n".join(filter(None, (text and f"{text[0].upper()}{text[1:]}:", usage, listed)))


def _usage_line(prog: str, arguments: list[argparse.Action]) -> str:
    positional = [action for action in arguments if not action.option_strings]
    shapes = {"?": "[{}]", "*": "[{} ...]", "+": "{} ..."}
    names = [shapes.get(str(each.nargs), "{}").format(_name(each)) for each in positional]
    has_options = len(positional) < len(arguments)
    return " ".join([prog, *names, *(["[options]"] if has_options else [])])


def _name(action: argparse.Action) -> str:
    if not action.option_strings:
        choices = action.choices and f"{{{','.join(action.choices)}}}"
        return str(action.metavar or choices or action.dest)
    takes_value = action.nargs != 0
    value = f" {action.metavar or action.dest.upper()}" if takes_value else ""
    return f"{action.option_strings[-1]}{value}"


def _effect(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    choices = f"one of {', '.join(map(code, action.choices))}" if action.choices else ""
    return "; ".join(filter(None, (text, choices)))
