"""Objects wherever they lie, locally or in S3: read as streams, and written all or none."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self, cast

from app.objects import local, s3
from app.objects.formats import UnreadableObject
from app.objects.local import LocalFile
from app.objects.s3 import StoredObject

BUFFER_BYTES = 256 * 1024
_S3 = "s3://"

Location = LocalFile | StoredObject
Tick = Callable[[], None]
"""Called after each transfer; may raise to stop the work."""


def parse(uri: str) -> Location:
    """Return where a path or ``s3://bucket/key`` leads; the key is taken as it stands.

    Raises:
        UnreadableObject: the bucket or the key is missing.
    """
    if not uri.startswith(_S3):
        return LocalFile(Path(uri))
    bucket, _, key = uri.removeprefix(_S3).partition("/")
    if not bucket or not key:
        raise UnreadableObject(f"{uri}: expected s3://bucket/key")
    return StoredObject(bucket, key)


class _Watched(io.RawIOBase):
    """Another stream, whose transfers tick and whose first failure is kept.

    A reader or writer in another language loses the class of what a stream raises, or ends the
    process. So a write that fails is not raised: what follows it is dropped, and whoever writes
    asks for the failure.
    """

    def __init__(self, raw: io.RawIOBase, tick: Tick) -> None:
        super().__init__()
        self._raw, self._tick = raw, tick
        self.failure: BaseException | None = None

    def readinto(self, buffer: Any) -> int | None:
        try:
            count = self._raw.readinto(buffer)
            self._tick()
        except BaseException as error:
            self.failure = self.failure or error
            raise
        return count

    def write(self, data: Any) -> int | None:
        if not self.failure:
            try:
                count = self._raw.write(data)
                self._tick()
                return count
            except BaseException as error:
                self.failure = error
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readable(self) -> bool:
        return self._raw.readable()

    def writable(self) -> bool:
        return self._raw.writable()

    def seekable(self) -> bool:
        return self._raw.seekable()


class Source:
    """An object that is open to be read."""

    def __init__(self, location: Location, raw: local.OpenFile | s3.Body, tick: Tick) -> None:
        self.location = location
        self.size = raw.size
        self._raw = raw
        self._watched = _Watched(raw, tick)
        self.file = cast(IO[bytes], io.BufferedReader(self._watched, BUFFER_BYTES))

    @property
    def failure(self) -> BaseException | None:
        """What reading raised first."""
        return self._watched.failure

    @property
    def status(self) -> os.stat_result | None:
        """Who may read it, where it is a local file."""
        return self._raw.status if isinstance(self._raw, local.OpenFile) else None

    @property
    def version(self) -> s3.Version | None:
        """Which version is read, where it is in S3."""
        return self._raw.version if isinstance(self._raw, s3.Body) else None

    @property
    def position(self) -> int:
        """Bytes read so far; a format that seeks may have skipped some."""
        return self._raw.tell()

    def check_unchanged(self) -> None:
        """Raise `ObjectChanged` if the object was written to since it was opened."""
        self._raw.check_unchanged()


@contextmanager
def reading(location: Location, tick: Tick = lambda: None) -> Iterator[Source]:
    """Open an object.

    Raises:
        UnreadableObject: there is no such file, or it is no regular one.
        OSError: it cannot be read.
    """
    raw: local.OpenFile | s3.Body
    if isinstance(location, StoredObject):
        raw = s3.Body(location, tick)
    else:
        raw = local.OpenFile(location)
    with raw:
        yield Source(location, raw, tick)


class Outputs:
    """What a run writes: all of it appears when the context ends, none after an exception.

    ``like``: the input; no file is more readable than it.
    """

    def __init__(self, like: Source | None = None, tick: Tick = lambda: None) -> None:
        self._like = like.status if like else None
        self._tick = tick
        self._raw: list[local.NewFile | s3.Upload] = []
        self._watched: list[_Watched] = []
        self._files: list[io.BufferedWriter] = []
        self._stale: list[Location] = []

    def check(self) -> None:
        """Raise what a write met with first, if any did."""
        for watched in self._watched:
            if watched.failure:
                raise watched.failure

    def open(self, location: Location) -> IO[bytes]:
        """Begin an object; whether it can be written, `check` tells.

        Raises:
            OSError: it cannot be begun.
        """
        raw: local.NewFile | s3.Upload
        if isinstance(location, StoredObject):
            raw = s3.Upload(location)
        else:
            raw = local.NewFile(location, self._like)
        self._raw.append(raw)
        self._watched.append(_Watched(raw, self._tick))
        self._files.append(io.BufferedWriter(self._watched[-1], BUFFER_BYTES))
        return cast(IO[bytes], self._files[-1])

    def remove(self, location: Location) -> None:
        """Remove an object of an earlier run once those of this one have appeared."""
        self._stale.append(location)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, raised: type[BaseException] | None, *_: object) -> None:
        with ExitStack() as cleanup:
            for raw in self._raw:
                cleanup.callback(raw.close)
                cleanup.callback(_abort, raw)
            if not raised:
                self._publish()

    def _publish(self) -> None:
        for file, raw in zip(self._files, self._raw, strict=True):
            file.flush()
            self.check()
            raw.finish()
        for raw in self._raw:
            raw.publish()
        for location in self._stale:
            if isinstance(location, StoredObject):
                s3.remove(location)
            else:
                location.path.unlink(missing_ok=True)


def _abort(raw: local.NewFile | s3.Upload) -> None:
    with suppress(OSError):
        raw.abort()
