"""Creates all AWS clients, with their timeouts and retries."""

import os
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from app import __version__
from app.deadline import Deadline


@dataclass(frozen=True)
class CallPolicy:
    """Timeouts in seconds, and the number of attempts, of one request."""

    connect: float
    read: float
    """Maximum wait for the next byte of the response."""
    attempts: int
    """Maximum number of HTTP calls for one request, including the first."""

    @property
    def max_seconds(self) -> float:
        """Maximum duration of one request to a service that does not respond, in seconds.

        Between calls, botocore's standard mode waits up to 1, 2, 4… s, and up to 5 s more if the
        service asks for it (`botocore.retries.standard.ExponentialBackoff`).
        """
        waits = sum(float(2**retry) + 5 for retry in range(self.attempts - 1))
        return self.attempts * (self.connect + self.read) + waits


DEFAULT_POLICY = CallPolicy(connect=2, read=10, attempts=3)
_POLICIES = (
    DEFAULT_POLICY,
    CallPolicy(connect=1, read=3, attempts=3),
    CallPolicy(connect=1, read=1, attempts=2),
    CallPolicy(connect=1, read=2, attempts=1),
)
"""From the longest to the shortest; `client_within` chooses the first that fits a deadline."""

_creating = Lock()


class OutOfTime(Exception):
    """The time left is too short for any request."""


@cache
def client(service: str, policy: CallPolicy = DEFAULT_POLICY) -> Any:
    """Return the process's client of a service, created on its first use.

    The standard environment variables apply, such as ``AWS_ENDPOINT_URL``. boto3 reads the region
    from ``AWS_DEFAULT_REGION`` only; here ``AWS_REGION`` takes precedence, as in other AWS SDKs.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=policy.connect,
        read_timeout=policy.read,
        retries={"mode": "standard", "total_max_attempts": policy.attempts},
        user_agent_extra=f"sentiment/{__version__}",
    )
    with _creating:  # boto3's default session does not create clients thread-safely
        region = os.environ.get("AWS_REGION") or None
        return boto3.client(service, region_name=region, config=config)


def client_within(service: str, deadline: Deadline) -> Any:
    """Return a client whose next request, including retries, ends before the deadline.

    Raises:
        OutOfTime: the time left is too short for any request.
    """
    left = deadline.left
    for policy in _POLICIES:
        if policy.max_seconds <= left:
            return client(service, policy)
    raise OutOfTime
