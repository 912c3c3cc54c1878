"""The client address of a request, behind proxies and in IPv6 networks."""

import ipaddress

import hypothesis
import pytest
from hypothesis import strategies as st

from app.web.address import client_address, is_loopback, network
from tests.web.client import client
from tests.web.middleware.test_access import post_with


def scope(client: str, *forwarded: str, event: object = None):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    found = {"type": "http", "headers": headers, "client": (client, 1)}
    return found if event is None else {**found, "aws.event": event}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, (), "192.0.2.9"),
        (0, ("198.51.100.1",), "192.0.2.9"),
        (1, ("198.51.100.1",), "198.51.100.1"),
        (1, ("6.6.6.6, 198.51.100.1",), "198.51.100.1"),
        (1, ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),
        (2, ("6.6.6.6, 198.51.100.1, 203.0.113.5",), "198.51.100.1"),
        (2, ("198.51.100.1",), "198.51.100.1"),
        (1, (), "192.0.2.9"),
        (1, (" , ,198.51.100.1 ,",), "198.51.100.1"),
        (1, ("198.51.100.1:4711",), "198.51.100.1"),
        (1, ("[2001:db8::1]:4711",), "2001:db8::1"),
        (1, ("2001:db8::1",), "2001:db8::1"),
    ],
)
def test_address_is_that_of_the_outermost_trusted_proxy(proxies, forwarded, expected):
    assert client_address(scope("192.0.2.9", *forwarded), proxies) == expected


def test_load_balancers_view_is_the_last_entry_of_the_header():
    header = "6.6.6.6, 198.51.100.1"
    assert client_address(scope(header, header, event={}), 0) == "198.51.100.1"


def test_a_proxy_before_the_gateway_may_be_trusted():
    found = scope("203.0.113.5", "198.51.100.1, 203.0.113.5", event={"resource": "/"})
    assert client_address(found, 0) == "203.0.113.5"
    assert client_address(found, 1) == "198.51.100.1"


@pytest.mark.property
@hypothesis.given(
    made_up=st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=30)),
    proxies=st.integers(1, 4),
)
def test_header_of_the_client_does_not_change_its_address(made_up, proxies):
    appended = ["198.51.100.1", *(f"203.0.113.{i}" for i in range(proxies - 1))]
    header = ", ".join([*made_up, *appended]).encode("latin-1")
    found = scope("192.0.2.9")
    found["headers"] = [(b"x-forwarded-for", header)]
    assert client_address(found, proxies) == "198.51.100.1"


@pytest.mark.property
@hypothesis.given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_ipv6_network_counts_as_one_client(of_network, one, other):
    hypothesis.assume(of_network)  # the network of zeros holds IPv4-mapped addresses
    addresses = [str(ipaddress.IPv6Address(of_network << 64 | host)) for host in (one, other)]
    assert network(addresses[0], 64) == network(addresses[1], 64)
    neighbour = str(ipaddress.IPv6Address((of_network ^ 1) << 64 | one))
    assert network(neighbour, 64) != network(addresses[0], 64)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:DB8::1", "2001:db8::/64"),
        ("testclient", "testclient"),
    ],
)
def test_notations_of_one_address_are_one_client(address, counted):
    assert network(address, 64) == counted


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("localhost", False),
        (None, False),
    ],
)
def test_loopback(address, local):
    assert is_loopback(address) is local


def from_address(caller, address, **headers):
    caller._transport.client = (address, 50000)
    return post_with(caller, "asgi", headers).status


def test_client_cannot_evade_its_limit_by_another_address_of_its_network():
    caller = client(address_rate_limit="1/day")
    found = [from_address(caller, f"2001:db8::{i}") for i in range(3)]
    assert [*found, from_address(caller, "2001:db8:0:1::1")] == [200, 429, 429, 200]


def test_ipv6_prefix_is_configurable():
    caller = client(address_rate_limit="1/day", address_ipv6_prefix=56)
    assert [from_address(caller, f"2001:db8:0:{i}::1") for i in range(2)] == [200, 429]


@pytest.mark.parametrize(("proxies", "status"), [(None, 429), (0, 429), (1, 429)])
def test_client_cannot_evade_its_limit_by_a_header(proxies, status):
    caller = client(address_rate_limit="1/day", trusted_proxies=proxies)
    appended = ", 198.51.100.1" if proxies else ""
    headers = [{"x-forwarded-for": f"9.9.9.{i}{appended}"} for i in range(2)]
    assert [from_address(caller, "127.0.0.1", **found) for found in headers] == [200, status]


def test_clients_behind_a_trusted_proxy_have_separate_limits():
    caller = client(address_rate_limit="1/day", trusted_proxies=1)
    addresses = ["198.51.100.1", "198.51.100.2", "198.51.100.1"]
    headers = [{"x-forwarded-for": address} for address in addresses]
    assert [from_address(caller, "127.0.0.1", **one) for one in headers] == [200, 200, 429]


@pytest.mark.parametrize(
    ("proxies", "headers", "status"),
    [
        (0, {}, 200),
        (None, {}, 403),  # a proxy may stand in front, and say nothing of it
        (1, {}, 403),
        (0, {"x-forwarded-for": "192.0.2.7"}, 403),
        (0, {"forwarded": "for=192.0.2.7"}, 403),
        (0, {"x-real-ip": "192.0.2.7"}, 403),
        (0, {"via": "1.1 proxy"}, 403),
    ],
)
def test_metrics_without_keys_need_a_local_process_and_no_proxy(proxies, headers, status):
    caller = client(trusted_proxies=proxies)
    caller._transport.client = ("127.0.0.1", 50000)
    answer = caller.get("/metrics", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert "SENTIMENT_METRICS_KEYS" in answer.json()["detail"]
        assert "SENTIMENT_TRUSTED_PROXIES" in answer.json()["detail"]
