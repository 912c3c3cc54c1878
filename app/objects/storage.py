"""Objects in local files or S3: inputs are streams, and outputs appear together or not at all."""

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
OnTransfer = Callable[[], None]
"""Called after each transfer; may raise to stop the work."""


def parse_location(uri: str) -> Location:
    """Return the location of a path or of ``s3://bucket/key``, whose key is used unchanged.

    Raises:
        UnreadableObject: the bucket or the key is missing.
    """
    if not uri.startswith(_S3):
        return LocalFile(Path(uri))
    bucket, _, key = uri.removeprefix(_S3).partition("/")
    if not bucket or not key:
        raise UnreadableObject(f"{uri}: expected s3://bucket/key")
    return StoredObject(bucket, key)


class _MonitoredStream(io.RawIOBase):
    """Another stream, which reports each transfer and stores the first failure.

    A reader or writer in another language loses the class of an exception, or ends the process. So
    a failed write raises nothing and later writes are dropped; the caller checks ``failure``.
    """

    def __init__(self, raw: io.RawIOBase, on_transfer: OnTransfer) -> None:
        super().__init__()
        self._raw, self._on_transfer = raw, on_transfer
        self.failure: BaseException | None = None

    def readinto(self, buffer: Any) -> int | None:
        try:
            count = self._raw.readinto(buffer)
            self._on_transfer()
        except BaseException as error:
            self.failure = self.failure or error
            raise
        return count

    def write(self, data: Any) -> int | None:
        if not self.failure:
            try:
                count = self._raw.write(data)
                self._on_transfer()
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


class Input:
    """An object that is open for reading."""

    def __init__(
        self, location: Location, raw: local.InputFile | s3.Download, on_transfer: OnTransfer
    ) -> None:
        self.location = location
        self.size = raw.size
        self._raw = raw
        self._stream = _MonitoredStream(raw, on_transfer)
        self.file = cast(IO[bytes], io.BufferedReader(self._stream, BUFFER_BYTES))

    @property
    def failure(self) -> BaseException | None:
        """The first exception of a read."""
        return self._stream.failure

    @property
    def status(self) -> os.stat_result | None:
        """The owner and permissions of a local file; None in S3."""
        return self._raw.status if isinstance(self._raw, local.InputFile) else None

    @property
    def version(self) -> s3.Version | None:
        """The version that is read of an S3 object; None for a local file."""
        return self._raw.version if isinstance(self._raw, s3.Download) else None

    @property
    def position(self) -> int:
        """Offset of the next byte to read; a format that seeks may have skipped some."""
        return self._raw.tell()

    def check_unchanged(self) -> None:
        """Raise `ObjectChanged` if the object was written to since it was opened."""
        self._raw.check_unchanged()


@contextmanager
def open_input(location: Location, on_transfer: OnTransfer = lambda: None) -> Iterator[Input]:
    """Open an object for reading.

    Raises:
        UnreadableObject: there is no such file, or it is not a regular one.
        OSError: it cannot be read.
    """
    raw: local.InputFile | s3.Download
    if isinstance(location, StoredObject):
        raw = s3.Download(location, on_transfer)
    else:
        raw = local.InputFile(location)
    with raw:
        yield Input(location, raw, on_transfer)


class Outputs:
    """The outputs of a run: all appear when the context ends, none if it ends with an exception.

    ``source``: the input; no output file gets wider permissions.
    """

    def __init__(self, source: Input | None = None, on_transfer: OnTransfer = lambda: None) -> None:
        self._source = source.status if source else None
        self._on_transfer = on_transfer
        self._raw: list[local.OutputFile | s3.Upload] = []
        self._streams: list[_MonitoredStream] = []
        self._files: list[io.BufferedWriter] = []
        self._stale: list[Location] = []

    def check(self) -> None:
        """Raise the first exception of a write, if there was one."""
        for stream in self._streams:
            if stream.failure:
                raise stream.failure

    def open(self, location: Location) -> IO[bytes]:
        """Open an object for writing. Later, `check` tells whether the writes have succeeded.

        Raises:
            OSError: it cannot be opened.
        """
        raw: local.OutputFile | s3.Upload
        if isinstance(location, StoredObject):
            raw = s3.Upload(location)
        else:
            raw = local.OutputFile(location, self._source)
        self._raw.append(raw)
        self._streams.append(_MonitoredStream(raw, self._on_transfer))
        self._files.append(io.BufferedWriter(self._streams[-1], BUFFER_BYTES))
        return cast(IO[bytes], self._files[-1])

    def remove(self, location: Location) -> None:
        """Remove an output of an earlier run once those of this run have appeared."""
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


def _abort(raw: local.OutputFile | s3.Upload) -> None:
    with suppress(OSError):
        raw.abort()
