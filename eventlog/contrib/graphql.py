"""Actions and extra for the requests of a GraphQL endpoint, read from the request itself."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

MAX_BYTES = 1 << 18  # of a request or a response; larger ones are not examined
MAX_DOCUMENT_LENGTH = 20_000  # characters of a GraphQL document that are examined
PREFIX = "GRAPHQL"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_KINDS = frozenset(("query", "mutation", "subscription"))
# Possessive quantifiers (*+) keep the time linear for strings that do not end.
_TOKEN = re.compile(
    r'#[^\n\r]*+|"""(?:\\"""|(?!""")[\s\S])*+(?:""")?|"(?:\\.|[^"\\\n\r])*+"?'
    r"|[A-Za-z_][A-Za-z0-9_]*+|[{}()\[\]@]"
)


class GraphqlOperation(NamedTuple):
    """One operation of a GraphQL document."""

    kind: str
    """``query``, ``mutation`` or ``subscription``."""
    name: str
    """The name that the client gave it; empty if it has none."""


def action_of_operation(request: HttpRequest, response: Any) -> str:
    """Return ``GRAPHQL_QUERY``, ``GRAPHQL_MUTATION`` or ``GRAPHQL_SUBSCRIPTION``.

    The action is ``GRAPHQL_BATCH`` for several operations, and ``GRAPHQL`` if the request contains
    no operation. Use it as the ``action`` of a rule.
    """
    return _action(request, response, names=frozenset())


def action_of_named_operation(*names: str) -> Callable[[HttpRequest, Any], str]:
    """Return an ``action`` for rules that adds the operation's name, if it is one of ``names``.

    The action of ``mutation PlaceOrder`` is ``GRAPHQL_MUTATION_PLACE_ORDER``. Visitors choose the
    names of operations, so only the names in this list become actions.
    """
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ImproperlyConfigured(
                f"action_of_named_operation() got {name!r:.100}, which is not the name of a "
                f"GraphQL operation. Use names of at most 80 letters, digits and underscores."
            )
    return partial(_action, names=frozenset(names))


def extra_of_operation(request: HttpRequest, response: Any) -> dict[str, Any]:
    """Return the operation's name and the number of GraphQL errors. Use it as ``extra`` of a rule.

    The name is in ``operation``, and is absent if the operation has none. ``graphql_errors`` is
    absent if the response contains no error.
    """
    extra: dict[str, Any] = {}
    operation = _operation(_payload(request, response))
    if operation is not None and _NAME.fullmatch(operation.name):
        extra["operation"] = operation.name
    if errors := _error_count(response):
        extra["graphql_errors"] = errors
    return extra


def _action(request: HttpRequest, response: Any, *, names: frozenset[str]) -> str:
    payload = _payload(request, response)
    if isinstance(payload, list):
        return f"{PREFIX}_BATCH"
    operation = _operation(payload)
    if operation is None:
        return PREFIX
    parts = [PREFIX, operation.kind]
    if operation.name in names:
        parts.append(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation.name))
    return "_".join(parts).upper()


def _payload(request: HttpRequest, response: Any) -> Any:
    """Return the parameters of the operation, a list of them for a batch, or None."""
    try:
        if request.method == "GET":
            return request.GET
        is_form = request.content_type == "multipart/form-data"
        length = request.META.get("CONTENT_LENGTH")
        # The view may have refused or redirected the request without reading its body.
        if (is_form or not length) and response.status_code >= 300:
            return None
        if not is_form and int(length or 0) > MAX_BYTES:
            return None
        return _loads(request.POST.get("operations", "") if is_form else request.body)
    except Exception:  # noqa: BLE001 (a body may be anything, or be read already)
        return None


def _loads(text: str | bytes) -> Any:
    return json.loads(text) if len(text) <= MAX_BYTES else None


def _operation(payload: Any) -> GraphqlOperation | None:
    """Return the operation that the server executes, or None if it cannot be told."""
    if not isinstance(payload, Mapping):
        return None
    document, wanted = payload.get("query"), payload.get("operationName")
    if not isinstance(document, str):
        return None
    for operation in _operations(document[:MAX_DOCUMENT_LENGTH]):
        # Without operationName, the document has one operation only.
        if not wanted or operation.name == wanted:
            return operation
    return None


def _operations(document: str) -> Iterator[GraphqlOperation]:
    """Yield the operations of a document."""
    depth = 0
    head: list[str] = []  # the names before the selection set of a definition
    for match in _TOKEN.finditer(document):
        part = match.group()
        if part in "{([":
            if depth == 0 and part == "{":
                kind, name, *_ = [*head, "", ""] if head else ("query", "")
                if kind in _KINDS:
                    yield GraphqlOperation(kind, name)
            depth += 1
        elif part in "})]":
            depth -= 1
            if depth == 0 and part == "}":
                head = []
        elif depth == 0 and part[0] not in '#"':
            # A directive takes the place of a missing name.
            head.append("" if part == "@" else part)


def _error_count(response: Any) -> int:
    """Return the number of errors in the response, whose status may nevertheless be 200."""
    try:
        if response.streaming or b'"errors"' not in response.content:
            return 0
        results = _loads(response.content)
    except Exception:  # noqa: BLE001 (the response may be anything)
        return 0
    results = results if isinstance(results, list) else [results]
    lists = [result.get("errors") for result in results if isinstance(result, dict)]
    return sum(len(errors) for errors in lists if isinstance(errors, list))
