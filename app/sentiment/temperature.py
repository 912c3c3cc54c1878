"""The temperature that logits are divided by (Guo et al. 2017, arXiv:1706.04599), by length."""

import math
import sys
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
            if not 0 < value <= sys.float_info.max:
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
    ends = value if isinstance(value, dict) else {"short": value, "long": value}
    numbers = [each for each in ends.values() if type(each) in (int, float)]
    if ends.keys() != {"short", "long"} or len(numbers) != 2:
        raise TypeError(
            f"a temperature is a number, or has a short and a long one and nothing else, "
            f"not {value!r}"
        )
    return Temperature(**ends)
