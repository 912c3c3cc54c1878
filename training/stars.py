"""Grades, such as one to five stars, as the labels that a model learns."""

import re
from dataclasses import dataclass
from itertools import pairwise

_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})(?:-({_NUMBER}))?")
EXPECTED = (
    "expected a scale, such as 1-5 or 1-10, or the grades that are Negative, Neutral and Positive, "
    "such as 1-2,3,4-5, or Negative and Positive alone, such as 1-2,4-5"
)


@dataclass(frozen=True)
class _Band:
    """The grades from ``low`` to ``high``, both included, that have one label."""

    label: str
    low: float
    high: float


@dataclass(frozen=True)
class Stars:
    """Which grades stand for which label."""

    bands: tuple[_Band, ...]
    """A grade belongs to the first band that it lies in."""

    @property
    def low(self) -> float:
        """The lowest grade."""
        return min(band.low for band in self.bands)

    @property
    def high(self) -> float:
        """The highest grade."""
        return max(band.high for band in self.bands)

    def label(self, grade: object) -> str | None:
        """Return the name of a grade's label; None if the grade lies between two bands.

        Raises:
            ValueError: it is not a number, or not on the scale.
        """
        try:
            number = float(str(grade))
        except ValueError:
            number = float("nan")
        if not self.low <= number <= self.high:
            raise ValueError(f"{grade!r} is not a grade from {self.low:g} to {self.high:g}")
        matches = (band.label for band in self.bands if band.low <= number <= band.high)
        return next(matches, None)


def parse(argument: str) -> Stars:
    """Read ``1-5``, a scale, or ``1-2,3,4-5``, the grades of each label from Negative to Positive.

    On a scale, Neutral is the middle fifth: 3 of 1 to 5, and 5 and 6 of 1 to 10. Of two ranges, as
    in ``1-2,4-5``, the first is Negative and the second Positive. Grades between ranges have no
    label.

    Raises:
        ValueError: it is neither, or two ranges overlap.
    """
    ranges = []
    for part in argument.split(","):
        match = _RANGE.fullmatch(part.strip())
        low, high = (float(match[1]), float(match[2] or match[1])) if match else (0.0, -1.0)
        if low > high:
            raise ValueError(f"{argument!r} names no grades: {EXPECTED}")
        ranges.append((low, high))
    match ranges:
        case [(low, high)] if low < high:
            step = (high - low) / 5
            middle = (low + 2 * step, high - 2 * step)
            # Neutral comes first, as it has both ends of the middle fifth.
            bands = [
                ("Neutral", middle),
                ("Negative", (low, middle[0])),
                ("Positive", (middle[1], high)),
            ]
        case [negative, positive]:
            bands = [("Negative", negative), ("Positive", positive)]
        case [negative, neutral, positive]:
            bands = [("Negative", negative), ("Neutral", neutral), ("Positive", positive)]
        case _:
            raise ValueError(f"{argument!r} names no grades: {EXPECTED}")
    ordered = sorted(ranges)
    if any(end >= start for (_, end), (start, _) in pairwise(ordered)):
        raise ValueError(f"{argument!r} names a grade twice: {EXPECTED}")
    return Stars(tuple(_Band(label, low, high) for label, (low, high) in bands))
