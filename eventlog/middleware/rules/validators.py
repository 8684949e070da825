"""Validators for the keys of a rule. Each returns the parsed value or raises ``Misconfigured``."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from inspect import iscoroutinefunction
from string import Formatter
from typing import Any, TypeGuard

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from ...conf import Misconfigured
from ...records.arguments import MAX_TEXT_LENGTH
from ...records.encoding import encode
from ...records.redaction import redact
from ...text import sanitize

# None if the view was cancelled or raised. Without the middleware, this may be any return value of
# a decorated view.
OptionalResponse = HttpResponseBase | Any | None
Condition = Callable[[HttpRequest, OptionalResponse], bool]
Describer = Callable[[HttpRequest, OptionalResponse], Mapping[str, Any]]
Namer = Callable[[HttpRequest, OptionalResponse], str]

USERS: dict[str, Callable[[Any], bool]] = {
    "authenticated": lambda user: user is not None,
    "anonymous": lambda user: user is None,
    "staff": lambda user: bool(getattr(user, "is_staff", False)),
    "superuser": lambda user: bool(getattr(user, "is_superuser", False)),
}
NAMES = ("method", "view", "status")  # placeholders in an action
NO_STATUS = "NONE"  # the placeholder's value for a cancelled request
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a method's name: RFC 9110, 5.6.2
_DOTTED_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})", re.IGNORECASE)


def is_status(code: object) -> TypeGuard[int]:
    """Return whether ``code`` is an HTTP status."""
    return isinstance(code, int) and 100 <= code <= 599


def status_of(response: OptionalResponse) -> int | None:
    """Return the status of a view's return value, or None if it has none.

    django-ninja's operations return ``Status(code, body)``, or ``(code, body)``.
    """
    if isinstance(response, HttpResponseBase):
        try:
            return int(response.status_code)
        except Exception:  # noqa: BLE001 (a view may set any value, and the event is recorded)
            return None
    code: Any = None
    if isinstance(response, tuple) and len(response) == 2:
        code = response[0]
    elif type(response).__module__ == "ninja.responses":
        code = getattr(response, "status_code", None)
    return int(code) if is_status(code) else None


def typed(key: str, value: Any, kind: type) -> Any:
    """Return a value of type ``kind``, or None."""
    if value is not None and not isinstance(value, kind):
        raise _wrong(key, value, f"Use a {kind.__name__}.", "eventlog.E002")
    return value


def method_names(methods: str | Sequence[str] | None) -> frozenset[str]:
    """Return the names of HTTP methods in capitals."""
    names = _texts("methods", methods)
    if not all(map(_TOKEN.fullmatch, names)):
        raise _wrong(
            "methods", methods, "Use a list of methods, such as ['POST', 'PUT'].", "eventlog.E006"
        )
    return frozenset(name.upper() for name in names)


def pattern(path: str | None) -> Callable[[str], Any] | None:
    """Return the search function of a regular expression."""
    if path is None:
        return None
    try:
        return re.compile(path).search
    except (re.error, OverflowError, RecursionError) as error:
        raise _wrong(
            "path", path, f"Correct the regular expression: {error}.", "eventlog.E003"
        ) from error


def status_names(status: int | str | Sequence[int | str] | None) -> frozenset[str]:
    """Return status codes and classes as lower-case strings."""
    many = status if isinstance(status, list | tuple | set | frozenset) else (status,)
    names = [str(code).lower() for code in many if code is not None]
    for name in names:
        if not _STATUS.fullmatch(name):
            raise _wrong(
                "status",
                status,
                "Use codes such as 404, or classes such as '5xx'.",
                "eventlog.E006",
            )
    return frozenset(names)


def user_kind(user: str) -> Callable[[Any], bool]:
    """Return the predicate for a kind of user."""
    if not isinstance(user, str) or user not in USERS:
        raise _wrong("user", user, f"Use one of: {', '.join(USERS)}.", "eventlog.E006")
    return USERS[user]


def validate_sample(sample: float) -> float:
    """Return a share of requests between 0 and 1."""
    if isinstance(sample, bool) or not isinstance(sample, int | float):
        raise _wrong("sample", sample, "Use a number between 0 and 1.", "eventlog.E002")
    if not 0 <= sample <= 1:
        raise _wrong("sample", sample, "Use a number between 0 and 1.", "eventlog.E006")
    return sample


def function(key: str, value: Any) -> Callable[[HttpRequest, OptionalResponse], Any]:
    """Return a plain function, which may be given by its dotted path."""
    found = value
    if isinstance(value, str):
        try:
            found = import_string(value)
        except (ImportError, TypeError, ValueError) as error:  # also of "..path"
            advice = " If this is the action itself, replace the dots." if key == "action" else ""
            raise _wrong(
                key, value, f"This cannot be imported: {error}.{advice}", "eventlog.E004"
            ) from error
    if not callable(found) or iscoroutinefunction(found):
        raise _wrong(
            key,
            value,
            "Use a plain (not async) function (request, response), or its dotted path.",
            "eventlog.E002",
        )
    result: Callable[[HttpRequest, OptionalResponse], Any] = found
    return result


def fixed_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values that a rule adds to each request, which JSON has to represent."""
    try:
        encode(redact(dict(extra)))
    except (TypeError, ValueError) as error:
        raise _wrong("extra", extra, f"{error}.", "eventlog.E006") from error
    return extra


