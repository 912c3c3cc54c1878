"""API keys, of which only hashes are stored.

An entry is ``NAME:SHA256``, or ``NAME:SHA256:LIMIT`` with a rate limit such as ``100/minute``.
Commas or white space separate entries. Keys have 256 random bits and cannot be guessed, so a fast
hash protects them as well as a slow one.
"""

import hashlib
import hmac
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app import aws
from app.access import rates
from app.settings import Settings, SettingsError

_logger = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_RETRY_SECONDS = 10.0
"""Delay before a source that failed is read again."""
_POLICY = aws.CallPolicy(connect=2, read=2, attempts=2)
"""Short, as a request waits for the answer and the previous keys remain valid."""


class ApiKey(NamedTuple):
    """An entry."""

    name: str
    sha256: bytes
    limit: str = ""
    """The rate limit of this key; empty for the limit of the settings."""


def parse(entries: str) -> tuple[ApiKey, ...]:
    """Parse entries.

    Raises:
        SettingsError: an entry or its limit is invalid; the message does not show the hash.
    """
    keys = []
    for number, entry in enumerate(entries.replace(",", " ").split(), 1):
        name, _, rest = entry.partition(":")
        digest, _, limit = rest.partition(":")
        if not NAME.fullmatch(name) or not _HASH.fullmatch(digest):
            raise SettingsError(
                f"API key {number} is invalid: expected NAME:SHA256 or NAME:SHA256:LIMIT, as "
                "sentiment keys new prints; a name has letters, digits, dots, dashes and "
                "underscores"
            )
        if limit:
            rates.check(limit)
        keys.append(ApiKey(name, bytes.fromhex(digest), limit))
    return tuple(keys)


def match(keys: Sequence[ApiKey], secret: str) -> ApiKey | None:
    """Return the entry of a key, compared in constant time."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
    matching = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            matching = key
    return matching


class Keyring:
    """The valid keys, which are read again from time to time so that they can be rotated.

    If a source fails, the previous keys remain valid. ``seconds``: how often keys are read.
    """

    def __init__(self, sources: Sequence[Callable[[], str]], seconds: float) -> None:
        self._sources = sources
        self._seconds = seconds
        self._lock = threading.Lock()
        self._keys = self._read()
        self._stale_at = time.monotonic() + seconds

    @property
    def stale(self) -> bool:
        """Whether the keys are due to be read again."""
        return time.monotonic() >= self._stale_at

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """The keys of the last successful read."""
        return self._keys

    def refresh(self) -> None:
        """Read the keys again if they are due, unless another thread does so."""
        if not self.stale or not self._lock.acquire(blocking=False):
            return
        try:
            self._keys = self._read()
            self._stale_at = time.monotonic() + self._seconds
        except Exception:  # whatever the cause, the previous keys remain valid
            _logger.exception("the API keys could not be read again; the previous ones are valid")
            self._stale_at = time.monotonic() + min(self._seconds, _RETRY_SECONDS)
        finally:
            self._lock.release()

    def _read(self) -> tuple[ApiKey, ...]:
        return tuple(key for source in self._sources for key in parse(source()))


def load(settings: Settings) -> Keyring | None:
    """Return the keys that the settings configure, None if they configure none.

    Raises:
        SettingsError: a source is invalid or cannot be read, or one of its entries is invalid.
    """
    sources: list[Callable[[], str]] = []
    if settings.api_keys:
        sources.append(lambda: settings.api_keys)
    location = settings.api_keys_from
    try:
        if location:
            sources.append(_remote(location))
        return Keyring(sources, settings.api_keys_seconds) if sources else None
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(f"SENTIMENT_API_KEYS_FROM={location}: {error}") from error


def _remote(location: str) -> Callable[[], str]:
    scheme, _, name = location.partition(":")
    if scheme == "ssm" and name:
        parameters = aws.client("ssm", _POLICY)
        return lambda: str(
            parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        )
    if scheme == "secretsmanager" and name:
        secrets = aws.client("secretsmanager", _POLICY)
        return lambda: str(secrets.get_secret_value(SecretId=name)["SecretString"])
    raise SettingsError(
        f"SENTIMENT_API_KEYS_FROM={location}: expected ssm:/parameter/name or "
        "secretsmanager:secret-name"
    )
