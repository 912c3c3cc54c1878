"""Files on this machine as streams: what is written replaces its file as a whole."""

import errno
import io
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.objects.formats import UnreadableObject
from app.objects.s3 import ObjectChanged


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


class OpenFile(io.FileIO):
    """A file to read. Replacing it leaves this one as it is; writing into it is noticed.

    Raises:
        UnreadableObject: there is none, or it is no regular file.
        OSError: it cannot be read.
    """

    def __init__(self, file: LocalFile) -> None:
        check_regular(file.path)
        super().__init__(file.path, "rb")
        self._path = file.path
        self.status = os.fstat(self.fileno())
        self.size = self.status.st_size

    def check_unchanged(self) -> None:
        """Raise `ObjectChanged` if it was written to since it was opened."""
        found = os.fstat(self.fileno())
        if (found.st_size, found.st_mtime_ns) != (self.size, self.status.st_mtime_ns):
            raise ObjectChanged(f"{self._path}: was written to while it was read")


class NewFile(io.FileIO):
    """A file that is written beside its place, and moved there when it is published.

    ``like``: of the input; nobody may read the new file who could not read that one, nor who could
    not read the file that is replaced.
    """

    def __init__(self, file: LocalFile, like: os.stat_result | None) -> None:
        # Through a link its target is replaced, so that the link stays.
        self._path = Path(os.path.realpath(file.path))
        self._unfinished = unfinished(self._path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished.unlink(missing_ok=True)  # of a run that was killed
        limits = [like] if like else []
        if self._path.exists():
            limits.append(self._path.stat())

        def opener(name: str, flags: int) -> int:
            return open_private(name, flags | os.O_EXCL, limits)

        super().__init__(self._unfinished, "wb", opener=opener)

    def finish(self) -> None:
        """Have everything that was written on the disk."""
        os.fsync(self.fileno())

    def publish(self) -> None:
        """Replace the file that there was."""
        self._unfinished.replace(self._path)
        _sync_folder(self._path.parent)

    def abort(self) -> None:
        """Remove what was written."""
        self._unfinished.unlink(missing_ok=True)


def check_regular(path: Path) -> None:
    """Check that a file can be read from its beginning to its end, and again.

    Raises:
        UnreadableObject: there is none, or it is a folder, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UnreadableObject(f"{path}: there is no such file") from None
    if stat.S_ISDIR(mode):
        raise UnreadableObject(f"{path}: is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise UnreadableObject(f"{path}: is not a regular file")


def unfinished(path: Path) -> Path:
    """Return where a file lies until it is complete, under a name that no other program gives."""
    return path.with_name(f".{path.name}.sentiment.unfinished")


def open_private(path: str | Path, flags: int, limits: Sequence[os.stat_result]) -> int:
    """Open or create a file that is no more readable than any of ``limits``; return its number."""
    mode = 0o666
    for limit in limits:
        mode &= limit.st_mode
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode | 0o600)
    found = os.fstat(descriptor)
    if any(limit.st_gid != found.st_gid for limit in limits):
        # Another group: what the group of the input may do says nothing about this one.
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~stat.S_IRWXG)
    return descriptor


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(descriptor)
