"""Explanations: how well they find the words that decide, and the seconds that they take.

Deletion and insertion curves (Petsiuk et al. 2018, arXiv:1806.07421), on the served engine: a
text's words are left out, or put in, from the one that speaks most for the predicted label to the
one that speaks most against it. The area under the label's probability is small for a good order
when words are left out, and large when they are put in. Beside the explanations' order stand a
random one and that of integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365) of the
torch reference, from padding as the baseline.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from tqdm import tqdm
from transformers import AutoModelForSequenceClassification

from app.deadline import Deadline
from app.explanation.explain import Explanation, explain
from app.explanation.words import Piece, words
from app.scoring.configuration import load_classifier
from app.sentiment import polarity
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.engines import reference
from app.settings import Settings
from bench.service import ROOT
from training import data

REVIEWS = ROOT / "training/reviews.csv"
COUNT = 20
"""Texts of a file, the first in a random order that one window holds and that have words enough."""
MIN_WORDS = 8
STEPS = 10
"""Of a curve, each a tenth of the words."""
GRADIENT_STEPS = 16
LENGTHS = (30, 219)
"""Tokens: a sentence or two, and the median IMDb review."""
ROUNDS = 3
SIGNS: tuple[tuple[str, dict[str, int]], ...] = (
    ("Not bad at all.", {"Not": 1}),
    ("It is not good.", {"not": -1, "good.": 1}),
    ("A waste of a great cast.", {"waste": -1, "great": 1}),
    ("I loved it.", {"loved": 1}),
    ("I hated it.", {"hated": -1}),
    ("A brilliant film with an awful ending.", {"brilliant": 1, "awful": -1}),
    ("The acting is superb but the plot is dull.", {"superb": 1, "dull.": -1}),
    ("I would never recommend this to anyone.", {"never": -1, "recommend": 1}),
    ("Boring from start to finish.", {"Boring": -1}),
    ("You cannot fail to enjoy it.", {"enjoy": 1}),
    ("A masterpiece, without a doubt.", {"masterpiece,": 1}),
    ("The worst hour of my life.", {"worst": -1}),
    ("It fails to be funny.", {"fails": -1, "funny.": 1}),
    ("The battery died after two days.", {"died": -1}),
    ("Fast delivery and excellent quality.", {"Fast": 1, "excellent": 1}),
    ("Overpriced and badly made.", {"Overpriced": -1, "badly": -1}),
    ("Nothing about it is original.", {"Nothing": -1, "original.": 1}),
    ("Hardly a flop.", {"Hardly": 1, "flop.": -1}),
    ("Charming, clever and never dull.", {"Charming,": 1, "clever": 1, "dull.": -1}),
    ("Too long, but worth it.", {"long,": -1, "worth": 1}),
)
"""Sentences whose key words pull where everyone would say: 1 towards Positive, -1 away from it."""

Attribute = Callable[[str, Sequence[Piece]], np.ndarray]
"""From a text and its words to what each adds towards Positive, (words,)."""


@dataclass(frozen=True)
class Measured:
    """The served engine, and the ways to attribute what it says to words."""

    served: SentimentClassifier
    ways: dict[str, Attribute]


def load() -> Measured:
    """Load the served engine and the torch reference."""
    served = load_classifier(Settings(engine="native", cache_size=0))
    rng = np.random.default_rng(0)
    ways: dict[str, Attribute] = {
        "explanations": lambda text, pieces: _explained(served, text, pieces),
        "integrated gradients": _gradients(served),
        "random": lambda text, pieces: rng.normal(size=len(pieces)),
    }
    return Measured(served, ways)


def curves(loaded: Measured, reviews: Path, count: int = COUNT) -> dict[str, Any]:
    """Return the mean areas under the curves of each way, with a 95 % bootstrap interval."""
    areas: dict[str, dict[str, list[float]]] = {
        kind: {way: [] for way in loaded.ways} for kind in ("deletion", "insertion")
    }
    texts = _texts(loaded.served, reviews, count)
    for text in tqdm(texts, desc="explanations"):
        pieces = words(text)
        tokens = loaded.served.tokenise([piece.text for piece in pieces])
        sign = 1 if _log_odds(loaded.served, [list(chain.from_iterable(tokens))])[0] > 0 else -1
        for way, attribute in loaded.ways.items():
            order = np.argsort(-sign * attribute(text, pieces), kind="stable")
            for kind, area in _areas(loaded.served, tokens, order, sign).items():
                areas[kind][way].append(area)
    means = {
        kind: {way: _with_interval(values) for way, values in by_way.items()}
        for kind, by_way in areas.items()
    }
    return {"texts": len(texts), **means}


def signs(loaded: Measured) -> dict[str, Any]:
    """Return how many of the key words each way gives the sign that they should have."""
    correct = dict.fromkeys((way for way in loaded.ways if way != "random"), 0)
    for text, expected in SIGNS:
        pieces = words(text)
        for way in correct:
            attributed = dict(
                zip((p.text for p in pieces), loaded.ways[way](text, pieces), strict=True)
            )
            correct[way] += sum(attributed[word] * sign > 0 for word, sign in expected.items())
    return {
        "sentences": len(SIGNS),
        "words": sum(len(e) for _, e in SIGNS),
        "right": {way: int(right) for way, right in correct.items()},
    }


def seconds(loaded: Measured) -> dict[str, dict[str, float]]:
    """Return the median seconds of an explanation by the default budget, at each length.

    Of the clock, and of all processors together: a machine that is busy stretches only the former.
    """
    medians = {}
    for tokens in LENGTHS:
        text, clock, cpu = _text_of(loaded.served, tokens), [], []
        for _ in range(ROUNDS):
            start, busy = time.perf_counter(), time.process_time()
            _explanation(loaded.served, text)
            clock.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
        medians[str(tokens)] = {"clock": statistics.median(clock), "cpu": statistics.median(cpu)}
    return medians


def _texts(served: SentimentClassifier, reviews: Path, count: int) -> list[str]:
    texts = data.read(reviews).texts
    chosen: list[str] = []
    for i in np.random.default_rng(0).permutation(len(texts)):
        fits = len(served.bundle.spans(len(served.tokenise([texts[i]])[0]))) == 1
        if fits and len(words(texts[i])) >= MIN_WORDS:
            chosen.append(texts[i])
        if len(chosen) == count:
            break
    return chosen


def _text_of(served: SentimentClassifier, tokens: int) -> str:
    """Return so many tokens of reviews, or one or two more, the special ones included."""
    endless = cycle(" ".join(data.read(REVIEWS).texts).split())
    text = next(endless)
    while len(served.tokenise([text])[0]) + 2 < tokens:
        text += f" {next(endless)}"
    return text


def _log_odds(served: SentimentClassifier, tokens: Sequence[Sequence[int]]) -> np.ndarray:
    return np.array(list(map(polarity.log_odds, served.score_tokens(tokens).logits)))


def _areas(
    served: SentimentClassifier, tokens: list[list[int]], order: np.ndarray, sign: int
) -> dict[str, float]:
    """Return the areas under the predicted label's probability as words go, and as they come."""
    first = [order[: round(len(order) * i / STEPS)] for i in range(STEPS + 1)]
    subsets = {
        "deletion": [np.setdiff1d(order, chosen) for chosen in first],
        "insertion": [np.sort(chosen) for chosen in first],
    }
    areas = {}
    for kind, variants in subsets.items():
        rows = [[i for position in variant for i in tokens[position]] for variant in variants]
        probabilities = 1 / (1 + np.exp(-sign * _log_odds(served, rows)))
        areas[kind] = float(np.trapezoid(probabilities, dx=1 / STEPS))
    return areas


