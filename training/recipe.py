"""A training recipe: every number that shapes the weights, read from one TOML file."""

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass as validated

from app.sentiment.token_pruning import TokenPruning

Share = Annotated[float, Field(ge=0, le=1)]

_STRICT = ConfigDict(extra="forbid", frozen=True)


@validated(config=_STRICT)
class Phase:
    """A stretch of training: which layers move, for how long, and how fast."""

    epochs: PositiveInt
    learning_rate: PositiveFloat
    layers: Annotated[int, Field(ge=-1)]
    """How many transformer layers train, counted from the top; -1: all, with the embeddings."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Each layer's learning rate is this times that of the layer above it."""


@validated(config=_STRICT)
class Recipe:
    """See ``configs/*.toml`` for what each shipped recipe is for."""

    name: str
    phases: Annotated[list[Phase], Field(min_length=1)]
    average: bool = False
    """Whether the weights are the mean of what each phase ended with, not what the last did
    (Izmailov et al. 2018, arXiv:1803.05407); for phases that train the same layers."""
    base: Literal["minilm", "mpnet"] = "minilm"
    """The pretrained encoder: minilm, the small one that ships, or mpnet, which only teaches."""
    seed: int = 0
    batch_size: PositiveInt = 32
    batch_tokens: NonNegativeInt = 0
    """Tokens in a batch at most, padding included, so that a step takes about the same time and
    memory whatever the texts' length; 0: no limit."""
    length: Annotated[int, Field(ge=4, le=512)] = 256
    """Tokens a text may have in training; a longer one keeps its head and its tail."""
    held_out: PositiveInt | Annotated[float, Field(gt=0, lt=1)] = 1000
    """Reviews kept out of training, for choosing, calibrating and verifying: their number, or the
    share that they are (`training.data.held_out_count`)."""
    also_held_out: NonNegativeInt = 0
    """Texts kept out, likewise, of what is learnt whole beside the reviews."""
    warmup: Share = 0.06
    """Share of a phase's steps in which the learning rate rises; then it falls to 0."""
    weight_decay: NonNegativeFloat = 0.01
    label_smoothing: Share = 0.0
    """Share of a label that goes to all labels alike; a teacher's scores are soft as they are."""
    dropout: Share = 0.1
    attention_dropout: Share = 0.1
    gradient_clip: PositiveFloat = 1.0
    softness: PositiveFloat = 2.0
    """With a teacher: what its log-odds are divided by, to show the student what it doubts."""
    three_way_softness: PositiveFloat | None = None
    """With teachers of three labels: what their logits are divided by; None: ``softness``."""
    teacher_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """With teachers of three labels: the label smoothing of their training, which is undone."""
    label_share: Share = 0.5
    """With a teacher: how much of a whole text's target is its label, the rest the teacher's."""
    side_weight: NonNegativeFloat = 0.0
    """With Neutral: the weight of a second loss, of Positive against Negative alone."""
    lessons: NonNegativeInt = 0
    """Attempts at sentences that teach abilities (`training.behaviour.lessons`)."""
    lesson_weight: PositiveFloat = 1.0
    """How often an epoch sees each of these sentences."""
    noisy: Share = 0.0
    """The share of the short texts that are learnt once more with slips of the keyboard, links,
    handles or in another case, and with the same targets."""
    token_keep: TokenPruning | None = None
    """How many tokens of a window each layer keeps, in training and in the weights' configuration;
    None: as many as in the checkpoint that the model goes on from, otherwise all."""
    imitation: bool = False
    """Whether a network with token pruning learns, instead of the targets, what the checkpoint that
    it goes on from computes without pruning (`training.imitation`)."""
    pruned_share: Share = 1.0
    """With token pruning: the share of the batches that prune. With less than 1, the weights learn
    to compute both with pruning and without."""


FILE = "recipe.json"
"""The file in a run's folder, and in its checkpoint, that says how the weights were trained."""


def of_checkpoint(folder: Path) -> Recipe:
    """Read the recipe that a checkpoint was trained by."""
    settings: dict[str, Any] = json.loads((folder / FILE).read_text())
    return Recipe(**{name: settings[name] for name in settings.keys() - {"data_sha256", "half"}})


def half_of_checkpoint(folder: Path) -> int | None:
    """Return the half of the texts that a checkpoint was trained on, or None if on all."""
    half: int | None = json.loads((folder / FILE).read_text()).get("half")
    return half


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ValueError: a setting is unknown, missing or of the wrong type.
    """
    settings: dict[str, Any] = tomllib.loads(path.read_text())
    return Recipe(**{"name": path.stem, **settings})


def dump(recipe: Recipe) -> str:
    """Return the recipe as ``load`` reads it."""
    settings = asdict(recipe)
    return tomli_w.dumps({name: value for name, value in settings.items() if value is not None})
