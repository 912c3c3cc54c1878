"""The classifier of the library: texts as they are in, predictions out."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Self

from app.deadline import Deadline
from app.explanation.explain import ExplainedAnalysis as Explanation
from app.explanation.explain import explain_analysis
from app.scoring.configuration import explanation_limits, load_classifier, text_limits
from app.scoring.options import check_neutral
from app.sentiment.analysis import Analysis
from app.sentiment.text import InvalidText, Limits, Text
from app.settings import Settings
from app.settings import load as load_settings


class Classifier:
    """A loaded model, about 80 MB of memory. Its methods may be called from several threads.

    Args:
        model: the folder of a model bundle; by default the one that is installed.
        threads: threads that compute; 0 starts one for each processor.
        cache_size: predictions that are cached for repeated texts.

    Raises:
        BundleError: the model bundle is missing or damaged.
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        *,
        threads: int = 0,
        cache_size: int = 0,
    ) -> None:
        bundle = {} if model is None else {"model_dir": Path(model)}
        self._load(Settings(threads=threads, cache_size=cache_size, **bundle))

    @classmethod
    def from_environment(cls) -> Self:
        """Load what the ``SENTIMENT_`` environment variables set, as the command does.

        Raises:
            BundleError: the model bundle is missing or damaged.
            SettingsError: a setting is invalid.
        """
        classifier = cls.__new__(cls)
        classifier._load(load_settings())
        return classifier

    def _load(self, settings: Settings) -> None:
        self._settings = settings
        self._classifier = load_classifier(settings)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the model: Negative, Positive, and possibly Neutral between them."""
        return self._classifier.bundle.labels

    @property
    def revision(self) -> str:
        """The revision of the model."""
        return self._classifier.bundle.revision

    def check(self, text: str) -> None:
        """Check that a text can be scored.

        Raises:
            InvalidText: it is blank, or has more than 100,000 characters or 50,000 tokens.
        """
        self._parse(text, "text", text_limits(self._settings))

    def predict(self, text: str, *, neutral: bool = False, sentences: bool = False) -> Analysis:
        """Return the sentiment of a text.

        Args:
            neutral: whether the answer may be Neutral; otherwise it is Negative or Positive.
            sentences: whether to analyse each sentence too, with its offsets in the text.

        Raises:
            InvalidText: it is blank, or has more than 100,000 characters or 50,000 tokens.
            InvalidOption: ``neutral``, and the model has no such label.
        """
        parsed = self._parse(text, "text", text_limits(self._settings))
        return self._analyse([parsed], [text], neutral, sentences)[0]

    def predict_all(
        self, texts: Iterable[str], *, neutral: bool = False, sentences: bool = False
    ) -> list[Analysis]:
        """Return the sentiment of each text, in their order; faster than one by one.

        The options are those of `predict`.

        Raises:
            InvalidText: a text cannot be scored; the message names its index.
            InvalidOption: ``neutral``, and the model has no such label.
        """
        originals = list(texts)
        limits = text_limits(self._settings)
        parsed = [self._parse(text, f"texts[{i}]", limits) for i, text in enumerate(originals)]
        return self._analyse(parsed, originals, neutral, sentences)

    def explain(
        self,
        text: str,
        *,
        neutral: bool = False,
        sentences: bool = False,
        evaluations: int = 400,
        seconds: float = 20,
    ) -> Explanation:
        """Return the sentiment of a text, and how much each word contributes to it.

        Args:
            neutral: as in `predict`. The contributions are to the log-odds of Positive either way.
            sentences: as in `predict`.
            evaluations: variants of the text that may be scored for it, at least 2. Too few for
                single words weigh phrases.
            seconds: the time after which the words that are not weighed yet are left in phrases.

        Raises:
            InvalidText: it is blank, or has more than 5,000 characters or 1,500 tokens.
            InvalidOption: ``neutral``, and the model has no such label.
        """
        self._parse(text, "text", explanation_limits(self._settings))
        self._check(neutral)
        return explain_analysis(
            self._classifier,
            text,
            evaluations,
            Deadline(seconds),
            neutral=neutral,
            sentences=sentences,
        )

    def _parse(self, text: str, name: str, limits: Limits) -> Text:
        try:
            return self._classifier.parse(text, limits)
        except InvalidText as error:
            raise InvalidText(f"{name} {error}") from None

    def _analyse(
        self, texts: Sequence[Text], originals: Sequence[str], neutral: bool, sentences: bool
    ) -> list[Analysis]:
        self._check(neutral)
        return self._classifier.analyse(
            texts, originals=originals if sentences else None, neutral=neutral
        )

    def _check(self, neutral: bool) -> None:
        if neutral:
            check_neutral(self._classifier.bundle)
