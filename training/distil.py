"""What a student learns from a teacher: pieces of the texts, each with the teacher's score.

A review has one label, but its passages say different things. The teacher scores each piece by
itself, so that the student sees texts of every length, the windows that it will be served in among
them, under the soft targets of a larger model (Hinton et al. 2015, arXiv:1503.02531).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import AutoModelForSequenceClassification

from training import data, outcomes
from training.data import LABELS, NEGATIVE, NEUTRAL, POSITIVE, Examples
from training.recipe import Recipe
from training.train import bf16_is_faster, predict

WINDOW = 190
"""Words in a piece at most: about 256 tokens, a window as served."""
PASSAGE = (3, 48)
"""Words in a passage, the shortest and the longest asked for; it ends with a sentence."""
PASSAGES = 0.3
"""Share of a text's passages that are taken."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SAVED_ROWS = 4096
_LOG_ODDS = "log_odds"
_LOG_PROBABILITIES = "log_probabilities"

SHORT = 60
"""Words in a passage at most that is scored three ways too: longer ones hold an opinion."""
SENTENCE = range(6, 41)
"""Words in a sentence that is scored by itself: shorter ones are titles and exclamations."""
MIN_PROBABILITY = 1e-3
"""What a teacher gives a label at least, once its label smoothing is undone."""

Scored = Literal["data", "also", "all", "passages", "sentences", "augmented"]
"""What a file has scores of: pieces of the data, of the texts learnt whole beside them, or both;
`passages` or `sentences` of the data; or new texts made of those learnt whole
(`training.augmentation`)."""


@dataclass(frozen=True)
class Pieces:
    """Texts for a teacher to score."""

    texts: list[str]
    sources: np.ndarray
    """The example that each was cut from, (pieces,)."""
    whole: np.ndarray
    """Whether it is that example's text as it stands, so that the label holds, (pieces,)."""

    def digest(self) -> str:
        """Return a checksum of the texts."""
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

    def take(self, positions: np.ndarray) -> "Pieces":
        """Return the pieces at these positions."""
        texts = [self.texts[i] for i in positions]
        return Pieces(texts, self.sources[positions], self.whole[positions])


def passages(pieces: Pieces) -> np.ndarray:
    """Return the positions of short pieces that are only parts of a text.

    They may say nothing of what their text says: much of a review tells a plot.
    """
    short = np.array([len(text.split()) <= SHORT for text in pieces.texts], dtype=bool)
    return np.flatnonzero(short & ~pieces.whole)


def sentences(examples: Examples, pieces: Pieces) -> Pieces:
    """Return the sentences of the examples that have weight, without those that are pieces too."""
    known = set(pieces.texts)
    source_of: dict[str, int] = {}
    for i in np.flatnonzero(examples.weights > 0).tolist():
        for sentence in _SENTENCE_END.split(examples.texts[i]):
            words = sentence.split()
            text = " ".join(words)
            if len(words) in SENTENCE and text not in known:
                source_of.setdefault(text, i)
    sources = np.array(list(source_of.values()), dtype=int)
    return Pieces(list(source_of), sources, np.zeros(len(sources), dtype=bool))


def cut(texts: Sequence[str], seed: int) -> Pieces:
    """Cut each text into windows that cover it, and add some of its passages; none comes twice."""
    rng = np.random.default_rng(seed)
    source_of: dict[str, int] = {}
    for i, text in enumerate(texts):
        for piece in [*_windows(text), *_passages(text, rng)]:
            source_of.setdefault(piece, i)
    pieces = list(source_of)
    sources = np.array(list(source_of.values()))
    whole = [piece == texts[i] for piece, i in source_of.items()]
    return Pieces(pieces, sources, np.array(whole))


