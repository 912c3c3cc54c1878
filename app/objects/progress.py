"""Progress of a run on disk, so that a run that was interrupted can be resumed.

Only scores are stored. Reading an object again takes little time compared with scoring it, and any
format, local or in S3, can then be written from its beginning.
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
"""Longest line that is read; the scores of a chunk take tens of thousands of bytes."""


class InUse(OSError):
    """Another run is writing the same output."""


class _Header(BaseModel):
    scores_of: str
    """The engine and the model that computed the scores."""


_HEADER_START = b'{"scores_of":'


class _Chunk(BaseModel):
    texts: str
    """Digest of the texts."""
    scores: list[Score]


class Progress:
    """A file of scores in the order of the rows, with a line for each chunk.

    Each line has a digest of the chunk's texts. Scores are used only for the same texts and the
    same model, so an edited object, another column or another limit never gets wrong scores; from
    the first difference on, the file is discarded. It is also the lock of the output, which the
    operating system releases however the run ends.

    ``model``: computes the scores. ``no_wider_than``: files; this one gets no wider permissions
    than any of them.

    Raises:
        InUse: another run holds the lock.
        UnreadableObject: a file with this name exists, and is not the progress of a run.
        OSError: the file cannot be written.
    """

    def __init__(
        self, path: Path, model: str, no_wider_than: Sequence[os.stat_result] = ()
    ) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_locked(path, no_wider_than)
        self._header = _Header(scores_of=model).model_dump_json().encode() + b"\n"
        first = self._file.readline(len(self._header))
        # A run that was killed may have written only a part of its first line.
        if not first.startswith(_HEADER_START) and not _HEADER_START.startswith(first):
            self._file.close()
            raise UnreadableObject(
                f"{path}: is not the progress of a run; move it or choose another OUT"
            )
        self._resuming = first == self._header
        if not self._resuming:
            self._truncate(0)
            self._append(self._header)

    def next_scores(self, texts: Sequence[Text]) -> list[Score] | None:
        """Return the stored scores of the next texts, if there are any."""
        if not self._resuming or not texts:
            return None
        start = self._file.tell()
        line = self._file.readline(MAX_LINE_BYTES)
        try:
            # A line without an end was cut off.
            chunk = _Chunk.model_validate_json(line) if line.endswith(b"\n") else None
        except ValidationError:
            chunk = None
        if chunk and chunk.texts == _digest(texts) and len(chunk.scores) == len(texts):
            return chunk.scores
        self._resuming = False
        self._truncate(start)
        return None

    def add(self, texts: Sequence[Text], scores: Sequence[Score]) -> None:
        """Store the scores of the next texts, for which `next_scores` returned None."""
        if texts:
            chunk = _Chunk(texts=_digest(texts), scores=list(scores))
            self._append(chunk.model_dump_json().encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, raised: type[BaseException] | None, *_: object) -> None:
        """Remove the file unless the run can be resumed."""
        with self._file:
            is_unreadable = raised is not None and issubclass(raised, UnreadableObject)
            is_empty = os.fstat(self._file.fileno()).st_size <= len(self._header)
            if not raised or is_unreadable or is_empty:
                self._path.unlink(missing_ok=True)

    def _append(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _truncate(self, offset: int) -> None:
        self._file.seek(offset)
        self._file.truncate()


def _open_locked(path: Path, no_wider_than: Sequence[os.stat_result]) -> IO[bytes]:
    """Open a file, created if it does not exist, and lock it."""
    if path.exists():
        check_regular(path)
    while True:
        file = os.fdopen(open_private(path, os.O_RDWR, no_wider_than), "r+b")
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
        file.close()  # the run that held the lock has removed the file since it was opened


def _digest(texts: Sequence[Text]) -> str:
    # A text has no line breaks, so these separate texts unambiguously.
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()
