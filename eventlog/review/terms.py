"""What each key of the search language asks for."""

import re
from collections.abc import Callable
from datetime import MAXYEAR, datetime, time, timedelta
from functools import reduce
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import or_
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
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

from ..models import Log
from .actions import known_actions
from .expressions import Address, StatusClass, Text, failed

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
DEVICES = ("pc", "mobile", "tablet", "bot", "other")
KINDS = ("user", "anonymous", "bot", "human")
FEW = 2000  # events
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class NotUnderstoodError(ValueError):
    """Says what is wrong with a term."""


class Meaning(NamedTuple):
    """What a term asks of an event."""

    wanted: Q
    leads: bool  # an index finds these events, newest first
    residual: Q = Q()  # and what of them has to be looked at one by one


def user(value: str) -> Meaning:
    users = get_user_model()
    found = list(
        users._default_manager.filter(**{users.USERNAME_FIELD: value}).values_list("pk")[:10]
    )
    if not found and value.isdigit() and len(value) < 19:
        found = [(int(value),)]
    if not found:
        raise NotUnderstoodError(f"there is no user {value!r}")
    return Meaning(Q(user__in=[pk for (pk,) in found]), True)


def action(value: str) -> Meaning:
    if not value.endswith("*"):
        return Meaning(Q(action=value), True)
    names = [name for name in known_actions() if name.startswith(value[:-1])]
    return Meaning(Q(action__in=names), True)


def obj(value: str) -> Meaning:
    label, _, key = value.partition(":")
    try:
        kind = ContentType.objects.get_for_model(apps.get_model(label))
    except (LookupError, ValueError) as error:
        raise NotUnderstoodError(
            f"there is no kind of object {label!r}; say app.model:key"
        ) from error
    wanted = Q(content_type=kind)
    return Meaning(wanted & Q(object_id=key), True) if key else Meaning(wanted, False)


def ip(value: str) -> Meaning:
    try:
        network = ip_network(value, strict=False)
    except ValueError as error:
        raise NotUnderstoodError(f"{value!r} is neither an address nor a network") from error
    if network.num_addresses == 1:
        return Meaning(Q(Exact(Address(), str(network.network_address))), True)
    if isinstance(network, IPv4Network) and network.prefixlen > 24:
        return Meaning(Q(In(Address(), [str(address) for address in network])), True)
    prefixes = _v4(network) if isinstance(network, IPv4Network) else _v6(network)
    wanted = reduce(or_, (_begins(Address(), prefix) for prefix in prefixes))
    # The index gives a network address by address, not by time: few events are named one by one.
    events = Log.objects.filter(wanted).order_by(Address())
    pks = list(events.values_list("pk", flat=True)[: FEW + 1])
    return Meaning(wanted, False) if len(pks) > FEW else Meaning(Q(pk__in=pks), True)


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
    return Meaning(_like(Text("path"), value), False)


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
        return Meaning(wanted & exactly, False)
    return Meaning(wanted & Q(failed()), True, exactly)


def method(value: str) -> Meaning:
    return Meaning(Q(Exact(Text("method"), value.upper())), False)


def device(value: str) -> Meaning:
    if value not in DEVICES:
        raise NotUnderstoodError(f"{value!r} is no kind of device: say {', '.join(DEVICES)}")
    return Meaning(Q(Exact(Text("device_type"), value)), False)


def is_(value: str) -> Meaning:
    bot = Q(Exact(Text("device_type"), "bot"))
    match value:
        case "user":
            return Meaning(Q(user__isnull=False), False)
        case "anonymous":
            return Meaning(Q(user__isnull=True), False)
        case "bot":
            return Meaning(bot, False)
        case "human":
            others = [device for device in DEVICES if device != "bot"]
            return Meaning(Q(In(Text("device_type"), others)), False)
    raise NotUnderstoodError(f"{value!r} is nothing an event can be: say {', '.join(KINDS)}")


def request(value: str) -> Meaning:
    return Meaning(Q(Exact(Text("request_id"), value)), False)


def last(value: str) -> Meaning:
    if not (match := re.fullmatch(r"(\d{1,4})([mhdw])", value)):
        raise NotUnderstoodError(f"{value!r} is no stretch of time: say 30m, 24h, 7d or 4w")
    length = timedelta(**{UNITS[match[2]]: int(match[1])})
    return Meaning(Q(timestamp__gte=timezone.now() - length), True)


def from_(value: str) -> Meaning:
    return Meaning(Q(timestamp__gte=_moment(value)), True)


def to(value: str) -> Meaning:
    moment = _moment(value)
    if len(value) <= len("2026-01-01") and moment.year < MAXYEAR:  # that day included
        moment += timedelta(days=1)
    return Meaning(Q(timestamp__lt=moment), True)


def _moment(value: str) -> datetime:
    try:
        moment = parse_datetime(value) or datetime.combine(parse_date(value), time.min)  # type: ignore[arg-type]
        return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    except (TypeError, ValueError, OverflowError) as error:
        raise NotUnderstoodError(
            f"{value!r} is no date: say 2026-01-31 or 2026-01-31T09:30"
        ) from error


def extra(name: str, value: str) -> Meaning:
    """What the site itself put into ``extra``: ``extra.title:Foo``, ``extra.order.total:7``."""
    text = Text(*name.split("."))
    wanted = _like(text, value) if "*" in (value[:1], value[-1:]) else Q(Exact(text, value))
    return Meaning(wanted, False)


def bare(value: str) -> Meaning:
    """A word without a key: an address, a path, a user, an action, or part of a name or path."""
    if value.startswith("/"):
        return path(value)
    try:
        return ip(value)
    except NotUnderstoodError:
        pass
    users = get_user_model()
    found = [
        pk
        for (pk,) in users._default_manager.filter(**{users.USERNAME_FIELD: value}).values_list(
            "pk"
        )[:10]
    ]
    word = value.strip("*").casefold()
    names = [name for name in known_actions() if word in name.casefold()]
    if found or names:
        wanted = Q(user__in=found) if found else Q()
        return Meaning(wanted | Q(action__in=names) if names else wanted, True)
    text = Text("path")
    return Meaning(Q(object_repr__icontains=word) | Q(Contains(text, value.strip("*"))), False)


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
