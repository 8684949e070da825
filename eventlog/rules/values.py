"""What may stand under the keys of a rule, and what becomes of it there.

Each function raises ``Misconfigured`` for a value that does not fit.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from string import Formatter
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from ..conf import Misconfigured
from ..records import LONGEST
from ..text import clean

Answer = HttpResponseBase | None  # None: the view was cancelled, or its exception goes on
Condition = Callable[[HttpRequest, Answer], bool]
Describer = Callable[[HttpRequest, Answer], Mapping[str, Any]]

USERS: dict[str, Callable[[Any], bool]] = {
    "authenticated": lambda user: user is not None,
    "anonymous": lambda user: user is None,
    "staff": lambda user: bool(getattr(user, "is_staff", False)),
    "superuser": lambda user: bool(getattr(user, "is_superuser", False)),
}
NAMES = ("method", "view", "status")  # what an action may be made of
NO_STATUS = "NONE"  # of a request that was cancelled
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # what a method may be called: RFC 9110, 5.6.2
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})", re.IGNORECASE)


def typed(key: str, value: Any, kind: type) -> Any:
    if value is not None and not isinstance(value, kind):
        raise _wrong(key, value, f"It has to be a {kind.__name__}.", "eventlog.E002")
    return value


def method_names(methods: str | Sequence[str] | None) -> frozenset[str]:
    names = _texts("methods", methods)
    if not all(map(_TOKEN.fullmatch, names)):
        raise _wrong("methods", methods, "Give a list, as ['POST', 'PUT'].", "eventlog.E006")
    return frozenset(name.upper() for name in names)


def pattern(path: str | None) -> Callable[[str], Any] | None:
    if path is None:
        return None
    try:
        return re.compile(path).search
    except re.error as error:
        raise _wrong(
            "path", path, f"It is no regular expression: {error}.", "eventlog.E003"
        ) from error


def status_names(status: int | str | Sequence[int | str] | None) -> frozenset[str]:
    many = status if isinstance(status, list | tuple | set | frozenset) else (status,)
    names = [str(one).lower() for one in many if one is not None]
    for name in names:
        if not _STATUS.fullmatch(name):
            raise _wrong(
                "status", status, "Give codes as 404, or classes as '5xx'.", "eventlog.E006"
            )
    return frozenset(names)


def user_kind(user: str) -> Callable[[Any], bool]:
    if not isinstance(user, str) or user not in USERS:
        raise _wrong("user", user, f"Give one of {', '.join(USERS)}.", "eventlog.E006")
    return USERS[user]


def share(sample: float) -> float:
    if isinstance(sample, bool) or not isinstance(sample, int | float):
        raise _wrong("sample", sample, "It has to be a number.", "eventlog.E002")
    if not 0 <= sample <= 1:
        raise _wrong("sample", sample, "Give a share between 0 and 1.", "eventlog.E006")
    return sample


def function(key: str, value: Any) -> Callable[[HttpRequest, Answer], Any]:
    found = value
    if isinstance(value, str):
        try:
            found = import_string(value)
        except ImportError as error:
            raise _wrong(key, value, f"It cannot be imported: {error}.", "eventlog.E004") from error
    if not callable(found) or iscoroutinefunction(found):
        raise _wrong(
            key,
            value,
            "Give a plain function of request and response, or its dotted path.",
            "eventlog.E002",
        )
    result: Callable[[HttpRequest, Answer], Any] = found
    return result


def template(action: str | None) -> str | None:
    if action is None:
        return None
    try:
        names = {name for _, name, _, _ in Formatter().parse(action) if name is not None}
    except ValueError as error:
        raise _wrong("action", action, f"{error}.", "eventlog.E006") from error
    if not action.strip() or len(action) > LONGEST or names - set(NAMES):
        raise _wrong(
            "action",
            action,
            f"Give a name of at most {LONGEST} characters; "
            f"in braces it may hold {', '.join(NAMES)}.",
            "eventlog.E006",
        )
    try:
        filled = [action.format(method="GET", view="VIEW", status=s) for s in (200, NO_STATUS)]
    except (ValueError, IndexError, KeyError) as error:
        raise _wrong(
            "action", action, f"It cannot be filled in: {error}.", "eventlog.E006"
        ) from error
    if not all(map(str.strip, filled)):
        raise _wrong("action", action, "Nothing would be left of it.", "eventlog.E006")
    return clean(action, LONGEST)


def _texts(key: str, value: str | Sequence[str] | None) -> Sequence[str]:
    texts = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(texts, list | tuple | set | frozenset) or not all(
        isinstance(text, str) for text in texts
    ):
        raise _wrong(key, value, "It has to be a list of strings.", "eventlog.E002")
    return tuple(texts)


def _wrong(key: str, value: Any, fix: str, check_id: str) -> Misconfigured:
    return Misconfigured(f"{key!r} is {value!r}.", fix, check_id)
