"""Timeouts and limits of connections, for any uvicorn command line.

An ASGI application receives a request once its head is complete. Limits before that are set on the
server: `complete` changes uvicorn's configuration when the application starts, before the first
connection is accepted. Options on uvicorn's command line take precedence.
"""

import asyncio
import errno
import socket
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from starlette.types import Receive

if TYPE_CHECKING:
    from uvicorn import Config

SHUTDOWN_SECONDS = 8
"""Time for running requests after SIGTERM; `docker stop` kills the process after 10 s."""
INCOMPLETE_SECONDS = 1.0
"""Time for requests that are still being received after SIGTERM."""
MAX_WAITING = 256
"""Maximum connections that wait for a request; beyond that, the longest waiting is closed."""
PROBE_SECONDS = 1.0
"""Delay until a client that has closed its sending side is probed."""
UNREAD_MILLISECONDS = 30_000
"""Timeout for a client that does not read its response (Linux only)."""
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def complete(receive: Receive, seconds: float) -> None:
    """Apply the limits of this module to the uvicorn that starts the application.

    Also removes uvicorn's own handling of ``X-Forwarded-For``, which trusts any local process:
    `app.web.address` reads that header, according to ``trusted_proxies``. Other servers are not
    changed.

    ``receive``: that of the lifespan. ``seconds``: timeout for the head of a request.
    """
    if config := _config(receive):
        guard(config, seconds)


def _config(receive: Receive) -> "Config | None":
    """Return uvicorn's configuration, None for other servers.

    uvicorn has no public access to it; ``receive`` is a method of the object that has it.
    """
    config: Config | None = getattr(getattr(receive, "__self__", None), "config", None)
    return config if type(config).__module__ == "uvicorn.config" else None


def guard(config: "Config", seconds: float) -> None:
    """Apply the limits to a loaded configuration."""
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    if config.timeout_graceful_shutdown is None:
        config.timeout_graceful_shutdown = SHUTDOWN_SECONDS
    if isinstance(config.loaded_app, ProxyHeadersMiddleware):
        config.loaded_app = config.loaded_app.app
    base = config.http_protocol_class
    options = {"seconds": seconds, "waiting": OrderedDict()}
    config.ws_protocol_class = None  # there are no WebSocket routes
    config.http_protocol_class = type(f"Guarded{base.__name__}", (_Guarded, base), options)


class _Guarded(asyncio.Protocol):
    """Adds the limits to a protocol of uvicorn, that of h11 or httptools."""

    seconds: float
    waiting: "OrderedDict[_Guarded, None]"
    """Connections of this server that wait for a request, the longest waiting first."""
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    cycle: Any
    """uvicorn's request cycle of the last request; None before the first."""
    _timer: asyncio.TimerHandle | None = None
    _begun = False
    """Whether a part of the next request has been received."""
    _probed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock: socket.socket = transport.get_extra_info("socket")
        if sock.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()
        elif not self.transport.is_closing():
            self._begun = True
            self._await_request()

    def eof_received(self) -> bool:
        """Keep a half-closed connection open, whose client may still read the response.

        Clients of HTTP/1.0 do not know interim responses and cannot be probed, so they count as
        disconnected.
        """
        encrypted = self.transport.get_extra_info("sslcontext") is not None
        if encrypted or not self._is_answering() or self.cycle.more_body:
            return False  # closes the connection
        if self.cycle.scope["http_version"] == "1.0":
            return False
        self.cycle.keep_alive = False
        self._timer = self.loop.call_later(PROBE_SECONDS, self._probe)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Shut down; called by uvicorn on SIGTERM."""
        super().shutdown()  # type: ignore[misc]
        if self._is_answering() and self.cycle.more_body:
            self.loop.call_later(INCOMPLETE_SECONDS, self._give_up)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_request(self) -> None:
        if self._timer is not None:
            return
        if len(self.waiting) >= MAX_WAITING:
            longest, _ = self.waiting.popitem(last=False)
            longest.transport.abort()
        self.waiting[self] = None
        self._timer = self.loop.call_later(self.seconds, self._time_out)

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        self._begun = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self._begun:
            self.transport.write(_TIMEOUT)
        self.transport.close()

    def _give_up(self) -> None:
        if self._is_answering() and self.cycle.more_body:
            self.transport.abort()

    def _probe(self) -> None:
        """Check whether a half-closed client still reads, by sending an interim response.

        A closed socket cannot be told from a half-closed one until something is sent to it: then
        the peer replies with a reset. Clients must be able to parse unexpected interim responses
        (RFC 9110, section 15.2).
        """
        if not self._is_answering() or self.cycle.response_started or self.transport.is_closing():
            return
        if self._probed:
            sock: socket.socket = self.transport.get_extra_info("socket")
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _CLOSED_ERRORS:
                self.transport.abort()
                return
        else:
            self._probed = True
            self.transport.write(_CONTINUE)
        self._timer = self.loop.call_later(PROBE_SECONDS / 4, self._probe)


_CLOSED_ERRORS = (errno.EPIPE, errno.ECONNRESET)
