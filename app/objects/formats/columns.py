"""Columns by name: which one is the text, and what the scores are called beside the others."""

from collections.abc import Iterable, Sequence

from app.objects.formats.rows import Column, Score, UnreadableObject

TEXT_COLUMNS = ("text", "review", "comment", "content", "body", "message", "sentence")
"""Usual names of a column of texts; the first of them that there is counts."""
REASON = "reason"
OURS = (*Score._fields, REASON)


def column_among(
    names: Sequence[str], wanted: str, *, alone: bool = True, advice: str = ""
) -> Column:
    """Return the column that is the text: the one wanted, else one of a usual name, else the only.

    An exact match comes before one that differs in case or in white space around it, and the
    first of several columns of one name before the others. ``alone``: whether an only column will
    do whatever its name. ``advice`` ends the error's message.

    Raises:
        UnreadableObject: the one wanted is not there or, where none is, none looks like it.
    """
    candidates = [wanted] if wanted else TEXT_COLUMNS
    folded = [name.strip().lower() for name in names]
    places = []
    for candidate in candidates:
        alike = [i for i, name in enumerate(folded) if name == candidate.strip().lower()]
        places += sorted(alike, key=lambda i: names[i] != candidate)
    if not places and not wanted and alone and len(names) == 1:
        places = [0]
    if not places:
        sought = "has the name asked for" if wanted else f"is named {', '.join(TEXT_COLUMNS)}"
        count = "is 1 column" if len(names) == 1 else f"are {len(names)} columns"
        raise UnreadableObject(f"no column {sought}; there {count}{advice}", names)
    return Column(places[0], names[places[0]], tuple(names[i] for i in places[1:]))


def column_of(names: Sequence[str], wanted: str) -> str:
    """Return the name of the column that is the text.

    Raises:
        UnreadableObject: the one wanted is not there or, where none is, none looks like it.
    """
    return column_among(names, wanted).name


def score_columns(taken: Iterable[str]) -> list[str]:
    """Return names for the scores and the reason beside columns of these names.

    Those of `OURS`, unless a column has that name in any case: then the first of ``sentiment_1``,
    ``sentiment_2``, … that is free. No column of an object is ever replaced.
    """
    folded = {name.strip().lower() for name in taken}
    return [_free(name, folded) for name in OURS]


def _free(name: str, taken: set[str]) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
