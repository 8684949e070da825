"""Filters of all events: ``action:``, ``is:``, ``has:``, ``extra.NAME:``, words."""

from collections.abc import Mapping
from typing import Any

from django.db.models import F, Q
from django.db.models.lookups import Exact, In, IsNull
from django.utils.translation import gettext as _

from ...changes import KEY as CHANGES
from ...models.expressions import Fact, Number, Text
from ...models.fields import NameField
from ...records.user_state import UserState
from . import patterns
from .change_filters import hint_about_changed_values
from .condition import Condition, Hint, InvalidTermError, any_of, indexed, union
from .known_values import MAX_ACTIONS, known_actions
from .numbers import comparison_condition, parse_number
from .reference_filters import has_partial_indexes, known_user_condition, users_named
from .request_filters import ip, path
from .spelling import choices_sentence, nearest_spelling
from .tree import Term
from .valid_values import DEVICES

MAX_INDEXED_ACTIONS = 100  # that are searched one by one
MAX_KEY_LEVELS = 30  # of ``extra``, because MariaDB's limit is 32
EXTRA = "extra."
OWN_ACTIONS = "EVENTLOG_"  # the beginning of the actions of eventlog.access

# The values of ``has:``, and the fact of each; None for those that have a column of their own.
HAS: Mapping[str, str | None] = {
    "user": None,
    "object": None,
    "ip": None,
    "status": None,
    "path": "path",
    "query": "query",
    "referer": "referer",
    "view": "view",
    "route": "route",
    "exception": "exception",
    "duration": "duration_ms",
    "browser": "browser",
    "os": "os",
    "device": "device_type",
    "request": "request_id",
    "trace": "trace_id",
    "acting_user": "acting_user",
    "reason": "reason",
    "command": "command",
    "changes": None,
}


def action(value: str) -> Condition:
    """Find an action in any case, or all actions that match a pattern such as ``LOGIN*``."""
    known = known_actions()
    is_complete = len(known) < MAX_ACTIONS
    if "*" not in value:
        names = [name for name in known if name.casefold() == value.casefold()]
        if not is_complete:
            return any_of("action", [*dict.fromkeys([value, value.upper(), *names])])
        if names:
            return any_of("action", names)
        # The event log's own actions have similar names, but are never misspelled ones.
        near = None if value.startswith(OWN_ACTIONS) else nearest_spelling(value, known)
        suggestion = Term("action", near) if near else None
        unknown = Hint(_("No event has the action %(value)r.") % {"value": value}, suggestion)
        return any_of("action", [value])._replace(hint=unknown)
    if is_complete:
        names = [name for name in known if patterns.matches(value.casefold(), name.casefold())]
        if len(names) <= MAX_INDEXED_ACTIONS:
            text = _("No event has an action like %(value)r.")
            hint = None if names else Hint(text % {"value": value})
            return any_of("action", names)._replace(hint=hint)
    if value.strip("*") == value[:-1]:
        return Condition(NameField.begins("action", value[:-1]))
    return Condition(patterns.glob_condition(F("action"), value, any_case=True))


def is_(value: str) -> Condition:
    """Find the events of users or anonymous visitors, bots or people; requests or other events."""
    if (build := KINDS.get(value.lower())) is None:
        near = nearest_spelling(value, KINDS)
        raise InvalidTermError(
            _("Unknown kind %(value)r. %(choices)s")
            % {"value": value, "choices": choices_sentence(KINDS)},
            Term("is", near) if near else None,
        )
    if value.lower() == "event" and has_partial_indexes():
        return indexed(build)
    return Condition(build)


_DEVICE = Fact("device_type")
KINDS: Mapping[str, Q] = {
    "user": known_user_condition(),
    "anonymous": Q(user_state=UserState.ANONYMOUS),
    "unknown": Q(user_state=UserState.UNKNOWN),
    "bot": Q(Exact(_DEVICE, "bot")),
    "human": Q(In(_DEVICE, [name for name in DEVICES if name != "bot"])),
    "request": Q(is_request=True),
    "event": Q(is_request=False),
}


def has(value: str) -> Condition:
    """Find events that have a user, an object, a fact of a request, or a key of ``extra``."""
    if value.startswith(EXTRA):
        return Condition(Q(IsNull(Text(*keys_of(value)), False)))
    name = value.lower()
    if name not in HAS:
        choices = [*HAS, f"{EXTRA}NAME"]
        near = nearest_spelling(value, HAS)
        raise InvalidTermError(
            _("Unknown field %(value)r. %(choices)s")
            % {"value": value, "choices": choices_sentence(choices)},
            Term("has", near) if near else None,
        )
    columns = {
        "user": known_user_condition(),
        "object": Q(object_id__isnull=False),
        "ip": Q(ip__isnull=False),
        "status": Q(status__isnull=False),
        "changes": Q(IsNull(Text(CHANGES), False)),
    }
    fact = HAS[name]
    return Condition(columns[name] if fact is None else Q(IsNull(Fact(fact), False)))


def keys_of(name: str) -> list[str]:
    """Return the keys in ``extra.order.total``."""
    keys = name.removeprefix(EXTRA).split(".")
    if len(keys) > MAX_KEY_LEVELS:
        raise InvalidTermError(
            _("The key has %(count)d levels. Use at most %(max)d levels.")
            % {"count": len(keys), "max": MAX_KEY_LEVELS}
        )
    if not all(keys):
        raise InvalidTermError(_("Write the name of a value after the dot, such as extra.title."))
    return keys


def extra(name: str, value: str, operator: str = "") -> Condition:
    """Find a value in ``extra``, such as ``extra.title:Foo`` or ``extra.order.total:>7``."""
    keys = keys_of(name)
    if operator:
        found = comparison_condition(Number(*keys), operator, parse_number(value))
        return Condition(found, hint=hint_about_changed_values(keys))
    text: Any = Text(*keys)
    found = patterns.glob_condition(text, value) if "*" in value else Q(Exact(text, value))
    return Condition(found, hint=hint_about_changed_values(keys))


def word(value: str) -> Condition:
    """Find a word without a key: an address, a path, a user, an action, or a part of a name."""
    if value.startswith("/"):
        return path(value)
    try:
        return ip(value)
    except InvalidTermError:
        pass
    part = value.strip("*")
    in_text = Q(object_repr__icontains=part) | patterns.contains_condition(Fact("path"), part)
    users, known = users_named(value), known_actions()
    names = [name for name in known if part.casefold() in name.casefold()]
    if len(known) == MAX_ACTIONS or len(names) > MAX_INDEXED_ACTIONS:
        return Condition(Q(action__icontains=part) | Q(user__in=users) | in_text)
    by_index = [
        any_of(column, values) for column, values in (("user", users), ("action", names)) if values
    ]
    return union(by_index) if by_index else Condition(in_text)
