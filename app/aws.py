"""The one place that makes AWS clients: how long a call may take, and how often it is retried."""

import os
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from app import __version__
from app.deadline import Deadline


@dataclass(frozen=True)
class Patience:
    """How long a client waits, in seconds, and how often it calls for one request."""

    connect: float
    read: float
    """Without a byte of the answer; S3 objects are read in parts, each its own wait."""
    attempts: int
    """HTTP calls of one request, the first included."""

    @property
    def longest(self) -> float:
        """Seconds that one request can take where nothing answers.

        Between calls botocore's standard mode waits up to 1, 2, 4… s, and up to 5 s more where the
        service asks for it (`botocore.retries.standard.ExponentialBackoff`).
        """
        waits = sum(float(2**retry) + 5 for retry in range(self.attempts - 1))
        return self.attempts * (self.connect + self.read) + waits


PATIENT = Patience(connect=2, read=10, attempts=3)
_HURRIED = (
    PATIENT,
    Patience(connect=1, read=3, attempts=3),
    Patience(connect=1, read=1, attempts=2),
    Patience(connect=1, read=2, attempts=1),
)
"""The less time is left, the less a request may take; of these, the first that fits is taken."""

_making = Lock()


class OutOfTime(Exception):
    """Not even the shortest request fits in the time that is left."""


@cache
def client(service: str, patience: Patience = PATIENT) -> Any:
    """Return this process's client of a service, made at its first use.

    The standard variables hold: ``AWS_REGION``, ``AWS_ENDPOINT_URL`` and so on. boto3 by itself
    reads the region from ``AWS_DEFAULT_REGION`` alone, which holds where ``AWS_REGION`` is not set.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        user_agent_extra=f"sentiment/{__version__}",
    )
    with _making:  # boto3's default session is not safe to make clients in several threads
        region = os.environ.get("AWS_REGION") or None
        return boto3.client(service, region_name=region, config=config)


def client_within(service: str, deadline: Deadline) -> Any:
    """Return a client whose next request, retries included, ends before the deadline.

    Raises:
        OutOfTime: there is none.
    """
    left = deadline.left
    for patience in _HURRIED:
        if patience.longest <= left:
            return client(service, patience)
    raise OutOfTime
