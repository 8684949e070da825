"""The client's address: ipware parses the headers, and TrustedProxies decides which to believe.

Anyone can send ``X-Forwarded-For``. It is read only if the peer of the connection is one of
``TRUSTED_PROXIES``, and from the right, because each proxy appends the address that it received the
request from. The client is the first address that is not a trusted proxy. If ``TRUSTED_PROXIES`` is
a number n, the client is the n-th address.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from django.http import HttpRequest
from python_ipware.modern.parsers import forwarded_for, parse_ip, unwrap_ipv4_network

from ..conf import conf, once_per_settings
from ..text import cut

Address = IPv4Address | IPv6Address

UNIX = "unix"
MAX_HEADER_LENGTH = 4096
MAX_PEER_LENGTH = 300  # The server sets REMOTE_ADDR, but a middleware may copy a header there.
_ESCAPED_OR_QUOTE = re.compile(r'\\.|"')


def client_ip(request: HttpRequest) -> str | None:
    """Return the client's address, or None if it is unknown, as for a UNIX socket."""
    meta = request.META
    proxies = trusted_proxies()
    forwarded: str | None = None
    if proxies.trusts_any:
        for key in _meta_keys():
            if forwarded := meta.get(key):
                # Keep the right-hand end, because the trusted proxies wrote it.
                forwarded = forwarded[-MAX_HEADER_LENGTH:]
                break
    return proxies.client_of(_peer(request), forwarded, bool(conf.anonymize_ip))


def is_from_trusted_proxy(request: HttpRequest) -> bool:
    """Return whether ``TRUSTED_PROXIES`` contains the peer, so that its headers are believed."""
    proxies = trusted_proxies()
    return proxies.trusts_any and proxies.trusts(_peer(request))


def _peer(request: HttpRequest) -> str:
    return cut(request.META.get("REMOTE_ADDR") or "", MAX_PEER_LENGTH)


class TrustedProxies:
    """The parsed setting ``TRUSTED_PROXIES``.

    Raises ``ValueError`` for an entry that is not an address, a network or ``"unix"``, and
    ``TypeError`` if the setting is neither a list nor a number.
    """

    def __init__(self, proxies: Sequence[str] | int) -> None:
        self._hops = 0
        self._networks: list[IPv4Network | IPv6Network] = []
        self._trusts_socket = False
        if isinstance(proxies, bool) or not isinstance(
            proxies, int | list | tuple | set | frozenset
        ):
            raise TypeError("must be a list of addresses and networks, or a number of hops")
        if isinstance(proxies, int):
            if proxies < 0:
                raise ValueError("the number of hops must not be negative")
            self._hops = proxies
        else:
            self._trusts_socket = UNIX in proxies
            self._networks = [_network(entry) for entry in proxies if entry != UNIX]
        self.trusts_any = bool(self._hops or self._networks or self._trusts_socket)
        # Cached, because proxies keep their connections and clients return.
        self._resolve = lru_cache(maxsize=4096)(self._resolve_uncached)

    def client_of(self, peer: str, forwarded: str | None, anonymize: bool) -> str | None:
        """Return the client of a connection from ``peer`` with this forwarding header."""
        return self._resolve(peer, forwarded, anonymize)

    def trusts(self, peer: str) -> bool:
        """Return whether the headers of a connection from ``peer`` are believed."""
        if self._hops:
            return True  # A number of hops says that each connection comes from a proxy.
        return self._trusts(parse_ip(peer)) if peer else self._trusts_socket

    def _resolve_uncached(self, peer: str, forwarded: str | None, anonymize: bool) -> str | None:
        address = self._client(parse_ip(peer), peer, forwarded)
        if address is None:
            return None
        return anonymized(address) if anonymize else str(address)

    def _client(self, peer: Address | None, raw_peer: str, forwarded: str | None) -> Address | None:
        chain = _hops(forwarded) if forwarded else []
        if self._hops:
            return parse_ip(chain[-self._hops :][0]) if chain else peer
        if not chain or not self.trusts(raw_peer):
            return peer
        # Stop at a trusted proxy that names no address, because entries further left may be forged.
        for hop in reversed(chain):
            address = parse_ip(hop)
            if not self._trusts(address):
                return address
        return address

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )


@once_per_settings
def trusted_proxies() -> TrustedProxies:
    """Return the parsed setting ``TRUSTED_PROXIES``."""
    return TrustedProxies(conf.trusted_proxies)


@once_per_settings
def _meta_keys() -> Sequence[str]:
    return meta_keys(conf.proxy_headers)


def meta_keys(headers: Sequence[str]) -> Sequence[str]:
    """Return the keys of ``request.META`` that hold these headers."""
    return ["HTTP_" + header.upper().replace("-", "_") for header in headers]


def _network(entry: object) -> IPv4Network | IPv6Network:
    if not isinstance(entry, str):
        raise TypeError(f"{entry!r} is not a string")
    return unwrap_ipv4_network(ip_network(entry, strict=False))


def _hops(forwarded: str) -> list[str]:
    """Return the hops in ``for=192.0.2.60, for=…`` (RFC 7239) or in a list of X-Forwarded-For."""
    # Read from the right, because a quote that a client leaves open must not hide later hops.
    hops: list[str] = []
    parts: list[str] = []
    quotes = 0
    for part in reversed(forwarded.split(",")):
        parts.append(part)
        quotes += _ESCAPED_OR_QUOTE.findall(part).count('"')
        if quotes % 2 == 0:  # Otherwise the comma is within quotes.
            hops.append(",".join(reversed(parts)).strip())
            parts.clear()
    return [forwarded_for(hop) if "=" in hop else hop for hop in reversed(hops) if hop]


def anonymized(address: Address) -> str:
    """Return the start of the network of ``address``: a /24 of IPv4, a /48 of IPv6."""
    length = 24 if address.version == 4 else 48
    network = ip_network((int(address).to_bytes(address.max_prefixlen // 8), length), strict=False)
    return str(network.network_address)
