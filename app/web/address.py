"""From which address a request comes, behind as many proxies as are trusted."""

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

UNKNOWN = "unknown"
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via")


def client_address(scope: Scope, trusted_proxies: int) -> str:
    """Return the client's address as the outermost trusted proxy saw it.

    Each proxy appends to ``X-Forwarded-For`` the address that it was called from; all that stands
    before what the trusted ones appended is the client's word. A proxy that a request has gone
    around is missed at the far end: then the farthest address there is counts.
    """
    entries = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    hops = [entry.strip() for entry in entries if entry.strip()]
    client = str(scope["client"][0]) if scope.get("client") else ""
    if "aws.event" in scope:
        # The gateway's own view: of a load balancer, Mangum makes the whole header the client.
        nearest = client.rpartition(",")[2].strip()
        hops = hops[:-1]  # which is the gateway's own view too
    else:
        nearest = client
    hops.append(nearest)
    return _without_port(hops[max(0, len(hops) - 1 - trusted_proxies)]) or UNKNOWN


def network(address: str, ipv6_prefix: int) -> str:
    """Return what an address limit counts: an IPv4 address, or the network of an IPv6 address.

    What is no address, as a test client's name, is counted under itself.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), ipv6_prefix), strict=False))


def is_address(name: object) -> bool:
    """Return False for a socket's path, or a test client's name."""
    try:
        ipaddress.ip_address(str(name))
    except ValueError:
        return False
    return True


def is_loopback(address: object) -> bool:
    """Return False, too, for what is no address: a socket's path, or a test client's name."""
    try:
        found = ipaddress.ip_address(str(address))
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def is_forwarded(scope: Scope) -> bool:
    """Return whether a proxy says that it passes a request on."""
    headers = Headers(scope=scope)
    return any(name in headers for name in _FORWARDED)


def _without_port(entry: str) -> str:
    """Return the address of ``192.0.2.1:80``, ``[2001:db8::1]:80`` or ``[2001:db8::1]``."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
