"""API keys, of which only hashes are stored.

An entry is ``NAME:SHA256``, or ``NAME:SHA256:LIMIT`` with a rate limit of
its own such as ``100/minute``; entries are separated by commas or white space. A key has 256 random
bits, so that there is nothing to guess, and a fast hash keeps it as well as a slow one would.
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
_PARAMETER = "ssm:"
_SECRET = "secretsmanager:"
_RETRY_SECONDS = 10.0
"""How soon a source is asked again that did not answer."""
_SOON = aws.Patience(connect=2, read=2, attempts=2)
"""Whoever asks waits for the answer, and the keys that are known are still good."""


class ApiKey(NamedTuple):
    """What is known of a key."""

    name: str
    sha256: bytes
    limit: str = ""
    """Its own rate limit, or empty for the one that all have."""


def parse(entries: str) -> tuple[ApiKey, ...]:
    """Read entries.

    Raises:
        SettingsError: an entry is none, or its limit; the message does not show its hash.
    """
    keys = []
    for place, entry in enumerate(entries.replace(",", " ").split(), 1):
        name, _, rest = entry.partition(":")
        digest, _, limit = rest.partition(":")
        if not NAME.fullmatch(name) or not _HASH.fullmatch(digest):
            raise SettingsError(
                f"API key {place} is no entry: expected NAME:SHA256 or NAME:SHA256:LIMIT, the name "
                "of letters, digits, dots, dashes and underscores, as python -m app.keys new prints"
            )
        if limit:
            rates.check(limit)
        keys.append(ApiKey(name, bytes.fromhex(digest), limit))
    return tuple(keys)


def matching(keys: Sequence[ApiKey], presented: str) -> ApiKey | None:
    """Return the key that was presented, in a time that does not tell how near a wrong one is."""
    digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            found = key
    return found


class Keyring:
    """The keys that are valid now, asked for anew from time to time, so that they can be rotated.

    A source that does not answer leaves the keys as they were. ``seconds``: how long they are
    believed.
    """

    def __init__(self, sources: Sequence[Callable[[], str]], seconds: float) -> None:
        self._sources = sources
        self._seconds = seconds
        self._lock = threading.Lock()
        self._keys = self._read()
        self._stale_at = time.monotonic() + seconds

    @property
    def stale(self) -> bool:
        """Whether ``refresh`` would ask the sources."""
        return time.monotonic() >= self._stale_at

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """The keys as they were last read."""
        return self._keys

    def refresh(self) -> None:
        """Ask the sources, unless another thread does: it goes on with the keys that are known."""
        if not self.stale or not self._lock.acquire(blocking=False):
            return
        try:
            self._keys = self._read()
            self._stale_at = time.monotonic() + self._seconds
        except Exception:  # whatever the cause, the keys that are known go on being valid
            _logger.exception("the API keys could not be read again and stay as they were")
            self._stale_at = time.monotonic() + min(self._seconds, _RETRY_SECONDS)
        finally:
            self._lock.release()

    def _read(self) -> tuple[ApiKey, ...]:
        return tuple(key for source in self._sources for key in parse(source()))


def load(settings: Settings) -> Keyring | None:
    """Return the keys that the settings name, or None where they name none.

    Raises:
        SettingsError: a source has no known form, cannot be read, or holds what is no entry.
    """
    sources: list[Callable[[], str]] = []
    if settings.api_keys:
        sources.append(lambda: settings.api_keys)
    place = settings.api_keys_from
    try:
        if place:
            sources.append(_remote(place))
        return Keyring(sources, settings.api_keys_seconds) if sources else None
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(f"SENTIMENT_API_KEYS_FROM={place}: {error}") from error


def _remote(place: str) -> Callable[[], str]:
    if name := place.removeprefix(_PARAMETER) if place.startswith(_PARAMETER) else "":
        parameters = aws.client("ssm", _SOON)
        return lambda: str(
            parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        )
    if name := place.removeprefix(_SECRET) if place.startswith(_SECRET) else "":
        vault = aws.client("secretsmanager", _SOON)
        return lambda: str(vault.get_secret_value(SecretId=name)["SecretString"])
    raise SettingsError(
        f"SENTIMENT_API_KEYS_FROM={place}: expected ssm:/its/name or secretsmanager:its-name"
    )
