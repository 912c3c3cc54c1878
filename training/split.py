"""What a run learns and what it holds out, from the sources that a command names."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from training import data
from training.data import Examples
from training.feedback import Corrections
from training.recipe import Recipe
from training.tables import Columns


@dataclass(frozen=True)
class Sources:
    """Labelled texts, as `training.data.source` reads them."""

    data: Sequence[str]
    """To learn, by a teacher's scores of their pieces if there are any."""
    columns: Columns = field(default_factory=Columns)
    """Of the tables of the data and the tests."""
    tests: Sequence[Path] = ()
    """Never to learn."""
    excluded: Sequence[Path] = ()
    """More such texts, or in ``.txt`` their keys."""
    also: Sequence[str] = ()
    """To learn whole."""
    graded: Sequence[str] = ()
    """To learn whole, by their grades."""
    augmented: Sequence[str] = ()
    """Of these two, what to make new texts of, with how many of each in place of a weight."""

    def augmented_counts(self) -> list[tuple[Path, int]]:
        """Return the files to make new texts of, and how many to make of each text.

        Raises:
            ValueError: a file is not learnt whole, or a count is not a whole number above 0.
        """
        whole = {data.source(argument)[0] for argument in (*self.also, *self.graded)}
        counts = []
        for argument in self.augmented:
            path, count = data.source(argument)
            if path not in whole:
                raise ValueError(f"{path}: --augment takes files of --also and --graded only")
            if count != int(count):
                raise ValueError(
                    f"{argument}: how many texts to make of each must be a whole number above 0, "
                    f"as in {path}=2"
                )
            counts.append((path, int(count)))
        return counts

    @cached_property
    def excluded_texts(self) -> list[str]:
        """Return the excluded texts, without those of which only the keys are known."""
        tables = [path for path in self.excluded if path.suffix != ".txt"]
        return [text for path in tables for text in data.read(path).texts]

    def excluded_keys(self) -> frozenset[str]:
        """Return the `training.data.key` of each excluded text."""
        listed = (path.read_text().split() for path in self.excluded if path.suffix == ".txt")
        return frozenset(chain(map(data.key, self.excluded_texts), *listed))


@dataclass(frozen=True)
class Split:
    """What a run learns, and what it keeps out to choose, calibrate and verify by."""

    training: Examples
    held_out: Examples
    """Of the first of the data."""
    also: Examples
    """To learn whole."""
    also_held_out: Examples
    """Of what is to learn whole, the texts that are certain of their label."""
    tested: list[str]
    """Texts that test, are excluded or are held out: no new text may nearly repeat one."""


def read_split(sources: Sources, recipe: Recipe, corrections: Corrections | None = None) -> Split:
    """Read the sources, without what the recipe holds out and what nearly repeats a test.

    ``corrections``: to learn whole too, in place of what the data say of their texts.
    """
    columns = sources.columns
    tested = [text for path in sources.tests for text in data.read(path, columns=columns).texts]
    reviews, *others = [data.read(*data.source(argument), columns) for argument in sources.data]
    _check_labels(sources.data[0], reviews)
    whole = [data.read(*data.source(argument)) for argument in sources.also]
    whole += [data.read_graded(*data.source(argument)) for argument in sources.graded]
    corrected = {*corrections.texts} if corrections else set()
    if corrections:
        tested += corrections.held_out.texts
        whole.insert(0, corrections.learnt)
    reviews = data.without(reviews, [*tested, *corrected])
    held_out_count = data.held_out_count(len(reviews), recipe.held_out)
    training, held_out = data.hold_out(reviews, held_out_count, recipe.seed)
    known = [*tested, *held_out.texts]
    learnt_whole = data.without(data.join(whole or [training.take([])]), known)
    also_held_out = learnt_whole.take([])
    if recipe.also_held_out:
        certain = learnt_whole.targets.max(axis=1) == 1
        certain &= [text not in corrected for text in learnt_whole.texts]
        _, also_held_out = data.hold_out(
            learnt_whole.take(np.flatnonzero(certain)), recipe.also_held_out, recipe.seed
        )
    training = data.without(data.join([training, *others]), [*known, *corrected])
    count = len(training)
    # What else is held out is dropped by weight alone: a teacher's scores belong to all pieces.
    both = data.join([training, learnt_whole])
    known += also_held_out.texts
    both = _unseen(both, known, sources.excluded_keys())
    learnt_whole = both.take(range(count, len(both)))
    if corrections:
        weighted = zip(learnt_whole.texts, learnt_whole.weights, strict=True)
        taught = sum(weight > 0 and text in corrected for text, weight in weighted)
        print(f"{taught} of {len(corrections.learnt)} corrected texts are among them")
    known += sources.excluded_texts
    return Split(both.take(range(count)), held_out, learnt_whole, also_held_out, known)


def _check_labels(source: str, examples: Examples) -> None:
    """Print how many texts have each label.

    Raises:
        ValueError: all have the same, so that nothing could be chosen or calibrated by them.
    """
    counts = np.bincount(examples.labels, minlength=len(data.LABELS))
    named = [f"{count} {label}" for label, count in zip(data.LABELS, counts, strict=True) if count]
    print(f"{source}: {len(examples)} texts: {', '.join(named)}")
    if len(named) == 1:
        raise ValueError(f"{source}: texts of one label only; at least two labels are needed")


def only_half(whole: Split, half: int) -> Split:
    """Return the split in which only texts of one half have weight, and none that nearly repeats
    one of the other half.
    """
    both = data.join([whole.training, whole.also])
    halves = np.array(list(map(data.half, both.texts)))
    others = [text for text, of_text in zip(both.texts, halves, strict=True) if of_text != half]
    both = replace(both, weights=np.where(halves == half, both.weights, 0))
    both = data.unseen(both, others)
    print(f"half {half}: {(both.weights > 0).sum()} texts to train on")
    count = len(whole.training)
    return replace(whole, training=both.take(range(count)), also=both.take(range(count, len(both))))


def _unseen(training: Examples, others: list[str], excluded: frozenset[str]) -> Examples:
    """Return the examples, without weight where they are nearly one of the others or excluded."""
    training = data.unseen(training, others, excluded)
    trained_on = int((training.weights > 0).sum())
    print(
        f"{trained_on} texts to train on; {len(training) - trained_on} left out as near duplicates "
        "of held-out or test texts, or because their keys are excluded"
    )
    return training
