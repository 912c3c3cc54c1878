"""The client address of a request, behind a number of trusted proxies."""

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

UNKNOWN = "unknown"
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via")


def client_address(scope: Scope, trusted_proxies: int) -> str:
    """Return the client's address as the outermost trusted proxy reported it.

    Each proxy appends the address of its caller to ``X-Forwarded-For``. Entries before those of the
    trusted proxies were sent by the client and may be forged. A request that passed fewer proxies
    has fewer entries: then the first one counts.
    """
    entries = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    hops = [entry.strip() for entry in entries if entry.strip()]
    client = str(scope["client"][0]) if scope.get("client") else ""
    if "aws.event" in scope:
        # The gateway's view. For a load balancer, Mangum reports the whole header as the client.
        nearest = client.rpartition(",")[2].strip()
        hops = hops[:-1]  # the gateway's view again
    else:
        nearest = client
    hops.append(nearest)
    return _without_port(hops[max(0, len(hops) - 1 - trusted_proxies)]) or UNKNOWN


def network(address: str, ipv6_prefix: int) -> str:
    """Return the unit of address limits: an IPv4 address, or the network of an IPv6 address.

    Other names, such as that of a test client, are units themselves.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), ipv6_prefix), strict=False))


def is_address(name: object) -> bool:
    """Return whether a name is an IP address, unlike the path of a socket."""
    try:
        ipaddress.ip_address(str(name))
    except ValueError:
        return False
    return True


def is_loopback(address: object) -> bool:
    """Return whether a name is a loopback address."""
    try:
        parsed = ipaddress.ip_address(str(address))
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def is_forwarded(scope: Scope) -> bool:
    """Return whether a request has headers of a proxy."""
    headers = Headers(scope=scope)
    return any(name in headers for name in _FORWARDED)


def _without_port(entry: str) -> str:
    """Return the address of ``192.0.2.1:80``, ``[2001:db8::1]:80`` or ``[2001:db8::1]``."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