def _windows(text: str) -> list[str]:
    """Return consecutive parts of equal length, at most ``WINDOW`` words."""
    words = text.split()
    count = -(-len(words) // WINDOW)
    bounds = np.linspace(0, len(words), count + 1).astype(int)
    return [" ".join(words[start:end]) for start, end in pairwise(bounds)]


def _passages(text: str, rng: np.random.Generator) -> list[str]:
    """Return some of the runs of whole sentences that the text falls into, long and short ones."""
    runs = []
    passage: list[str] = []
    low, high = np.log(PASSAGE)
    wanted = np.exp(rng.uniform(low, high))
    for sentence in _SENTENCE_END.split(text):
        passage += sentence.split()
        if len(passage) >= wanted:
            if len(passage) <= WINDOW and rng.random() < PASSAGES:
                runs.append(" ".join(passage))
            passage = []
            wanted = np.exp(rng.uniform(low, high))
    return runs


@dataclass(frozen=True)
class Teacher:
    """A checkpoint that scores pieces."""

    checkpoint: Path
    length: int
    """Tokens of a piece that it reads; of a longer one, the head and the tail."""
    half: int | None = None
    """The half of the texts that it was trained on, so that it scores the pieces of the other."""

    def digest(self) -> str:
        """Return a checksum of the weights."""
        with (self.checkpoint / "model.safetensors").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def label(
    teachers: Sequence[Teacher],
    pieces: Pieces,
    path: Path,
    *,
    halves: np.ndarray | None = None,
    neutral: bool = False,
    scored: Scored = "data",
) -> None:
    """Write the scores of one teacher, or of two of which each was trained on half of the texts.

    They are written as fp16 in ``.npz``: the log-odds of Positive against Negative, (pieces,), or
    with ``neutral`` the log-probabilities of the three labels, (pieces, 3). Killed, it goes on from
    what was scored. The texts are not in the file, only their checksum and the teachers'.

    ``halves``: the half that each piece's text belongs to, (pieces,), for two teachers.
    ``scored``: what the pieces were cut from, to be written into the file.

    Raises:
        ValueError: not each piece has one teacher that was not trained on its text, or a teacher
            lacks Neutral.
    """
    count = len(pieces.texts)
    parts = [
        np.arange(count) if teacher.half is None else np.flatnonzero(halves != teacher.half)
        for teacher in teachers
    ]
    if not np.array_equal(np.sort(np.concatenate(parts)), np.arange(count)):
        raise ValueError(
            "the teachers must be one that was trained on all texts, or two: one trained with "
            "--half 1 and one with --half 2"
        )
    name = _LOG_PROBABILITIES if neutral else _LOG_ODDS
    constants = {
        "sha256": pieces.digest(),
        "teacher": " ".join(teacher.digest() for teacher in teachers),
        "scored": scored,
    }
    unfinished = path.with_name(f"{path.name}.unfinished.npz")
    scores = np.full((count, len(LABELS)) if neutral else count, np.nan, dtype=np.float16)
    if unfinished.exists():
        with np.load(unfinished) as file:
            if name in file and all(str(file[key]) == value for key, value in constants.items()):
                scores = file[name]
    with tqdm(total=count, unit="piece", desc="labelling") as bar:
        for teacher, part in zip(teachers, parts, strict=True):
            missing = part[np.isnan((scores[:, 0] if neutral else scores)[part])]
            bar.update(len(part) - len(missing))
            for chosen, logits in _logits(teacher, pieces, missing):
                if not neutral:
                    scores[chosen] = logits[:, -1] - logits[:, 0]
                elif logits.shape[1] == len(LABELS):
                    scores[chosen] = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
                else:
                    raise ValueError(f"{teacher.checkpoint} has no Neutral: see --neutral")
                _save(unfinished, {name: scores, **constants})
                bar.update(len(chosen))
    _save(path, {name: scores, **constants})
    unfinished.unlink(missing_ok=True)


def _logits(
    teacher: Teacher, pieces: Pieces, chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions of pieces and their logits, (positions, labels), some at a time."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = AutoModelForSequenceClassification.from_pretrained(teacher.checkpoint).to(device)
    tokenizer = Tokenizer.from_file(str(teacher.checkpoint / "tokenizer.json"))
    rows = data.encode(tokenizer, [pieces.texts[i] for i in chosen], teacher.length)
    bf16 = bf16_is_faster(device)
    for start in range(0, len(rows), _SAVED_ROWS):
        part = slice(start, start + _SAVED_ROWS)
        yield chosen[part], predict(model, rows[part], bf16)


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Replace the file in one step, so that a kill leaves the old one or the new."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        np.savez_compressed(file, **arrays)
    new.replace(path)


def scored_in(path: Path) -> Scored:
    """Return what the scores in a file are of."""
    with np.load(path) as file:
        [scored] = [each for each in get_args(Scored) if each == str(file.get("scored", "data"))]
    of: Scored = scored
    return of


def learnable(examples: Examples, pieces: Pieces, path: Path, recipe: Recipe) -> Examples:
    """Return the pieces of the examples with what a student shall learn of each.

    That is the teacher's softened probability; where the piece is a whole text, the recipe's
    ``label_share`` of it is what the text was to teach without a teacher. Of log-odds, how near the
    teacher's own probability is to a half says how much of the target is Neutral's
    (`training.data`).

    Raises:
        ValueError: the scores in ``path`` were made for other pieces.
    """
    scores, neutral = _read(path, pieces)
    own = examples.targets[pieces.sources]
    share = np.where(pieces.whole, recipe.label_share, 0.0)[:, None]
    if neutral:
        softened = _softened(scores, recipe)
    else:
        softened = data.three_way(_sigmoid(scores / recipe.softness), doubt=_sigmoid(scores))
    targets = share * own + (1 - share) * softened
    sides = targets[:, POSITIVE] >= targets[:, NEGATIVE]
    return Examples(
        pieces.texts,
        targets.argmax(axis=1) if neutral else np.where(sides, POSITIVE, NEGATIVE),
        examples.weights[pieces.sources],
        targets,
    )


def with_neutral(
    learnt: Examples, positions: np.ndarray, pieces: Pieces, path: Path, recipe: Recipe
) -> Examples:
    """Return what the student learns, three ways where teachers of three labels scored a passage.

    Neutral's share of a passage's target is what they say; its two sides share the rest by the mean
    of their log-odds and the target's own. ``positions``: of ``pieces`` among the examples.

    Raises:
        ValueError: the scores in ``path`` were made for other pieces, or are not of three labels.
    """
    scores, neutral = _read(path, pieces)
    if not neutral:
        raise ValueError(f"{path}: scores of passages must be of three labels: see --neutral")
    softened = _softened(scores, recipe)
    own = learnt.targets[positions]
    log_odds = np.log(own[:, POSITIVE] / own[:, NEGATIVE])
    log_odds += np.log(softened[:, POSITIVE] / softened[:, NEGATIVE])
    positive = _sigmoid(log_odds / 2)
    doubt = softened[:, NEUTRAL]
    targets = learnt.targets.copy()
    targets[positions] = np.stack(
        [(1 - positive) * (1 - doubt), doubt, positive * (1 - doubt)], axis=1
    )
    return replace(learnt, labels=targets.argmax(axis=1), targets=targets)


def _softened(scores: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return what teachers of three labels mean by their log-probabilities, (pieces, labels).

    Label smoothing makes a teacher least sure where it could be surest, so it is undone before the
    softening.
    """
    if smoothing := recipe.teacher_smoothing:
        meant = (np.exp(scores) - smoothing / len(LABELS)) / (1 - smoothing)
        scores = np.log(np.maximum(meant, MIN_PROBABILITY))
    return outcomes.probabilities(scores / (recipe.three_way_softness or recipe.softness))


def _read(path: Path, pieces: Pieces) -> tuple[np.ndarray, bool]:
    """Return the scores in a file, and whether they are of three labels.

    Raises:
        ValueError: they were made for other pieces.
    """
    with np.load(path) as file:
        neutral = _LOG_PROBABILITIES in file
        scores = file[_LOG_PROBABILITIES if neutral else _LOG_ODDS].astype(np.float64)
        sha256 = str(file["sha256"])
    if sha256 != pieces.digest():
        raise ValueError(
            f"{path} labels other texts: --data, --also, --graded, --augment, --test, --exclude, "
            "held_out and seed must be those that it was made with, without --half and --feedback"
        )
    return scores, neutral


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    probabilities: np.ndarray = 1 / (1 + np.exp(-log_odds))
    return probabilities
