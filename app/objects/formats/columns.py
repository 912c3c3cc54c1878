"""Finds the text column of an object and names the columns of scores."""

from collections.abc import Iterable, Sequence

from app.objects.formats.rows import Column, Score, UnreadableObject

TEXT_COLUMNS = ("text", "review", "comment", "content", "body", "message", "sentence")
"""Usual names of a text column, by priority."""
ADDED_COLUMNS = (*Score._fields, "reason")
"""Columns that are added to an object; the reason only if rejected rows are kept."""


def find_text_column(
    names: Sequence[str], requested: str = "", *, accept_only: bool = True, advice: str = ""
) -> Column:
    """Return the text column: the requested one, else one with a usual name, else the only one.

    An exact match has priority over one that differs in case or surrounding white space. Of several
    columns with the same name, the first one counts.

    Args:
        names: all columns.
        requested: the name of the text column, empty to find it by the usual names.
        accept_only: whether an only column is the text column, whatever its name.
        advice: ends the error message.

    Raises:
        UnreadableObject: the requested column does not exist or, if none is requested, no column
            has a usual name.
    """
    folded = [name.strip().lower() for name in names]
    matches: list[int] = []
    for candidate in [requested] if requested else TEXT_COLUMNS:
        alike = [i for i, name in enumerate(folded) if name == candidate.strip().lower()]
        matches += sorted(alike, key=lambda i: names[i] != candidate)
    if not matches and not requested and accept_only and len(names) == 1:
        matches = [0]
    if not matches:
        missing = "has the requested name" if requested else f"is named {', '.join(TEXT_COLUMNS)}"
        count = "is 1 column" if len(names) == 1 else f"are {len(names)} columns"
        raise UnreadableObject(f"no column {missing}; there {count}{advice}", names)
    index, *others = matches
    return Column(index, names[index], tuple(names[i] for i in others))


def added_column_names(existing: Iterable[str]) -> list[str]:
    """Return names for `ADDED_COLUMNS` that no existing column has, in any case.

    A name that exists gets the first free suffix: ``sentiment_1``, ``sentiment_2``, … So no column
    of an object is ever replaced.
    """
    folded = {name.strip().lower() for name in existing}
    return [_unused_name(name, folded) for name in ADDED_COLUMNS]


def _unused_name(name: str, existing: set[str]) -> str:
    number, candidate = 0, name
    while candidate in existing:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
