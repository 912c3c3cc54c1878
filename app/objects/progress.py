"""What was scored of an object before it was interrupted, so that a second run goes on from there.

Scores are kept, not the output: reading an object again takes next to no time beside scoring it,
and any format, local or in S3, can be written anew.
"""

import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from pydantic import BaseModel, ValidationError

from app.objects.formats import Score, UnreadableObject
from app.objects.local import check_regular, open_private
from app.sentiment.text import Text

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Of a line of the file; a chunk's scores take tens of thousands."""


class InUse(OSError):
    """Another run writes the same output."""


class _Header(BaseModel):
    scores_of: str
    """What computed them."""


_BEGINNING = b'{"scores_of":'


class _Chunk(BaseModel):
    texts: str
    """The digest of what was scored."""
    scores: list[Score]


class Progress:
    """A file of scores in the order of the object's rows, a line a chunk, with its texts' digest.

    Only scores of the same texts by the same model are used, so that an edited object, another
    column or another limit never gets scores that are not its own. Others are dropped. It is also
    the lock of the output, which the system releases however a run ends.

    ``model``: what computes the scores. ``limits``: whose readers alone may read the file.

    Raises:
        InUse: another run has it.
        UnreadableObject: something else than the file of such a run is in its place.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, model: str, limits: Sequence[os.stat_result] = ()) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _locked(path, limits)
        self._header = _Header(scores_of=model).model_dump_json().encode() + b"\n"
        first = self._file.readline(len(self._header))
        # A run that was killed may have written a part of its first line.
        if not first.startswith(_BEGINNING) and not _BEGINNING.startswith(first):
            self._file.close()
            raise UnreadableObject(f"{path}: is no progress of a run; move it or name another OUT")
        self._reading = first == self._header
        if not self._reading:
            self._drop_from(0)
            self._append(self._header)

    def known(self, texts: Sequence[Text]) -> list[Score] | None:
        """Return the scores of the next texts, if they are known."""
        if not self._reading or not texts:
            return None
        start = self._file.tell()
        line = self._file.readline(MAX_LINE_BYTES)
        try:
            # A line without its end was cut off.
            found = _Chunk.model_validate_json(line) if line.endswith(b"\n") else None
        except ValidationError:
            found = None
        if found and found.texts == _digest(texts) and len(found.scores) == len(texts):
            return found.scores
        self._reading = False
        self._drop_from(start)
        return None

    def add(self, texts: Sequence[Text], scores: Sequence[Score]) -> None:
        """Keep the scores of the next texts, which were not known."""
        if texts:
            chunk = _Chunk(texts=_digest(texts), scores=list(scores))
            self._append(chunk.model_dump_json().encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, raised: type[BaseException] | None, *_: object) -> None:
        """Remove the file unless it is of use: the object is not done, but can be."""
        with self._file:
            refused = raised is not None and issubclass(raised, UnreadableObject)
            empty = os.fstat(self._file.fileno()).st_size <= len(self._header)
            if not raised or refused or empty:
                self._path.unlink(missing_ok=True)

    def _append(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _drop_from(self, offset: int) -> None:
        self._file.seek(offset)
        self._file.truncate()


def _locked(path: Path, limits: Sequence[os.stat_result]) -> IO[bytes]:
    """Open the file, made if there is none, and lock it."""
    if path.exists():
        check_regular(path)
    while True:
        file = os.fdopen(open_private(path, os.O_RDWR, limits), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        except BlockingIOError:
            file.close()
            raise InUse(f"{path}: another run is writing this output") from None
        except BaseException:
            file.close()
            raise
        file.close()  # the run that held it has ended and removed it in between


def _digest(texts: Sequence[Text]) -> str:
    # A text is a single line, so the lines tell where each ends.
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()
