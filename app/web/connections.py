"""How long a connection may say nothing, or send a request's head, however uvicorn was started.

An ASGI application sees a request once its head is complete, so this is set on the server itself:
`complete` completes uvicorn's configuration as the application starts, before any connection is
accepted. What uvicorn was told explicitly holds.
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
"""After SIGTERM, for what is being answered; `docker stop` kills after 10."""
INCOMPLETE_SECONDS = 1.0
"""After SIGTERM, for a request that has not arrived completely."""
MAX_WAITING = 256
"""Connections whose request is awaited; of more, the one that has waited longest is closed."""
PROBE_SECONDS = 1.0
"""From a client's end of sending until it is asked whether it still reads."""
UNREAD_MILLISECONDS = 30_000
"""How long a client may leave an answer unread, where the system can tell (Linux)."""
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def complete(receive: Receive, seconds: float) -> None:
    """Give uvicorn, which starts the application by this ``receive``, the limits of this module.

    It also takes uvicorn's own reading of ``X-Forwarded-For`` away, which believes any process of
    this machine: `app.web.address` reads that header, as ``trusted_proxies`` says. Other
    servers stay as they are.

    ``seconds``: how long the head of a request may take.
    """
    if config := _config(receive):
        guard(config, seconds)


def _config(receive: Receive) -> "Config | None":
    """Return the configuration of the uvicorn that starts the application, if one does.

    Its lifespan holds it, of which ``receive`` is a method; uvicorn has no public way to it.
    """
    config: Config | None = getattr(getattr(receive, "__self__", None), "config", None)
    return config if type(config).__module__ == "uvicorn.config" else None


def guard(config: "Config", seconds: float) -> None:
    """Complete a loaded configuration."""
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
    """What is added to either of uvicorn's protocols, h11's or httptools'."""

    seconds: float
    waiting: "OrderedDict[_Guarded, None]"
    """Connections of this server whose request is awaited, the longest first."""
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    cycle: Any
    """uvicorn's, of the last request whose head has arrived; None before the first."""
    _timer: asyncio.TimerHandle | None = None
    _begun = False
    """Whether a part of the awaited request has arrived."""
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
        """Keep a connection open whose client has sent its request and only reads from now on.

        A client of HTTP/1.0, which knows no interim responses, cannot be asked whether it reads: it
        counts as gone.
        """
        encrypted = self.transport.get_extra_info("sslcontext") is not None
        if encrypted or not self._is_answering() or self.cycle.more_body:
            return False  # closes it
        if self.cycle.scope["http_version"] == "1.0":
            return False
        self.cycle.keep_alive = False
        self._timer = self.loop.call_later(PROBE_SECONDS, self._probe)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish: uvicorn calls it on SIGTERM."""
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
        """Find out whether a client that has ended its sending still reads.

        To TCP, a closed socket looks like one that reads on, until something is sent to it: then
        it answers with a reset. RFC 9110, section 15.2: a client must be able to parse interim
        responses, expected or not.
        """
        if not self._is_answering() or self.cycle.response_started or self.transport.is_closing():
            return
        if self._probed:
            sock: socket.socket = self.transport.get_extra_info("socket")
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _GONE:
                self.transport.abort()
                return
        else:
            self._probed = True
            self.transport.write(_CONTINUE)
        self._timer = self.loop.call_later(PROBE_SECONDS / 4, self._probe)


_GONE = (errno.EPIPE, errno.ECONNRESET)
