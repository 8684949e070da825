"""The address that a request came from: ipware reads the headers, we decide whom to believe.

Anybody can send ``X-Forwarded-For``. It is read only if the peer at the other end of the
connection is one of ``TRUSTED_PROXIES``, and from the right, since each proxy appends the address
that it saw: the first that is not a trusted proxy is the client, whatever stands to its left.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from django.http import HttpRequest
from python_ipware.modern.parsers import forwarded_for, parse_ip, unwrap_ipv4_network

from ..conf import conf, once_per_value

Address = IPv4Address | IPv6Address

UNIX = "unix"
_LONGEST_HEADER = 4096
_ESCAPED_OR_QUOTE = re.compile(r'\\.|"')


def client_ip(request: HttpRequest) -> str | None:
    """The client's address, or None where it cannot be known (a UNIX socket, say)."""
    meta = request.META
    resolve = resolver(conf.trusted_proxies)
    forwarded: str | None = None
    if resolve.trusts_somebody:
        for key in _meta_keys(conf.proxy_headers):
            if forwarded := meta.get(key):
                # The right-hand end is what the trusted proxies wrote.
                forwarded = forwarded[-_LONGEST_HEADER:]
                break
    return resolve(meta.get("REMOTE_ADDR") or "", forwarded, bool(conf.anonymize_ip))


class Resolver:
    """``TRUSTED_PROXIES``, checked and made ready to be asked.

    Raises ``ValueError`` for an entry that is neither an address nor a network nor ``"unix"``,
    and ``TypeError`` for what is no list of such entries and no number.
    """

    def __init__(self, proxies: Sequence[str] | int) -> None:
        self._hops = 0
        self._networks: list[IPv4Network | IPv6Network] = []
        self._trusts_socket = False
        if isinstance(proxies, bool) or not isinstance(
            proxies, int | list | tuple | set | frozenset
        ):
            raise TypeError("it has to be a list of addresses and networks, or a number of hops")
        if isinstance(proxies, int):
            if proxies < 0:
                raise ValueError("a number of hops cannot be negative")
            self._hops = proxies
        else:
            self._trusts_socket = UNIX in proxies
            self._networks = [_network(entry) for entry in proxies if entry != UNIX]
        self.trusts_somebody = bool(self._hops or self._networks or self._trusts_socket)
        # Proxies keep their connections and clients return, so few of these are new.
        self._resolve = lru_cache(maxsize=4096)(self._resolve_uncached)

    def __call__(self, peer: str, forwarded: str | None, anonymize: bool) -> str | None:
        """The client of a connection from ``peer`` whose forwarding header is ``forwarded``."""
        return self._resolve(peer, forwarded, anonymize)

    def _resolve_uncached(self, peer: str, forwarded: str | None, anonymize: bool) -> str | None:
        address = self._client(parse_ip(peer), peer, forwarded)
        if address is None:
            return None
        return _anonymized(address) if anonymize else str(address)

    def _client(self, peer: Address | None, raw_peer: str, forwarded: str | None) -> Address | None:
        chain = _hops(forwarded) if forwarded else []
        if self._hops:
            return parse_ip(chain[-self._hops :][0]) if chain else peer
        if not chain or not (self._trusts_socket if not raw_peer else self._trusts(peer)):
            return peer
        # A trusted proxy that names no address (as "unknown") ends what can be known.
        hops = [parse_ip(hop) for hop in chain]
        for hop in reversed(hops):
            if not self._trusts(hop):
                return hop
        return hops[0]

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )


resolver = once_per_value(Resolver)


@once_per_value
def _meta_keys(headers: Sequence[str]) -> Sequence[str]:
    return ["HTTP_" + header.upper().replace("-", "_") for header in headers]


def _network(entry: object) -> IPv4Network | IPv6Network:
    if not isinstance(entry, str):
        raise TypeError(f"{entry!r} is no text")
    return unwrap_ipv4_network(ip_network(entry, strict=False))


def _hops(forwarded: str) -> list[str]:
    """``for=192.0.2.60;proto=http, for=…`` (RFC 7239) or the plain list of X-Forwarded-For."""
    # From the right, where the proxies wrote: a quote that a client leaves open must not swallow
    # what stands behind it.
    hops: list[str] = []
    parts: list[str] = []
    quotes = 0
    for part in reversed(forwarded.split(",")):
        parts.append(part)
        quotes += _ESCAPED_OR_QUOTE.findall(part).count('"')
        if quotes % 2 == 0:  # else the comma stands within quotes
            hops.append(",".join(reversed(parts)).strip())
            parts.clear()
    return [forwarded_for(hop) if "=" in hop else hop for hop in reversed(hops) if hop]


def _anonymized(address: Address) -> str:
    length = 24 if address.version == 4 else 48
    network = ip_network((int(address).to_bytes(address.max_prefixlen // 8), length), strict=False)
    return str(network.network_address)
