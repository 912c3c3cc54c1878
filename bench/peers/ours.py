"""This service's classifier, with its own limits and normalisation, for `bench.process.Process`."""

from collections.abc import Sequence

from app.scoring.configuration import load_classifier
from app.sentiment.text import Limits
from app.settings import Settings
from bench.process import serve, timed


def main() -> None:
    """Answer texts as `/predict` does, without HTTP and without the cache."""
    settings = Settings(cache_size=0)
    classifier = load_classifier(settings)
    limits = Limits(settings.max_text_characters, settings.max_text_tokens)

    def scores(texts: Sequence[str]) -> list[float]:
        [*predictions] = classifier.predict([classifier.parse(text, limits) for text in texts])
        return [one.scores["Positive"] - one.scores["Negative"] for one in predictions]

    serve(timed(scores))


if __name__ == "__main__":
    main()
