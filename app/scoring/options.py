"""What a request asks for beyond the two outcomes of its texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from app.sentiment.analysis import Analysis
from app.sentiment.bundle import Bundle
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text


class InvalidOption(ValueError):
    """An option of a request is invalid; the message says why and what is allowed.

    ``field``: the name of the option.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True)
class Options:
    """The options of a request. Without any, the answer is a `Prediction`, else an `Analysis`."""

    neutral: bool = False
    """Whether a text may be Neutral."""
    sentences: bool = False
    """Whether its sentences are analysed too."""

    def __bool__(self) -> bool:
        return self.neutral or self.sentences

    @classmethod
    def of(cls, event: Mapping[str, Any], bundle: Bundle, *, neutral: bool = False) -> Self:
        """Return the options of an event.

        ``neutral``: whether texts may be Neutral if the event does not say so.

        Raises:
            InvalidOption: an option is not a boolean, or the model does not know Neutral.
        """
        values: dict[str, bool] = {"neutral": neutral}
        for name in OPTIONS & event.keys():
            if not isinstance(event[name], bool):
                raise InvalidOption(name, f"{name} must be true or false")
            values[name] = event[name]
        options = cls(**values)
        options.check(bundle)
        return options

    def check(self, bundle: Bundle) -> None:
        """Check that the model can answer with these options.

        Raises:
            InvalidOption: it does not know Neutral.
        """
        if self.neutral:
            check_neutral(bundle)


NO_OPTIONS = Options()
OPTIONS = frozenset(field.name for field in fields(Options))


def answer(
    classifier: SentimentClassifier,
    texts: Sequence[Text],
    originals: Sequence[str],
    options: Options,
) -> Sequence[Prediction | Analysis]:
    """Return the prediction of each text or, with options, its analysis.

    ``originals``: the same texts as they were sent.

    Raises:
        Cancelled: see `app.sentiment.cancellation`.
    """
    if not options:
        return classifier.predict(texts)
    return classifier.analyse(
        texts, originals=originals if options.sentences else None, neutral=options.neutral
    )


def check_neutral(bundle: Bundle) -> None:
    """Check that the model knows Neutral.

    Raises:
        InvalidOption: it does not.
    """
    if "Neutral" not in bundle.labels:
        labels = " and ".join(bundle.labels)
        raise InvalidOption("neutral", f"the model has the labels {labels} alone")
