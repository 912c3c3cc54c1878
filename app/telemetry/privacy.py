"""Hashes texts and the ids that callers choose, for log lines."""

import secrets
from functools import cached_property
from hashlib import blake2b
from typing import Any

from app.sentiment.text import Text
from app.settings import Settings
from app.telemetry.observation import LoggedPrediction

MAX_FIELD_CHARACTERS = 16_384
"""Maximum length of a string in a log line; longer ones are truncated."""


def truncate(value: str) -> str:
    """Truncate a string to `MAX_FIELD_CHARACTERS`, and say how many characters are missing."""
    if len(value) <= MAX_FIELD_CHARACTERS:
        return value
    return f"{value[:MAX_FIELD_CHARACTERS]}… ({len(value) - MAX_FIELD_CHARACTERS:,} more)"


def pseudonym(id: str) -> str:
    """Return the digest that logs contain in place of an id that a caller chose.

    It has no salt, so that feedback can be joined with predictions. A known id can be searched for,
    but the digest does not reveal it. It begins with a tilde, which feedback rejects in ids.
    """
    digest = blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8)
    return f"~{digest.hexdigest()}"


class Privacy:
    """Describes predictions for the log: by default with a salted hash of the text."""

    def __init__(self, settings: Settings) -> None:
        self._log_texts = settings.log_texts
        self._configured_salt = settings.log_salt

    @cached_property
    def _salt(self) -> bytes:
        # Generated on first use, so that environments restored from one snapshot do not share it.
        configured = self._configured_salt.encode("utf-8", "surrogateescape")[:64]
        return configured or secrets.token_bytes(32)

    def describe(self, logged: LoggedPrediction) -> dict[str, Any]:
        """Return the fields of a prediction in the log."""
        prediction = logged.prediction
        return {
            "id": self.caller_id(logged.id) if logged.id_from_caller else logged.id,
            "sentiment": prediction.sentiment,
            "confidence": prediction.confidence,
            "tokens": prediction.tokens,
            "text_hash": self._hash(logged.text),
            **({"text": truncate(logged.text)} if self._log_texts else {}),
        }

    def caller_id(self, id: str) -> str:
        """Return an id that a caller chose, as it is logged."""
        return truncate(id) if self._log_texts else pseudonym(id)

    def _hash(self, text: Text) -> str:
        return blake2b(text.encode(), digest_size=8, key=self._salt).hexdigest()
