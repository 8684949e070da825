"""System checks of the rules in the settings and of ``log_request``."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver

from ...conf import Misconfigured
from .rule import Rule
from .selection import DEFAULTS, compile_rule

# IANA's HTTP method registry, which includes WebDAV, and PURGE, which caches use.
METHODS = (
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PRI",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
)
CONDITIONS = ("path", "methods", "status")  # An empty one matches every request.

Views = Mapping[str, Callable[..., Any]]


def check_rules(requests: Sequence[Any], middleware: Sequence[str]) -> Iterator[CheckMessage]:
    """Yield all messages about the rules in ``EVENTLOG["REQUESTS"]`` and of decorated views."""
    views = views_by_name()
    rules: list[tuple[str, Rule]] = []
    is_complete = True
    for number, raw in enumerate(requests):
        where = f"EVENTLOG['REQUESTS'][{number}]"
        if raw == DEFAULTS:
            rules.append((where, Rule()))  # which decides about every request, too
            continue
        try:
            rule = compile_rule(where, raw)
        except Misconfigured as error:
            yield Error(error.message, hint=error.hint, id=error.check_id)
            is_complete = False
            continue
        yield from _empty_conditions(where, raw)
        yield from _unknown_methods(where, rule)
        yield from _unknown_view(where, rule, views)
        yield from _unknown_user(where, rule, middleware)
        yield from _never_reached(where, rule, rules)
        rules.append((where, rule))
    for name, view in views.items():
        view_rule = getattr(view, "eventlog_rule", None)
        if isinstance(view_rule, Rule):
            yield from _unknown_methods(f"log_request() on the view {name!r}", view_rule)
    # A rule that is left out because of its mistake may be the one that matches all requests.
    if is_complete and _has(middleware, "EventLogMiddleware"):
        yield from _unrecorded([rule for _, rule in rules])


def _has(middleware: Sequence[str], name: str) -> bool:
    return any(path.endswith(name) for path in middleware)


def _empty_conditions(where: str, raw: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in CONDITIONS:
        value = raw.get(key)
        if value is not None and len(_as_collection(value)) == 0:
            yield Warning(
                f"{where}: {key!r} is {value!r}, which matches every request.",
                hint="Add a value, or remove the key.",
                id="eventlog.W009",
            )
        elif isinstance(value, list | tuple) and len(_distinct(value)) < len(value):
            yield Warning(
                f"{where}: {key!r} is {value!r}, which contains a value twice.",
                hint="Remove the duplicate.",
                id="eventlog.W009",
            )


def _as_collection(value: Any) -> Collection[Any]:
    return value if isinstance(value, str | list | tuple | set | frozenset) else (value,)


def _distinct(values: Sequence[Any]) -> set[str]:
    return {str(value).upper() for value in values}


def _unknown_methods(where: str, rule: Rule) -> Iterator[CheckMessage]:
    for method in sorted(rule.methods - {*METHODS}):
        close = get_close_matches(method, METHODS, 1)
        suggestion = f"Did you mean {close[0]!r}? " if close else ""
        yield Warning(
            f"{where}: 'methods' has {method!r}, which is not a known HTTP method.",
            hint=f"{suggestion}If your site defines this method, silence this check.",
            id="eventlog.W007",
        )


def _unknown_view(where: str, rule: Rule, views: Views) -> Iterator[CheckMessage]:
    if rule.view is None or not views or any(fnmatchcase(name, rule.view) for name in views):
        return
    close = get_close_matches(rule.view, views, 1)
    example = f" Did you mean {close[0]!r}?" if close else ""
    yield Warning(
        f"{where}: 'view' is {rule.view!r}, which matches no view of the root URLconf.",
        hint=f"Use a view's name with its namespaces, or a glob such as 'shop:*'.{example} "
        f"If the view is in another URLconf (request.urlconf), silence this check.",
        id="eventlog.W012",
    )


def _unknown_user(where: str, rule: Rule, middleware: Sequence[str]) -> Iterator[CheckMessage]:
    if rule.user is not None and not _has(middleware, "AuthenticationMiddleware"):
        yield Warning(
            f"{where}: 'user' is {rule.user!r}, but no middleware sets request.user.",
            hint="Add django.contrib.auth.middleware.AuthenticationMiddleware.",
            id="eventlog.W004",
        )


def _never_reached(
    where: str, rule: Rule, before: Sequence[tuple[str, Rule]]
) -> Iterator[CheckMessage]:
    for earlier, other in before:
        if other.covers(rule):
            yield Warning(
                f"{where} is never reached, because {earlier} matches the same requests.",
                hint=f"Remove {where}, or move it above {earlier}.",
                id="eventlog.W008",
            )
            return


def _unrecorded(rules: Sequence[Rule]) -> Iterator[CheckMessage]:
    if rules and not any(rule.log for rule in rules):
        yield Warning(
            "All rules in EVENTLOG['REQUESTS'] have 'log': False, so no request is recorded.",
            hint="Add a last rule: 'defaults' applies the default rules to other requests, {} "
            "records all of them.",
            id="eventlog.W005",
        )
    elif rules and not any(rule.covers(Rule()) for rule in rules):
        yield Warning(
            "Requests that match no rule in EVENTLOG['REQUESTS'] are not recorded, including "
            "unknown paths (404) and errors (500).",
            hint="Add a last rule: 'defaults' applies the default rules to other requests, {} "
            "records all of them, {'log': False} confirms that you do not want to record them.",
            id="eventlog.W005",
        )


def views_by_name() -> Views:
    """Return the views of the root URLconf by name, or none if Django cannot load it."""
    try:
        return dict(_named(get_resolver(), ()))
    except Exception:  # noqa: BLE001 (Django's own checks report what is wrong with the URLconf)
        return {}


def _named(
    resolver: URLResolver, namespaces: tuple[str, ...]
) -> Iterator[tuple[str, Callable[..., Any]]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            own = (entry.namespace,) if entry.namespace else ()
            yield from _named(entry, (*namespaces, *own))
        elif isinstance(entry, URLPattern):
            match = ResolverMatch(entry.callback, (), {}, entry.name, namespaces=[*namespaces])
            yield match.view_name, entry.callback
