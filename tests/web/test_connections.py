"""Connections of clients that are silent, slow, half-closed or gone."""

import http.client
import json
import signal
import socket
import time

import pytest
import uvicorn

from app.web import connections
from tests.web.conftest import UVICORN, process, read_all, request

HALF_SENT = request("/predict", b'{"text": "Good."}')[:-5]


@pytest.mark.parametrize("sent", [HALF_SENT, HALF_SENT[:30]], ids=["body", "head"])
def test_incomplete_request_does_not_delay_the_shutdown(sent):
    with (
        process(UVICORN, SENTIMENT_RECEIVE_SECONDS="60") as (server, port),
        socket.create_connection(("127.0.0.1", port)) as sock,
    ):
        sock.sendall(sent)
        time.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        # Sooner than after all that is being answered.
        server.wait(timeout=connections.SHUTDOWN_SECONDS - 1)


def test_running_request_completes_after_sigterm():
    text = '{"texts": ["' + "It goes on and on. " * 500 + '"]}'
    with process(UVICORN) as (server, port), socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request("/predict/batch", text.encode()))
        time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        assert read_all(sock).startswith(b"HTTP/1.1 200")
        server.wait(timeout=connections.SHUTDOWN_SECONDS)


def test_silent_socket_is_closed(serve):
    sock = serve(receive_seconds=0.3)()
    assert read_all(sock) == b""


def test_incomplete_head_is_408_and_closed(serve):
    sock = serve(receive_seconds=0.3)()
    for part in (b"GET / HTTP/1.1\r\n", b"host: localhost\r\n"):
        sock.sendall(part)
        time.sleep(0.1)
    assert read_all(sock).startswith(b"HTTP/1.1 408 ")


def test_next_head_of_a_kept_connection_has_a_timeout_too(serve):
    sock = serve(receive_seconds=0.5)()
    sock.sendall(request("/"))
    assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    sock.sendall(b"GET / HTTP/1.1\r\n")
    assert b"HTTP/1.1 408 " in read_all(sock)


def test_a_connection_is_kept_for_the_next_request(serve):
    kept = http.client.HTTPConnection("127.0.0.1")
    kept.sock = sock = serve(receive_seconds=0.3)()
    for _ in range(3):
        kept.request("GET", "/")
        answer = kept.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        assert kept.sock is sock
        time.sleep(0.25)


def test_incomplete_body_is_a_408_problem_and_closed(serve):
    sock = serve(receive_seconds=0.3)()
    sock.sendall(HALF_SENT)
    answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert b"did not arrive in time" in answer


def test_rest_of_a_body_is_not_awaited_after_the_response(serve):
    sock = serve(receive_seconds=0.3)()
    sock.sendall(request("/none", b"x", "content-length: 1000").replace(b"length: 1\r", b"x: 1\r"))
    assert sock.recv(65536).startswith(b"HTTP/1.1 404")
    with pytest.raises(OSError):
        for _ in range(100):
            sock.sendall(b"x")
            time.sleep(0.05)


def test_oldest_of_too_many_silent_sockets_is_closed(serve, monkeypatch):
    monkeypatch.setattr(connections, "MAX_WAITING", 3)
    connect = serve()
    first, *_ = silent = [connect() for _ in range(5)]
    assert first.recv(1) == b""
    silent[-1].sendall(request("/"))
    assert silent[-1].recv(65536).startswith(b"HTTP/1.1 200")


def test_half_closed_client_receives_its_response(serve):
    sock = serve()()
    sock.sendall(request("/predict", b'{"text": "A fine film."}'))
    sock.shutdown(socket.SHUT_WR)
    answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"sentiment":"Positive"' in answer


def test_half_closed_client_receives_a_late_response(serve):
    sock = serve(cache_size=0)()
    body = '{"texts": ["' + '", "'.join(["It goes on. " * 600] * 12) + '"]}'
    sock.sendall(request("/predict/batch", body.encode()))
    sock.shutdown(socket.SHUT_WR)
    answer = read_all(sock)
    # What a client that has gone is told by; RFC 9110 has every client pass over it.
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_half_closed_client_of_http_1_0_counts_as_disconnected(serve, lines):
    sock = serve(cache_size=0)()
    body = json.dumps({"texts": [f"{i} It goes on. " * 300 for i in range(60)]}).encode()
    sock.sendall(request("/predict/batch", body).replace(b"HTTP/1.1", b"HTTP/1.0"))
    time.sleep(0.1)
    sock.shutdown(socket.SHUT_WR)
    assert read_all(sock) == b""
    deadline = time.monotonic() + 30
    while not (found := lines()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found[0]["status"] == 499


def test_client_that_closes_within_its_request_is_not_awaited(serve):
    sock = serve()()
    sock.sendall(HALF_SENT)
    sock.shutdown(socket.SHUT_WR)
    assert read_all(sock) == b""


@pytest.mark.parametrize(("proxies", "statuses"), [(None, [200, 429]), (1, [200, 200])])
def test_uvicorn_trusts_no_header_by_itself(serve, proxies, statuses):
    connect = serve(address_rate_limit="1/day", trusted_proxies=proxies)
    found = []
    for address in ("198.51.100.1", "198.51.100.2"):
        sock = connect()
        sock.sendall(request("/model", b"", f"x-forwarded-for: {address}", "connection: close"))
        found.append(int(read_all(sock).split()[1]))
    assert found == statuses


def test_options_of_uvicorn_take_precedence():
    config = uvicorn.Config("app.main:app", timeout_graceful_shutdown=3, proxy_headers=False)
    config.load()
    connections.guard(config, 1)
    assert config.timeout_graceful_shutdown == 3


@pytest.mark.parametrize("protocol", ["h11", "httptools"])
def test_limits_apply_to_both_protocols_of_uvicorn(protocol):
    if protocol == "httptools":
        pytest.importorskip("httptools")
    with process([*UVICORN, "--http", protocol], SENTIMENT_RECEIVE_SECONDS="0.3") as (_, port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            assert read_all(sock) == b""
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(request("/predict", b'{"text": "A fine film."}'))
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock).startswith(b"HTTP/1.1 200 ")
