"""Logs as lines of JSON, by Powertools' formatter, without a word of any text."""

import logging
import os
import secrets
import sys
from functools import cached_property
from hashlib import blake2b
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from app.sentiment.text import Text
from app.settings import Settings
from app.telemetry.observation import Predicted, current

SERVICE = "sentiment"


class _Correlated(logging.Filter):
    """Puts the correlation id of what is being answered on each line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (found := current().correlation_id) and not hasattr(record, "correlation_id"):
            record.correlation_id = found
        return True


class _EndedFormatter(LambdaPowertoolsFormatter):
    """For the runtime's own handler, which, unlike others, leaves the line's end to its format."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record) + "\n"


def configure(level: str) -> None:
    """Write log lines to standard output as JSON, the application's from this level on.

    On Lambda the runtime's own handler writes them, and so the libraries' too.
    """
    application = logging.getLogger("app")
    application.setLevel(level)
    form = LambdaPowertoolsFormatter
    handlers = logging.getLogger().handlers if "AWS_LAMBDA_RUNTIME_API" in os.environ else []
    if handlers:
        form = _EndedFormatter
    elif not (handlers := application.handlers):
        application.addHandler(logging.StreamHandler(sys.stdout))
    for handler in handlers:
        handler.setFormatter(
            form(service=SERVICE, use_rfc3339=True, utc=True, serialize_stacktrace=False)
        )
        handler.addFilter(_Correlated())


class Privacy:
    """What a log line may say of a text: by default, a hash that only the salt's owner can try."""

    def __init__(self, settings: Settings) -> None:
        self._shows = settings.log_texts
        self._given = settings.log_salt

    @cached_property
    def _salt(self) -> bytes:
        # At first use, so that no two environments restored from one snapshot share it.
        return self._given.encode()[:64] if self._given else secrets.token_bytes(32)

    def describe(self, predicted: Predicted) -> dict[str, Any]:
        """Return what is logged of a prediction."""
        found = predicted.prediction
        return {
            "id": predicted.id,
            "sentiment": found.sentiment,
            "confidence": found.confidence,
            "tokens": found.tokens,
            "text_hash": self._hash(predicted.text),
            **({"text": predicted.text} if self._shows else {}),
        }

    def _hash(self, text: Text) -> str:
        return blake2b(text.encode(), digest_size=8, key=self._salt).hexdigest()