def action_function(action: Any) -> Namer | None:
    """Return the function that ``action`` is, or that its dotted path leads to; else None."""
    if not callable(action) and not _is_dotted_path(action):
        return None
    return function("action", action)


def _is_dotted_path(text: Any) -> bool:
    """Return whether ``text`` consists of names joined by dots, of which a module is the first.

    Other texts with dots, such as ``"order.paid"``, are actions.
    """
    if not isinstance(text, str) or not _DOTTED_PATH.fullmatch(text):
        return False
    with suppress(ValueError):  # raised for ``__main__``
        return find_spec(text.partition(".")[0]) is not None
    return False


def template(action: Any) -> str | None:
    """Return the format string of an action."""
    if action is None:
        return None
    if not isinstance(action, str):
        raise _wrong(
            "action",
            action,
            "Use a text, a function (request, response), or its dotted path.",
            "eventlog.E002",
        )
    try:
        names = {name for _, name, _, _ in Formatter().parse(action) if name is not None}
    except ValueError as error:
        raise _wrong("action", action, f"{error}.", "eventlog.E006") from error
    if not action.strip() or len(action) > MAX_TEXT_LENGTH or names - set(NAMES):
        raise _wrong(
            "action",
            action,
            f"Use a name of at most {MAX_TEXT_LENGTH} characters. In braces it may contain: "
            f"{', '.join(NAMES)}.",
            "eventlog.E006",
        )
    try:
        filled = [action.format(method="GET", view="VIEW", status=s) for s in (200, NO_STATUS)]
    except (ValueError, IndexError, KeyError, MemoryError) as error:
        raise _wrong(
            "action", action, f"It cannot be formatted: {error}.", "eventlog.E006"
        ) from error
    if not all(map(str.strip, filled)):
        raise _wrong(
            "action",
            action,
            "This could give an empty action. Add text outside the braces.",
            "eventlog.E006",
        )
    return sanitize(action, MAX_TEXT_LENGTH)


def _texts(key: str, value: str | Sequence[str] | None) -> Sequence[str]:
    texts = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(texts, list | tuple | set | frozenset) or not all(
        isinstance(text, str) for text in texts
    ):
        raise _wrong(key, value, "Use a list of strings.", "eventlog.E002")
    return tuple(texts)


def _wrong(key: str, value: Any, fix: str, check_id: str) -> Misconfigured:
    return Misconfigured(f"{key!r} is {value!r}.", fix, check_id)
