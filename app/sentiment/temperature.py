"""The temperature that logits are divided by (Guo et al. 2017, arXiv:1706.04599), by length."""

import math
from dataclasses import dataclass

SHORT_TOKENS = 32
LONG_TOKENS = 256


@dataclass(frozen=True)
class Temperature:
    """One temperature for short texts, one for long ones, and those between for texts between.

    Raises:
        ValueError: one of the two is not a positive number.
    """

    short: float
    """Of texts of up to `SHORT_TOKENS` tokens."""
    long: float
    """Of texts of `LONG_TOKENS` tokens or more."""

    def __post_init__(self) -> None:
        for value in (self.short, self.long):
            if not 0 < value < math.inf:
                raise ValueError(f"a temperature must be a positive number, not {value}")

    def at(self, tokens: int) -> float:
        """Return the temperature of a text of so many tokens, linear in their logarithm."""
        within = min(max(tokens, SHORT_TOKENS), LONG_TOKENS)
        share = math.log(within / SHORT_TOKENS) / math.log(LONG_TOKENS / SHORT_TOKENS)
        return self.short + share * (self.long - self.short)


def parse(value: object) -> Temperature:
    """Return the temperature that a card states: one number, or ``{"short": …, "long": …}``.

    Raises:
        TypeError: it is neither.
        ValueError: a number is not positive.
    """
    match value:
        case int() | float():
            return Temperature(value, value)
        case {"short": int() | float() as short, "long": int() | float() as long}:
            return Temperature(short, long)
        case _:
            raise TypeError(f"a temperature is a number, or has a short and a long, not {value!r}")
