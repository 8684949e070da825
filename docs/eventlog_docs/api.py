"""The functions and classes that a site calls or extends."""

import ast
import re
from collections.abc import Iterator
from inspect import getsource, isclass, isfunction, signature
from itertools import pairwise
from typing import Any

from django.utils.module_loading import import_string

from eventlog import signals
from eventlog.records.record import Record
from eventlog.review.search.plan import ALL_EVENTS

from .markdown import code, from_docstring, table

FENCE = "`````"  # longer than the fences of the examples inside
NAMES = {
    "functions": (
        "eventlog.models.log",
        "eventlog.models.alog",
        "eventlog.context",
        "eventlog.annotate",
        "eventlog.changes.diff",
        "eventlog.stats.stats",
    ),
    "decorators": ("eventlog.decorators.log_request", "eventlog.decorators.log_exempt"),
    "mixins": (
        "eventlog.mixins.EventLogMixin",
        "eventlog.admin.EventsMixin",
        "eventlog.admin.LogViewsMixin",
    ),
    "apis": (
        "eventlog.contrib.rest_framework.EventLogViewSetMixin",
        "eventlog.contrib.graphql.action_of_operation",
        "eventlog.contrib.graphql.action_of_named_operation",
        "eventlog.contrib.graphql.extra_of_operation",
        "eventlog.contrib.channels.EventLogConsumerMiddleware",
    ),
    "queryset": ("eventlog.models.queryset.LogQuerySet",),
    "reader": ("eventlog.reader", "eventlog.review.reader.Reader"),
    "model-changes": (
        "eventlog.contrib.model_changes.track",
        "eventlog.contrib.model_changes.untrack",
        "eventlog.contrib.model_changes.TrackedManager",
        "eventlog.contrib.model_changes.TrackedQuerySet",
    ),
    "logging": (
        "eventlog.contrib.loggers.handler.EventLogHandler",
        "eventlog.contrib.loggers.backend.LoggerBackend",
    ),
    "backends": (
        "eventlog.backends.base.BaseBackend",
        "eventlog.backends.database.DatabaseBackend",
        "eventlog.backends.buffered.BufferedBackend",
        "eventlog.backends.queued.QueuedBackend",
        "eventlog.backends.locmem.LocMemBackend",
        "eventlog.backends.dummy.DummyBackend",
    ),
    "targets": (
        "eventlog.contrib.forward.target.Target",
        "eventlog.contrib.forward.target.Refused",
        "eventlog.contrib.forward.target.PartlyRefused",
        "eventlog.contrib.forward.target.Unavailable",
        "eventlog.contrib.forward.cloudevents.cloud_event",
    ),
    "diagnostics": (
        "eventlog.diagnostics.registry.Check",
        "eventlog.diagnostics.site.Site",
        "eventlog.diagnostics.findings.problem",
        "eventlog.diagnostics.findings.warning",
        "eventlog.diagnostics.findings.info",
    ),
    "testing": (
        "eventlog.testing.capture_events",
        "eventlog.testing.CapturedEvents",
        "eventlog.testing.EventLogAssertions",
        "eventlog.testing.assert_logged",
        "eventlog.testing.assert_not_logged",
    ),
}

# Methods that only eventlog or Python's logging calls. They may change in any version.
INTERNAL = {
    "changes_of",
    "createLock",
    "current_destination",
    "dead_letter",
    "emit",
    "estimate",
    "events_at",
    "find",
    "handle",
    "lacks",
    "make_delivery",
    "nearest_positions",
    "overdue",
    "overview",
    "overview_before",
    "queue_state",
    "record_lost",
    "same_request",
    "start",
    "status",
    "stored_timestamps",
    "users",
    "users_since",
    "wait_until_delivered",
    "with_full_extra",
    "worker_question",
    "write_without_waiting",
}


def api_section(kind: str) -> str:
    """Return the descriptions of the functions and classes of one kind."""
    return "\n\n".join(_described(path) for path in NAMES[kind])


def signals_section() -> str:
    """Return the description of each signal, which follows it in the source code."""
    body = ast.parse(getsource(signals)).body
    described = [
        _directive("data", f"eventlog.signals.{name}", name, text)
        for name, text in _texts_below(body)
        if not name.startswith("_")
    ]
    return "\n\n".join(described)


def record_section() -> str:
    """Return the table of the fields of a record, with the comments of the source code."""
    comments = dict(re.findall(r"^ {4}(\w+): [^#\n]*#(.*)$", getsource(Record), re.MULTILINE))
    rows = [
        (
            code(name),
            code(_plain_type(annotation)),
            code(repr(Record._field_defaults[name])) if name in Record._field_defaults else "",
            comments.get(name, ""),
        )
        for name, annotation in Record.__annotations__.items()
    ]
    fields = table(("field", "type", "default", "meaning"), rows)
    return f"{_described(f'{Record.__module__}.Record')}\n\n{fields}"


def _texts_below(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for assigned, text in pairwise(body):
        match assigned, text:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(value))),
            ):
                yield name, value


def _described(path: str) -> str:
    found = import_string(path)
    name = path.rpartition(".")[2]
    if not isclass(found):
        return _directive("function", path, f"{name}{_parameters(found)}", found.__doc__)
    is_called = not issubclass(found, Exception) and not getattr(found, "_is_protocol", False)
    has_parameters = is_called and "__init__" in vars(found)
    shown = f"{name}{_parameters(found)}" if has_parameters else name
    return _directive("class", path, shown, found.__doc__, *_methods(found, path))


def _methods(owner: type, path: str) -> list[str]:
    """Return the methods that ``owner`` itself documents."""
    return [
        _directive("method", f"{path}.{name}", f"{name}{_parameters(function)}", function.__doc__)
        for name, attribute in vars(owner).items()
        if not name.startswith("_")
        and name not in INTERNAL
        and isfunction(function := getattr(attribute, "__func__", attribute))
        and function.__doc__
    ]


def _parameters(found: Any) -> str:
    """Return the signature without types, which the descriptions explain."""
    plain = signature(found)
    kept = [
        each.replace(annotation=each.empty)
        for each in plain.parameters.values()
        if each.name not in ("self", "cls")
    ]
    text = str(plain.replace(parameters=kept, return_annotation=plain.empty))
    return text.replace(repr(ALL_EVENTS), "ALL_EVENTS")


def _plain_type(annotation: Any) -> str:
    return annotation.__name__ if isclass(annotation) else str(annotation)


def _directive(kind: str, path: str, shown: str, text: str | None, *inside: str) -> str:
    module = path.removesuffix(f".{shown.partition('(')[0]}")
    where = "" if kind == "method" else f":module: {module}\n"
    fence = FENCE if not inside else f"{FENCE}`"
    body = "\n\n".join([from_docstring(text), *inside])
    return f"{fence}{{py:{kind}}} {shown}\n{where}\n{body}\n{fence}"
