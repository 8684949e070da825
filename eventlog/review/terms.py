"""What each key of the search language asks for."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import MAXYEAR, datetime, time, timedelta
from functools import reduce
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import or_
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.lookups import (
    Contains,
    Exact,
    GreaterThanOrEqual,
    In,
    LessThan,
    StartsWith,
)
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ..models import user_id
from ..moments import as_stored, within_reach
from .actions import MOST, known_actions
from .expressions import Address, StatusClass, Text, failed

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
DEVICES = ("pc", "mobile", "tablet", "bot", "other")
KINDS = ("user", "anonymous", "bot", "human")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class NotUnderstoodError(ValueError):
    """Says what is wrong with a term."""


class Meaning(NamedTuple):
    """What a term asks of an event."""

    wanted: Q
    # What comes to the same, each of which an index finds newest first; empty if none does.
    branches: Sequence[Q] = ()
    by_day: bool = False  # or an index finds it within a day
    residual: Q = Q()  # and what of what they find has to be looked at one by one


def _led(wanted: Q) -> Meaning:
    return Meaning(wanted, [wanted])


def _any_of(column: str, values: Collection[Any]) -> Meaning:
    wanted = Q(**{f"{column}__in": values})
    return Meaning(wanted, [Q(**{column: value}) for value in values] or [wanted])


def _users_named(name: str) -> list[Any]:
    """The keys of the first ten of this name: a username need not be unique."""
    users = get_user_model()
    try:
        named = users._default_manager.filter(**{users.USERNAME_FIELD: name})
    except (ValueError, TypeError, ValidationError):  # names that are no text, a number say
        return []
    return [pk for (pk,) in named.values_list("pk")[:10]]


def _user_with_key(text: str) -> list[Any]:
    """Of one who was deleted, the key is left."""
    key = user_id(text)
    return [] if key is None else [key]


def user(value: str) -> Meaning:
    found = _users_named(value) or _user_with_key(value)
    if not found:
        raise NotUnderstoodError(f"there is no user {value!r}")
    return _any_of("user", found)


def action(value: str) -> Meaning:
    if not value.endswith("*"):
        return _any_of("action", [value])
    names = known_actions(value[:-1])
    if len(names) == MOST:  # and more
        return Meaning(Q(action__startswith=value[:-1]))
    return _any_of("action", names)


def _kind(label: str) -> ContentType | None:
    try:
        return ContentType.objects.get_for_model(apps.get_model(label))
    except (LookupError, ValueError):  # what is left of a model that was removed
        app, _, model = label.lower().partition(".")
        return ContentType.objects.filter(app_label=app, model=model).first()


def obj(value: str) -> Meaning:
    label, _, key = value.partition(":")
    if (kind := _kind(label)) is None:
        raise NotUnderstoodError(f"there is no kind of object {label!r}; say app.model:key")
    of_kind = Q(content_type=kind)
    return _led(of_kind & Q(object_id=key)) if key else Meaning(of_kind)


def ip(value: str) -> Meaning:
    try:
        network = ip_network(value, strict=False)
    except ValueError as error:
        raise NotUnderstoodError(f"{value!r} is neither an address nor a network") from error
    return Meaning(_within(network), by_day=True)


def _within(network: IPv4Network | IPv6Network) -> Q:
    if network.num_addresses == 1:
        return Q(Exact(Address(), str(network.network_address)))
    if isinstance(network, IPv4Network) and network.prefixlen > 24:
        return Q(In(Address(), [str(address) for address in network]))
    prefixes = _v4(network) if isinstance(network, IPv4Network) else _v6(network)
    return reduce(or_, (_begins(Address(), prefix) for prefix in prefixes))


def _begins(text: Address, prefix: str) -> Q:
    # A range rather than LIKE, which no index serves where a collation does not go by bytes.
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return Q(GreaterThanOrEqual(text, prefix)) & Q(LessThan(text, after))


def _v4(network: IPv4Network) -> list[str]:
    """What the text of each address in a network of up to 24 bits begins with."""
    octets = max(1, -(-network.prefixlen // 8))
    parts = network.subnets(new_prefix=octets * 8)
    return [".".join(str(part.network_address).split(".")[:octets]) + "." for part in parts]


def _v6(network: IPv6Network) -> list[str]:
    groups = [f"{int(group, 16):x}" for group in network.exploded.split("/")[0].split(":")]
    count, odd = divmod(network.prefixlen, 16)
    *head, final = groups[:count] or [""]
    if odd or not 1 <= count <= 4 or "0" in head:
        raise NotUnderstoodError(
            "of IPv6 networks, those of 16, 32, 48 or 64 bits can be searched for"
        )
    # A lone group of zeros is written, two and more are left out.
    begin = "".join(f"{group}:" for group in head)
    return [f"{begin}:", f"{begin}0:"] if final == "0" else [f"{begin}{final}:"]


def path(value: str) -> Meaning:
    return Meaning(_like(Text("path"), value))


def _like(text: Any, value: str) -> Q:
    """Begins with ``value``; ``*value*`` contains it."""
    if value.startswith("*"):
        return Q(Contains(text, value.strip("*")))
    return Q(StartsWith(text, value.rstrip("*")))


def status(value: str) -> Meaning:
    if not re.fullmatch(r"[1-5](\d\d|xx)", value.lower()):
        raise NotUnderstoodError(f"{value!r} is no status: say 404, or 4xx")
    wanted, exactly = Q(Exact(StatusClass(), value[0])), Q()
    if value[1:].lower() != "xx":
        exactly = Q(Exact(Text("status"), value))
    if value[0] < "4":
        return Meaning(wanted & exactly)
    wanted &= Q(failed())
    return Meaning(wanted, [wanted], residual=exactly)


def method(value: str) -> Meaning:
    return Meaning(Q(Exact(Text("method"), value.upper())))


def device(value: str) -> Meaning:
    if value not in DEVICES:
        raise NotUnderstoodError(f"{value!r} is no kind of device: say {', '.join(DEVICES)}")
    return Meaning(Q(Exact(Text("device_type"), value)))


def is_(value: str) -> Meaning:
    bot = Q(Exact(Text("device_type"), "bot"))
    match value:
        case "user":
            return Meaning(Q(user__isnull=False))
        case "anonymous":
            return Meaning(Q(user__isnull=True))
        case "bot":
            return Meaning(bot)
        case "human":
            others = [device for device in DEVICES if device != "bot"]
            return Meaning(Q(In(Text("device_type"), others)))
    raise NotUnderstoodError(f"{value!r} is nothing an event can be: say {', '.join(KINDS)}")


def request(value: str) -> Meaning:
    return Meaning(Q(Exact(Text("request_id"), value)))


def last(value: str) -> Meaning:
    if not (match := re.fullmatch(r"(\d{1,4})([mhdw])", value)):
        raise NotUnderstoodError(f"{value!r} is no stretch of time: say 30m, 24h, 7d or 4w")
    length = timedelta(**{UNITS[match[2]]: int(match[1])})
    return Meaning(Q(timestamp__gte=timezone.now() - length))


def from_(value: str) -> Meaning:
    return Meaning(Q(timestamp__gte=_moment(value)))


def to(value: str) -> Meaning:
    moment = _moment(value)
    if len(value) <= len("2026-01-01") and moment.year < MAXYEAR:  # that day included
        moment += timedelta(days=1)
    return Meaning(Q(timestamp__lt=moment))


def _moment(value: str) -> datetime:
    try:
        moment = parse_datetime(value) or datetime.combine(parse_date(value), time.min)  # type: ignore[arg-type]
        return as_stored(within_reach(moment))
    except (TypeError, ValueError, OverflowError) as error:
        raise NotUnderstoodError(
            f"{value!r} is no date: say 2026-01-31 or 2026-01-31T09:30"
        ) from error


def extra(name: str, value: str) -> Meaning:
    """What the site itself put into ``extra``: ``extra.title:Foo``, ``extra.order.total:7``."""
    text = Text(*name.split("."))
    wanted = _like(text, value) if "*" in (value[:1], value[-1:]) else Q(Exact(text, value))
    return Meaning(wanted)


def bare(value: str) -> Meaning:
    """A word without a key: an address, a path, a user, an action, or part of a name or path."""
    if value.startswith("/"):
        return path(value)
    try:
        return ip(value)
    except NotUnderstoodError:
        pass
    word = value.strip("*")
    users, known = _users_named(value), known_actions()
    if len(known) == MOST:  # and more
        named = Q(action__icontains=word) | Q(user__in=users)
        return Meaning(named | Q(object_repr__icontains=word) | Q(Contains(Text("path"), word)))
    names = [name for name in known if word.casefold() in name.casefold()]
    by_index = [
        _any_of(column, values) for column, values in (("user", users), ("action", names)) if values
    ]
    if by_index:
        wanted = reduce(or_, (meaning.wanted for meaning in by_index))
        return Meaning(wanted, [branch for meaning in by_index for branch in meaning.branches])
    return Meaning(Q(object_repr__icontains=word) | Q(Contains(Text("path"), word)))


KEYS: dict[str, Callable[[str], Meaning]] = {
    "user": user,
    "ip": ip,
    "action": action,
    "obj": obj,
    "path": path,
    "status": status,
    "method": method,
    "device": device,
    "is": is_,
    "request": request,
    "last": last,
    "from": from_,
    "to": to,
}

__all__ = ["KEYS", "Meaning", "NotUnderstoodError", "bare", "extra"]
