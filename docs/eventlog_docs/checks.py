"""The system checks, with the messages and the fixes that the source code has for each id."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Optional

import eventlog

from .markdown import table

CHECK_ID = re.compile(r"eventlog\.[EW]\d{3}")
CONSTRUCTORS = {"Error", "Warning", "Misconfigured"}
UNKNOWN = "…"  # a value that is known only at run time
RUNTIME = ("conf", "settings")  # Their values here are not the values of a site.

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Message(NamedTuple):
    """The text of a check, and how to fix the cause."""

    text: str
    fix: str


class Scope(NamedTuple):
    """A function, and the call that gives its parameters their values, if it is known."""

    function: Function
    arguments: Mapping[str, ast.expr]
    caller: Optional["Scope"]


def checks() -> dict[str, list[Message]]:
    """Return the messages of each id, in the order of the ids."""
    package = Path(eventlog.__file__).parent
    found: defaultdict[str, list[Message]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        if CHECK_ID.search(source := path.read_text()):
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            for check_id, message in _Module(source, vars(import_module(name))).messages():
                if message not in found[check_id]:
                    found[check_id].append(message)
    return {check_id: found[check_id] for check_id in sorted(found)}


def checks_section(causes: Mapping[str, str]) -> str:
    """Return a section for each check. ``causes`` has a sentence for each id."""
    sections = []
    for check_id, messages in checks().items():
        rows = [(_plain(message.text), _plain(message.fix)) for message in messages]
        anchor = f"({check_id.lower()})="
        heading = f"## {check_id}"
        cause = causes.get(check_id, "")
        sections += [anchor, heading, cause, table(("message", "fix"), rows)]
    return "\n\n".join(sections)


def causes(settings_page: str) -> dict[str, str]:
    """Return the causes in the table of the settings page, by id."""
    rows = re.findall(rf"^\| `({CHECK_ID.pattern})` \| (.+) \|$", settings_page, re.MULTILINE)
    return dict(rows)


def _plain(text: str) -> str:
    """Return Markdown that shows ``text`` unchanged."""
    return re.sub(r"([\\`*_{}\[\]<>#])", r"\\\1", text)


class _Module:
    """A module in which checks are made."""

    def __init__(self, source: str, names: Mapping[str, Any]) -> None:
        self._names = {name: value for name, value in names.items() if name not in RUNTIME}
        tree = ast.parse(source)
        self._functions = [node for node in ast.walk(tree) if isinstance(node, Function)]

    def messages(self) -> Iterator[tuple[str, Message]]:
        """Yield each id with a message."""
        for function in self._functions:
            for call in _calls(function, CONSTRUCTORS):
                parts = _bound(("text", "hint", "id"), call)
                if len(parts) == 3 and not isinstance(parts["id"], ast.Attribute):
                    for scope in self._scopes(function, parts.values()):
                        text, fix, check_id = (self._text(part, scope) for part in parts.values())
                        for found in CHECK_ID.findall(check_id) or _ids_in(function):
                            yield found, Message(text, fix)

    def _scopes(self, function: Function, parts: Any) -> Iterator[Scope]:
        """Yield one scope for each caller of ``function`` if the parts are its parameters."""
        parameters = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
        is_helper = any(isinstance(part, ast.Name) and part.id in parameters for part in parts)
        calls = [
            (caller, call) for caller in self._functions for call in _calls(caller, {function.name})
        ]
        if not (is_helper and calls):
            yield Scope(function, {}, None)
            return
        for caller, call in calls:
            arguments = _bound(parameters, call)
            for scope in self._scopes(caller, arguments.values()):
                yield Scope(function, arguments, scope)

    def _text(self, node: ast.expr, scope: Scope | None) -> str:
        """Return the text of an expression. What only a run can tell becomes ``UNKNOWN``."""
        match node:
            case ast.JoinedStr():
                return "".join(self._text(part, scope) for part in node.values)
            case ast.FormattedValue(value=ast.Name() as name):
                text = self._text(name, scope)
                is_quoted = node.conversion == ord("r") and text != UNKNOWN
                return repr(text) if is_quoted else text
            case ast.FormattedValue():
                return self._evaluated(ast.JoinedStr([node]))
            case ast.IfExp():
                return self._text(node.orelse, scope) or self._text(node.body, scope)
            case ast.Name() if scope is not None and node.id in scope.arguments:
                return self._text(scope.arguments[node.id], scope.caller)
            case ast.Name() if scope is not None and node.id in (own := _assigned(scope.function)):
                return self._text(own[node.id], scope)
        return self._evaluated(node)

    def _evaluated(self, node: ast.expr) -> str:
        expression = compile(ast.fix_missing_locations(ast.Expression(node)), "check", "eval")
        try:
            return str(eval(expression, dict(self._names)))  # noqa: S307 (source code of eventlog)
        except Exception:  # noqa: BLE001 (a name that only exists while the function runs)
            return UNKNOWN


def _calls(function: Function, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def _bound(names: Any, call: ast.Call) -> dict[str, ast.expr]:
    """Return the arguments of a call by the names of the parameters."""
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in names}
    return dict(zip(names, call.args, strict=False)) | named


def _assigned(function: Function) -> dict[str, ast.expr]:
    """Return the expressions that are assigned to names in ``function``."""
    return {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _ids_in(function: Function) -> list[str]:
    texts = [node.value for node in ast.walk(function) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and CHECK_ID.fullmatch(text)]
