"""What was scored of an object before it was interrupted, so that a second try goes on from there.

Scores are kept, not the output: reading an object again takes next to no time beside scoring it,
and any format, local or in S3, can be written anew.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from app.objects.formats import Score


class Progress:
    """A file of scores in the order of the object's rows, a chunk a line.

    ``identity``: what the scores depend on, the object and the model; a file of another identity is
    begun anew.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._known: list[list[Score]] = []
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        head = json.dumps(identity).encode()
        if lines[:1] == [head]:
            # What follows the last line's end was cut off.
            self._known = [[Score(*score) for score in json.loads(line)] for line in lines[1:-1]]
        self._known.reverse()
        kept = lines[: len(self._known) + 1] or [head]
        path.write_bytes(b"".join(line + b"\n" for line in (kept if self._known else [head])))

    def known(self, count: int) -> list[Score] | None:
        """Return the scores of the next rows, if they are known."""
        if not self._known:
            return None
        found = self._known.pop()
        if len(found) != count:
            raise ValueError(f"{self._path} belongs to another object; remove it to begin anew")
        return found

    def add(self, scores: Sequence[Score]) -> None:
        """Keep the scores of the next rows."""
        with self._path.open("ab") as file:
            file.write(json.dumps(scores).encode() + b"\n")

    def forget(self) -> None:
        """Remove the file: the object is done."""
        self._path.unlink(missing_ok=True)
