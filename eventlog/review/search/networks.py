"""Networks of addresses as conditions that the index of addresses serves."""

from collections.abc import Sequence
from functools import reduce
from ipaddress import IPv4Network, IPv6Network
from operator import or_
from typing import NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from .known_values import known_values

WHOLE_OCTETS = 24  # bits; a smaller network is not a range of text
MAX_SMALL = 256  # addresses in the /24 of a smaller network


class UnsupportedNetworkError(ValueError):
    """A network that is not a range of text, with the networks that are."""


class Range(NamedTuple):
    """The texts from ``start`` up to, but not including, ``end``."""

    start: str
    end: str

    @property
    def condition(self) -> Q:
        # A range, because LIKE does not use an index whose collation does not sort by bytes.
        return Q(ip__gte=self.start, ip__lt=self.end)


def addresses_in(network: IPv4Network | IPv6Network, limit: int) -> list[str] | None:
    """Return the network's addresses that events have; None if there are more than ``limit``.

    Raise ``UnsupportedNetworkError`` for a network whose addresses are not a range of text.
    """
    if network.num_addresses == 1:
        return [str(network.network_address)]
    if _is_small(network):
        (octets,) = _ranges(network.supernet(new_prefix=WHOLE_OCTETS))
        inside = {str(address) for address in network}
        known = known_values("ip", *octets, MAX_SMALL)
        return [address for address in known if address in inside]
    found: list[str] = []
    for each in _ranges(network):
        found += known_values("ip", *each, limit + 1 - len(found))
    if isinstance(network, IPv4Network):  # the text "2" also starts "2001:db8::"
        found = [address for address in found if ":" not in address]
    return None if len(found) > limit else found


def network_condition(network: IPv4Network | IPv6Network) -> tuple[Q, int]:
    """Return the condition that an address is in the network, and its number of values."""
    if network.num_addresses == 1:
        return Q(ip=str(network.network_address)), 1
    if _is_small(network):
        addresses = [str(address) for address in network]
        return Q(ip__in=addresses), len(addresses)
    ranges = _ranges(network)
    found = reduce(or_, (each.condition for each in ranges))
    if isinstance(network, IPv4Network) and not network.prefixlen:
        found &= ~Q(ip__contains=":")
    return found, len(ranges)


def _is_small(network: IPv4Network | IPv6Network) -> bool:
    return isinstance(network, IPv4Network) and network.prefixlen > WHOLE_OCTETS


def _ranges(network: IPv4Network | IPv6Network) -> Sequence[Range]:
    if isinstance(network, IPv6Network):
        return [_starting_with(prefix) for prefix in _v6(network)]
    if not network.prefixlen:
        return [Range("0", ":")]  # IPv4 addresses start with a digit
    return [_starting_with(prefix) for prefix in _v4(network)]


def _starting_with(prefix: str) -> Range:
    return Range(prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _v4(network: IPv4Network) -> list[str]:
    """Return the prefixes of the addresses in a network of 1 to 24 bits, as text."""
    octets = -(-network.prefixlen // 8)
    parts = network.subnets(new_prefix=octets * 8)
    return [".".join(str(part.network_address).split(".")[:octets]) + "." for part in parts]


def _v6(network: IPv6Network) -> list[str]:
    groups = [f"{int(group, 16):x}" for group in network.exploded.split("/")[0].split(":")]
    count, odd = divmod(network.prefixlen, 16)
    *head, final = groups[:count] or [""]
    if odd or not 1 <= count <= 4 or "0" in head:
        raise UnsupportedNetworkError(
            _("An IPv6 network needs 16, 32, 48 or 64 bits, and only its last group may be 0.")
        )
    # The text of an address has a single group of zeros, but shortens two or more to "::".
    begin = "".join(f"{group}:" for group in head)
    return [f"{begin}:", f"{begin}0:"] if final == "0" else [f"{begin}{final}:"]
