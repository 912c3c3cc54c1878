"""Ports for servers that are told which to listen on."""

import errno
import secrets
import socket

_BELOW_EPHEMERAL = range(10_000, 32_768)
"""Linux gives the ports from 32768 up to whoever asks for any, also for outgoing connections, so
that one found free there may be taken a moment later (ip(7), ip_local_port_range)."""


def free_port() -> int:
    """Return a port of the loopback address that nothing listens on."""
    while True:
        port = secrets.choice(_BELOW_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        return port
