"""What a run learns of its texts: labels and teachers' scores, augmentation, lessons, noise."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.sentiment.text import normalise
from training import augmentation, data, distil
from training.behaviour.changes import noisy
from training.behaviour.lessons import lessons
from training.data import Examples
from training.distil import Pieces, Scored
from training.recipe import Recipe
from training.split import Sources, Split

NOISY_WORDS = 60
"""Words at most in a text that is copied with noise: in a long one a slip changes nothing."""

_OVERLAPPING: Mapping[Scored, Sequence[Scored]] = {
    "all": ("all", "data", "also"),
    "data": ("data", "all"),
    "also": ("also", "all"),
}


def scored_texts(kind: Scored, split: Split) -> Examples:
    """Return the examples that the scored `pieces` of this kind come from."""
    if kind in ("data", "passages", "sentences"):
        return split.training
    if kind in ("also", "augmented"):
        return split.also
    return data.join([split.training, split.also])


def pieces(kind: Scored, split: Split, sources: Sources, seed: int) -> Pieces:
    """Return what a teacher scores of the split.

    Raises:
        ValueError: new texts are to be made, and there is nothing to make them of.
    """
    if kind == "augmented":
        return _augmented(split, sources, seed)
    texts = scored_texts(kind, split)
    cut = distil.cut(texts.texts, seed)
    if kind == "sentences":
        return distil.sentences(texts, cut)
    return cut.take(distil.passages(cut)) if kind == "passages" else cut


def soft_targets(
    split: Split, sources: Sources, scores: Sequence[Path], recipe: Recipe
) -> Examples:
    """Return what the split learns, by teachers' scores where one of the files has them.

    Raises:
        ValueError: two files have scores of the same texts, a file lacks another that it belongs
            to, or see `pieces` and `distil.learnable`.
    """
    files = _by_kind(scores)
    if sources.augmented and "augmented" not in files:
        raise ValueError("--augment needs the scores of the new texts among --labels")
    kinds: tuple[Scored, ...] = ("all",) if "all" in files else ("data", "also")
    parts = []
    for kind in kinds:
        learnt = scored_texts(kind, split)
        if kind in files:
            cut = pieces(kind, split, sources, recipe.seed)
            learnt = distil.learnable(learnt, cut, files[kind], recipe)
            print(f"{files[kind]}: {len(learnt)} scored pieces")
            if kind == "data" and "passages" in files:
                positions = distil.passages(cut)
                learnt = distil.with_neutral(
                    learnt, positions, cut.take(positions), files["passages"], recipe
                )
                print(f"{files['passages']}: {len(positions)} of them scored three ways")
        parts.append(learnt)
    for kind in ("sentences", "augmented"):
        if kind in files:
            made = pieces(kind, split, sources, recipe.seed)
            learnt = scored_texts(kind, split)
            if kind == "augmented":
                learnt = replace(learnt, weights=np.ones(len(learnt)))
            learnt = distil.learnable(learnt, made, files[kind], recipe)
            learnt = data.unseen(learnt, split.tested, sources.excluded_keys())
            parts.append(learnt)
            print(f"{files[kind]}: {(learnt.weights > 0).sum()} scored texts")
    return data.join(parts)


def _by_kind(scores: Sequence[Path]) -> dict[Scored, Path]:
    """Return the files by what they have scores of.

    Raises:
        ValueError: they do not go together.
    """
    files: dict[Scored, Path] = {}
    for path in scores:
        kind = distil.scored_in(path)
        for other in _OVERLAPPING.get(kind, (kind,)):
            if other in files:
                raise ValueError(f"{files[other]} and {path} have scores of the same texts")
        files[kind] = path
    if "passages" in files and "data" not in files:
        raise ValueError(f"{files['passages']}: needs a separate file of the scores of --data")
    return files


def _augmented(split: Split, sources: Sources, seed: int) -> Pieces:
    """Return new texts made of those learnt whole, as many of each as the sources say.

    None is made of a text that must not be trained on, and none has the key of one.
    """
    texts = split.also.texts
    position = {text: i for i, text in enumerate(texts) if split.also.weights[i] > 0}
    counts: dict[int, int] = {}
    for path, count in sources.augmented_counts():
        for text in data.read(path).texts:
            if text in position:
                counts.setdefault(position[text], count)
    if not counts:
        raise ValueError("--augment names no text of --also or --graded that may be trained on")
    chosen = [texts[i] for i in counts]
    made, beginnings = augmentation.augment(
        chosen,
        list(counts.values()),
        list(map(data.half, chosen)),
        augmentation.minilm_neighbours(),
        seed,
    )
    excluded = sources.excluded_keys()
    allowed = [i for i, text in enumerate(made) if data.key(text) not in excluded]
    positions = np.array(list(counts))[beginnings]
    new = Pieces(made, positions, np.zeros(len(made), dtype=bool))
    return new.take(np.array(allowed, dtype=int))


def noisy_copies(training: Examples, recipe: Recipe) -> Examples:
    """Return copies of some of the short texts, with slips, links and the like."""
    rng = random.Random(recipe.seed)
    short = [
        i
        for i, text in enumerate(training.texts)
        if training.weights[i] > 0 and len(text.split()) <= NOISY_WORDS
    ]
    chosen = training.take(rng.sample(short, round(recipe.noisy * len(short))))
    copies = replace(chosen, texts=[normalise(noisy(text, rng)) for text in chosen.texts])
    changed = zip(chosen.texts, copies.texts, strict=True)
    return copies.take([i for i, (text, copy) in enumerate(changed) if copy not in ("", text)])


def lesson_examples(recipe: Recipe) -> Examples:
    """Return the sentences that teach abilities."""
    texts, targets = zip(*lessons(recipe.lessons, recipe.seed), strict=True)
    probabilities = np.array(targets)
    weights = np.full(len(texts), recipe.lesson_weight)
    return Examples(
        list(map(normalise, texts)), probabilities.argmax(axis=1), weights, probabilities
    )
