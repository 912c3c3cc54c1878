"""Creates the classifier and the limits of texts from the settings."""

from collections.abc import Callable

from app.sentiment import classifier
from app.sentiment.classifier import ScoringStats, SentimentClassifier
from app.sentiment.text import Limits
from app.settings import Settings


def load_classifier(
    settings: Settings, observer: Callable[[ScoringStats], None] = lambda stats: None
) -> SentimentClassifier:
    """Load the model that the settings name.

    Raises:
        BundleError: the bundle is missing or damaged.
    """
    return classifier.load(
        settings.model_dir,
        settings.engine,
        threads=settings.threads,
        cache_size=settings.cache_size,
        observer=observer,
    )


def text_limits(settings: Settings) -> Limits:
    """Return the limits of a text to score."""
    return Limits(settings.max_text_characters, settings.max_text_tokens)


def explanation_limits(settings: Settings) -> Limits:
    """Return the limits of a text to explain."""
    return Limits(settings.explain_max_characters, settings.explain_max_tokens)
