"""The one place that makes AWS clients: how long a call may take, and how often it is retried."""

from functools import cache
from typing import Any

from app import __version__

CONNECT_SECONDS = 2
READ_SECONDS = 10
"""Without a byte of the answer; S3 objects are read in parts, each its own wait."""
ATTEMPTS = 3
"""Calls of one request, the first included; botocore waits between them, with jitter."""


@cache
def client(service: str) -> Any:
    """Return this process's client of a service, made at its first use.

    The standard variables hold: ``AWS_REGION``, ``AWS_ENDPOINT_URL`` and so on.
    """
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            user_agent_extra=f"sentiment/{__version__}",
        ),
    )
