"""The application in a real uvicorn, in this process or in a separate one."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI

from app.settings import Settings
from app.web import application
from local.ports import free_port
from local.server import serving
from tests.conftest import ROOT


def request(path: str, body: bytes = b"", *headers: str, method: str = "") -> bytes:
    """Return a request in wire format."""
    lines = [f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1", "host: localhost"]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def read_all(sock: socket.socket) -> bytes:
    """Return all data until the peer closes the connection."""
    found = b""
    while part := sock.recv(65536):
        found += part
    return found


@pytest.fixture
def serve() -> Iterator[Callable[..., socket.socket]]:
    """Serve an application with these settings; returns a function that connects to it."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def serve(app: FastAPI | None = None, **settings: object):
            address = stack.enter_context(serving(app or application.create(Settings(**settings))))
            port = int(address.rpartition(":")[2])

            def connect() -> socket.socket:
                return stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))

            return connect

        yield serve


@contextmanager
def process(command: list[str], **environment: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """Run a server whose command contains ``PORT``, and wait until it responds."""
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in command]
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield running, port
    finally:
        running.kill()
        running.wait()


UVICORN = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", "PORT"]
