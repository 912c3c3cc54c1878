"""Creates the classifier and the limits of texts from the settings."""

from collections.abc import Callable

from app.scoring.options import InvalidOption, check_neutral
from app.sentiment import classifier
from app.sentiment.classifier import ScoringStats, SentimentClassifier
from app.sentiment.text import Limits
from app.settings import Settings, SettingsError


def load_classifier(
    settings: Settings, observer: Callable[[ScoringStats], None] = lambda stats: None
) -> SentimentClassifier:
    """Load the model that the settings name.

    Raises:
        BundleError: the bundle is missing or damaged.
        SettingsError: the settings ask for Neutral, which the model does not know.
    """
    loaded = classifier.load(
        settings.model_dir,
        settings.engine,
        threads=settings.threads,
        cache_size=settings.cache_size,
        observer=observer,
    )
    if settings.neutral:
        try:
            check_neutral(loaded.bundle)
        except InvalidOption as error:
            raise SettingsError(f"Neutral cannot be predicted: {error}") from None
    return loaded


def text_limits(settings: Settings) -> Limits:
    """Return the limits of a text to score."""
    return Limits(settings.max_text_characters, settings.max_text_tokens)


def explanation_limits(settings: Settings) -> Limits:
    """Return the limits of a text to explain."""
    return Limits(settings.explain_max_characters, settings.explain_max_tokens)
