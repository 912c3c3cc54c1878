"""What log lines may say of a text and of the ids that callers give."""

import secrets
from functools import cached_property
from hashlib import blake2b
from typing import Any

from app.sentiment.text import Text
from app.settings import Settings
from app.telemetry.observation import LoggedPrediction

MAX_FIELD_CHARACTERS = 16_384
"""Of a string of a line; a longer one is cut, and says by how much."""


def capped(value: str) -> str:
    """Return a string within `MAX_FIELD_CHARACTERS`, or the beginning of a longer one."""
    if len(value) <= MAX_FIELD_CHARACTERS:
        return value
    return f"{value[:MAX_FIELD_CHARACTERS]}… ({len(value) - MAX_FIELD_CHARACTERS:,} more)"


def pseudonym(id: str) -> str:
    """Return what stands in logs for an id that a caller gave: a digest, equal for equal ids.

    Unsalted, so that feedback finds its prediction: who knows an id can look for it, and nobody can
    read one. The mark before it is in no id that feedback may name.
    """
    digest = blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8)
    return f"~{digest.hexdigest()}"


class Privacy:
    """What a log line may say of a text: by default, a hash that only the salt's owner can try."""

    def __init__(self, settings: Settings) -> None:
        self.shows = settings.log_texts
        self._given = settings.log_salt

    @cached_property
    def _salt(self) -> bytes:
        # At first use, so that no two environments restored from one snapshot share it.
        given = self._given.encode("utf-8", "surrogateescape")[:64]
        return given or secrets.token_bytes(32)

    def describe(self, predicted: LoggedPrediction) -> dict[str, Any]:
        """Return what is logged of a prediction."""
        found = predicted.prediction
        return {
            "id": self.name(predicted.id) if predicted.named else predicted.id,
            "sentiment": found.sentiment,
            "confidence": found.confidence,
            "tokens": found.tokens,
            "text_hash": self._hash(predicted.text),
            **({"text": capped(predicted.text)} if self.shows else {}),
        }

    def name(self, id: str) -> str:
        """Return what is logged of an id that a caller gave."""
        return capped(id) if self.shows else pseudonym(id)

    def _hash(self, text: Text) -> str:
        return blake2b(text.encode(), digest_size=8, key=self._salt).hexdigest()
