"""Token pruning: how many tokens of a window each layer passes on to the next.

In the upper layers, most tokens of a long text no longer matter to the verdict. A layer that
prunes ranks its tokens by the attention that they receive, computes outputs for the first ones
only, and the layers above see no others (PoWER-BERT, arXiv:2001.08950). Evenly spaced tokens are a
large enough sample of those that pay attention. The counts depend on the window's length alone, so
a text's logits do not depend on its batch; they grow with it, so that no window keeps fewer tokens
than a shorter one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONFIG_KEY = "token_keep"
"""The key of a `TokenPruning` in ``config.json``: ``{"minimum": 64, "percent": [100, 50]}``."""
SAMPLED_QUERIES = 32
"""The tokens whose attention ranks all others: up to so many, [CLS] and every n-th after it."""


@dataclass(frozen=True)
class TokenPruning:
    """The number of tokens that each layer but the last outputs; the last outputs [CLS] alone.

    Raises:
        ValueError: a number is not an integer or out of range, or a percentage exceeds the one
            before it.
    """

    minimum: int
    """Windows up to so many tokens keep all of them."""
    percent: list[int]
    """What is kept of a window's tokens beyond the minimum, rounded up: one number for each layer
    but the last."""

    def __post_init__(self) -> None:
        if type(self.minimum) is not int or self.minimum < 1:
            raise ValueError("minimum must be a positive integer")
        if not isinstance(self.percent, list):
            raise ValueError("percent must be a list of integers")
        previous = 100
        for value in self.percent:
            if type(value) is not int or not 1 <= value <= 100:
                raise ValueError("percent must have integers from 1 to 100")
            if value > previous:
                raise ValueError("percent must not increase from a layer to the next")
            previous = value

    def counts(self, tokens: int) -> list[int]:
        """Return the number of tokens of a window that each layer but the last outputs."""
        least = min(tokens, self.minimum)
        beyond = tokens - least
        return [least + math.ceil(beyond * percent / 100) for percent in self.percent]


def sampled(tokens: int) -> list[int]:
    """Return the positions of the tokens whose attention ranks all tokens of a layer's input."""
    count = min(tokens, SAMPLED_QUERIES)
    return [i * tokens // count for i in range(count)]


def parse(config: Mapping[str, Any]) -> TokenPruning | None:
    """Read the token pruning of a ``config.json``; None if the network has none.

    Raises:
        ValueError: it is not that of a network with this number of layers.
    """
    settings = config.get(CONFIG_KEY)
    if settings is None:
        return None
    if not isinstance(settings, Mapping) or settings.keys() != {"minimum", "percent"}:
        raise ValueError(f"{CONFIG_KEY} must have minimum and percent and nothing else")
    try:
        pruning = TokenPruning(settings["minimum"], settings["percent"])
    except ValueError as error:
        raise ValueError(f"{CONFIG_KEY}: {error}") from None
    if len(pruning.percent) != config["n_layers"] - 1:
        raise ValueError(
            f"{CONFIG_KEY}: percent has {len(pruning.percent)} numbers, but the network has "
            f"{config['n_layers']} layers: one for each but the last is needed"
        )
    return pruning
