"""Checks of the addresses: how the next request's is read, and what the newest requests have."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from django.http import HttpRequest

from ..conf import conf
from ..metadata.client_ip import UNIX, client_ip, is_from_trusted_proxy, meta_keys, trusted_proxies
from ..models import Log
from .findings import Finding, info, problem, warning
from .site import Site

# Addresses for documentation (RFC 5737): a visitor, and what a visitor may forge.
VISITOR, FORGED = "203.0.113.7", "192.0.2.66"
NEWEST_EVENTS = 200
MIN_REQUESTS = 20  # among these, to judge their addresses
MAX_EXAMPLES = 3  # of proxies
# Of a network, by the version of IP. A larger network is not one of proxies.
MIN_PREFIXES = {4: 8, 6: 16}


class Connection(NamedTuple):
    """A connection whose request is recorded."""

    peer: str  # empty for a UNIX socket
    headers: Mapping[str, str]

    @property
    def request(self) -> HttpRequest:
        """A request over the connection."""
        request = HttpRequest()
        values = zip(meta_keys([*self.headers]), self.headers.values(), strict=True)
        request.META = {"REMOTE_ADDR": self.peer} | dict(values)
        return request

    def __str__(self) -> str:
        """Return how its address is read, and why."""
        sent = " and ".join(f"{name}: {value}" for name, value in self.headers.items())
        is_trusted = is_from_trusted_proxy(self.request)
        return (
            f"A request from {self.peer or 'a UNIX socket'} {f'with {sent}' if sent else ''} gets "
            f"the address {client_ip(self.request) or '(none)'}, because the connection comes from "
            f"{'a' if is_trusted else 'no'} trusted proxy."
        ).replace("  ", " ")


def next_address_findings(site: Site) -> Iterator[Finding]:
    """Yield how the address of the next request would be read."""
    options = site.options
    if options.peer is not None or options.headers:
        peer = _proxy() if options.peer is None else options.peer
        connections = [Connection(peer, options.headers)]
    else:
        connections = [*_examples()]
    for each in connections:
        yield info("address", str(each))


def _examples() -> Iterator[Connection]:
    """Yield requests through each kind of trusted proxy, and one that bypasses them."""
    header = next(iter(conf.proxy_headers), "X-Forwarded-For")
    if isinstance(conf.trusted_proxies, int):
        chain = [FORGED, VISITOR, *["10.0.0.1"] * (conf.trusted_proxies - 1)]
        yield Connection("10.0.0.1", {header: ", ".join(chain)})
        return
    for entry in [*conf.trusted_proxies][:MAX_EXAMPLES]:
        yield Connection(_address_in(entry), {header: f"{FORGED}, {VISITOR}"})
    yield Connection(VISITOR, {header: FORGED})


def _address_in(entry: str) -> str:
    """Return an address of a network, or an empty text for a UNIX socket."""
    if entry == UNIX:
        return ""
    network = ip_network(entry, strict=False)
    return str(network[min(1, network.num_addresses - 1)])


def _networks() -> list[str]:
    entries = conf.trusted_proxies
    return [] if isinstance(entries, int) else [each for each in entries if each != UNIX]


def _proxy() -> str:
    """Return the address of a proxy that is trusted, if there is one."""
    networks = _networks()
    return _address_in(networks[0]) if networks else "" if conf.trusted_proxies else VISITOR


def trusted_proxy_findings(site: Site) -> Iterator[Finding]:
    """Yield settings of proxies with which visitors can forge addresses, or that have no effect."""
    for entry in _networks():
        network = ip_network(entry, strict=False)
        if network.prefixlen < MIN_PREFIXES[network.version]:
            yield problem(
                "proxy-trusts-everyone",
                f"EVENTLOG['TRUSTED_PROXIES'] has {entry!r}, which contains the addresses of "
                f"visitors, so each visitor can forge an address.",
                "Name the addresses or networks of your proxies only.",
            )
    if trusted_proxies().trusts_any and not conf.proxy_headers:
        yield problem(
            "proxy-headers-empty",
            "EVENTLOG['PROXY_HEADERS'] is empty, so every event gets the address of the proxy.",
            "Name the header that your proxy sets, such as 'X-Forwarded-For'.",
        )


def recorded_address_findings(site: Site) -> Iterator[Finding]:
    """Yield a warning if the newest requests have the address of a proxy."""
    newest = Log.objects.using(site.using).order_by("-timestamp")
    rows = newest.values_list("is_request", "ip", "user")[:NEWEST_EVENTS]
    requests = [(ip, user) for is_request, ip, user in rows if is_request and ip]
    addresses = {ip for ip, _ in requests}
    if len(requests) < MIN_REQUESTS:
        return
    shown = ", ".join(sorted(addresses)[:3])
    is_shared = len({user for _, user in requests if user is not None}) > 1
    if trusted_proxies().trusts_any and not isinstance(conf.trusted_proxies, int):
        if all(map(trusted_proxies().trusts, addresses)):
            yield warning(
                "proxy-sends-no-header",
                f"The newest {len(requests)} requests have addresses of trusted proxies only "
                f"({shown}), so the proxy probably sends none of the PROXY_HEADERS.",
                f"Let the proxy set {' or '.join(conf.proxy_headers)}, see docs/proxy.md.",
            )
    elif len(addresses) == 1 and not conf.trusted_proxies and _is_private(shown) and is_shared:
        yield warning(
            "proxy-not-trusted",
            f"The newest {len(requests)} requests, of several users, all have the private "
            f"address {shown}, which is probably the address of a proxy.",
            f"Add {shown!r} to EVENTLOG['TRUSTED_PROXIES'].",
        )


def _is_private(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:  # imported from another package
        return False
