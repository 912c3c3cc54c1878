"""Sentences: what they cost beside the plain score, and how well mixed texts are told from others.

The texts are put together from the sentences that test abilities (`training.behaviour.templates`),
which no weights are trained on. A mixed text has sentences of either side, a plain one of one side
or of none; both may have neutral sentences between them.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.scoring.configuration import load_classifier
from app.sentiment.analysis import CLEAR, Sentence, mixed
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.sentences import split
from app.sentiment.text import Text, normalise
from app.settings import load as load_settings
from bench import report
from training.behaviour.lexicon import Lexicon
from training.behaviour.templates import TESTS

SENTENCES = 20
"""Of the text whose cost is measured."""
ROUNDS = 30
MOST_TIMES = 3.0
"""What the text may cost with its sentences, in times of its plain score."""
TEXTS = 500
"""Mixed ones, and plain ones."""
LABELS: Mapping[str, str] = {"P": "Positive", "O": "Neutral", "N": "Negative"}
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def sentences_of(label: str, rng: random.Random, count: int) -> list[str]:
    """Return different sentences of templates with this label, each with a mark at its end."""
    lexicon = Lexicon(tests=True)
    templates = [
        template.text
        for of_ability in TESTS.values()
        for template in of_ability
        if template.label == label
    ]
    found: dict[str, None] = {}
    while len(found) < count:
        sentence = lexicon.fill(rng.choice(templates), rng).strip()
        sentence = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
        # Some templates are two sentences, or begin with a small letter after an ellipsis.
        if len(split(sentence)) == 1 and len(split(f"Well. {sentence} Well.")) == 3:
            found[sentence] = None
    return list(found)


def texts(rng: random.Random) -> tuple[list[str], list[str]]:
    """Return mixed and plain texts, of two to six sentences each."""
    by_label = {label: sentences_of(label, rng, TEXTS) for label in LABELS}

    def text(*labels: str) -> str:
        between = rng.choices("O", k=rng.randrange(3))
        drawn = [rng.choice(by_label[label]) for label in (*labels, *between)]
        rng.shuffle(drawn)
        return " ".join(drawn)

    mixed_texts = [text("P", "N", *rng.choices("PN", k=rng.randrange(3))) for _ in range(TEXTS)]
    plain_texts = []
    for _ in range(TEXTS):
        side = rng.choice("PON")
        plain_texts.append(text(side, side, *rng.choices(side, k=rng.randrange(3))))
    return mixed_texts, plain_texts


def measure() -> dict[str, Any]:
    """Return milliseconds with and without sentences, and the shares of texts that are mixed."""
    classifier = load_classifier(load_settings().model_copy(update={"cache_size": 0}))
    rng = random.Random(0)
    mixed_texts, plain_texts = texts(rng)
    sentences = [sentence for label in "PON" for sentence in sentences_of(label, rng, SENTENCES)]
    long = " ".join(rng.sample(sentences, SENTENCES))
    return {
        "revision": classifier.bundle.revision,
        "cost": _cost(classifier, long),
        "mixed": _shares(_analysed(classifier, mixed_texts)),
        "plain": _shares(_analysed(classifier, plain_texts)),
        "texts": TEXTS,
    }


def _cost(classifier: SentimentClassifier, sent: str) -> dict[str, float]:
    text = Text(normalise(sent))
    [analysis] = classifier.analyse([text], originals=[sent])
    plain, whole, ratios = [], [], []
    for _ in range(ROUNDS):
        plain.append(_milliseconds(lambda: classifier.predict([text])))
        whole.append(_milliseconds(lambda: classifier.analyse([text], originals=[sent])))
        ratios.append(whole[-1] / plain[-1])
    return {
        "tokens": analysis.tokens,
        "sentences": len(analysis.sentences or ()),
        "plain_ms": round(statistics.median(plain), 3),
        "with_sentences_ms": round(statistics.median(whole), 3),
        "times": round(statistics.median(ratios), 2),
    }


def _milliseconds(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return (time.perf_counter() - started) * 1000


def _analysed(classifier: SentimentClassifier, sent: Sequence[str]) -> list[list[Sentence]]:
    analyses = classifier.analyse([Text(normalise(each)) for each in sent], originals=sent)
    return [analysis.sentences or [] for analysis in analyses]


def _shares(texts: Sequence[Sequence[Sentence]]) -> dict[str, float]:
    """Return the share of texts that are mixed, by the score from which a sentence is clear."""
    return {
        str(clear): round(sum(mixed(sentences, clear) for sentences in texts) / len(texts), 4)
        for clear in THRESHOLDS
    }


def table() -> str:
    """Return what sentences cost, as a sentence."""
    result = report.read("sentences")
    cost = result["cost"]
    return (
        f"{report.of_machine(result)}\n\nA text of {cost['tokens']} tokens takes "
        f"{cost['plain_ms']:.2f} ms, and {cost['with_sentences_ms']:.2f} ms with its "
        f"{cost['sentences']} sentences: {cost['times']:.1f} times as much."
    )


def mixed_table() -> str:
    """Return the shares of texts that are mixed by threshold, as a table."""
    result = report.read("sentences")
    rows = [
        [
            f"**{clear}**" if float(clear) == CLEAR else clear,
            f"{share:.1%}",
            f"{result['plain'][clear]:.1%}",
        ]
        for clear, share in result["mixed"].items()
    ]
    header = [
        "a sentence is clear from a `score` of",
        "mixed texts recognised",
        "plain texts mistaken",
    ]
    return (
        f"{report.rows(header, rows)}\n\nOf {result['texts']} texts each, by the weights "
        f"`{result['revision']}`."
    )