def _explanation(served: SentimentClassifier, text: str) -> Explanation:
    """Return the explanation by the default number of evaluations, however long it takes."""
    evaluations = Settings.model_fields["explain_evaluations"].default
    return explain(served, text, evaluations, Deadline(math.inf))


def _explained(served: SentimentClassifier, text: str, pieces: Sequence[Piece]) -> np.ndarray:
    """Return the weights; those of a phrase shared out evenly among its words."""
    attributed = np.zeros(len(pieces))
    for weight in _explanation(served, text).words:
        inside = [i for i, p in enumerate(pieces) if weight.start <= p.start < weight.end]
        attributed[inside] = weight.weight / len(inside)
    return attributed


def _gradients(served: SentimentClassifier) -> Attribute:
    model = AutoModelForSequenceClassification.from_pretrained(
        reference.checkpoint(served.bundle), local_files_only=True, dtype=torch.float32
    ).eval()

    def log_odds(ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = model(input_ids=ids).logits
        if logits.shape[1] == 2:
            return logits[:, 1] - logits[:, 0]
        # As `app.sentiment.polarity.log_odds`.
        negative, half, positive = (logits - logits.new_tensor([0, math.log(2), 0])).T
        of_halves = torch.logaddexp(positive, half) - torch.logaddexp(negative, half)
        limit = 2 * polarity.MAX_PROBABILITY - 1
        balance = limit * torch.tanh(polarity.POWER / 2 * of_halves)
        return 2 * torch.atanh(balance)

    gradients = LayerIntegratedGradients(log_odds, model.distilbert.embeddings.word_embeddings)
    start, end = served._engine.start_token, served._engine.end_token
    padding = model.config.pad_token_id

    def attribute(text: str, pieces: Sequence[Piece]) -> np.ndarray:
        tokens = served.tokenise([piece.text for piece in pieces])
        ids = torch.tensor([[start, *chain.from_iterable(tokens), end]])
        baseline = torch.full_like(ids, padding)
        baseline[0, 0], baseline[0, -1] = start, end
        attributions = gradients.attribute(
            ids, baseline, n_steps=GRADIENT_STEPS, internal_batch_size=8
        )
        of_tokens = attributions.sum(dim=-1)[0, 1:-1].detach().numpy()
        ends = np.cumsum([0, *map(len, tokens)])
        return np.array([of_tokens[a:b].sum() for a, b in pairwise(ends)])

    return attribute


def _with_interval(values: Sequence[float]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    means = rng.choice(values, (1000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": statistics.mean(values), "interval": [float(low), float(high)]}
