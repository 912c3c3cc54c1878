"""Local files as streams; an output replaces the earlier file as a whole."""

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


class InputFile(io.FileIO):
    """A file to read. It stays readable if it is replaced; a write into it is detected.

    Raises:
        UnreadableObject: there is no such file, or it is not a regular one.
        OSError: it cannot be read.
    """

    def __init__(self, file: LocalFile) -> None:
        check_regular(file.path)
        super().__init__(file.path, "rb")
        self._path = file.path
        self.status = os.fstat(self.fileno())
        self.size = self.status.st_size

    def check_unchanged(self) -> None:
        """Raise `ObjectChanged` if the file was written to since it was opened."""
        status = os.fstat(self.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.status.st_mtime_ns):
            raise ObjectChanged(f"{self._path}: was written to while it was read")


class OutputFile(io.FileIO):
    """A file that is written under a temporary name, and renamed when it is published.

    ``source``: the status of the input. The output gets no wider permissions than the input, nor
    than the file that it replaces.
    """

    def __init__(self, file: LocalFile, source: os.stat_result | None) -> None:
        # The target of a symbolic link is replaced, so that the link stays.
        self._path = Path(os.path.realpath(file.path))
        self._temporary = temporary(self._path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.unlink(missing_ok=True)  # of a run that was killed
        no_wider_than = [source] if source else []
        if self._path.exists():
            no_wider_than.append(self._path.stat())

        def opener(name: str, flags: int) -> int:
            return open_private(name, flags | os.O_EXCL, no_wider_than)

        super().__init__(self._temporary, "wb", opener=opener)

    def finish(self) -> None:
        """Force everything that was written to the disk."""
        os.fsync(self.fileno())

    def publish(self) -> None:
        """Replace the earlier file."""
        self._temporary.replace(self._path)
        _sync_directory(self._path.parent)

    def abort(self) -> None:
        """Remove what was written."""
        self._temporary.unlink(missing_ok=True)


def check_regular(path: Path) -> None:
    """Check that a file can be read more than once.

    Raises:
        UnreadableObject: there is no such file, or it is a folder, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UnreadableObject(f"{path}: there is no such file") from None
    if stat.S_ISDIR(mode):
        raise UnreadableObject(f"{path}: is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise UnreadableObject(f"{path}: is not a regular file")


def temporary(path: Path) -> Path:
    """Return the path under which a file is written until it is complete."""
    return path.with_name(f".{path.name}.sentiment.unfinished")


def open_private(path: str | Path, flags: int, no_wider_than: Sequence[os.stat_result]) -> int:
    """Open or create a file with no wider permissions than any file of ``no_wider_than``.

    Returns the file descriptor.
    """
    mode = 0o666
    for status in no_wider_than:
        mode &= status.st_mode
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode | 0o600)
    created = os.fstat(descriptor)
    if any(status.st_gid != created.st_gid for status in no_wider_than):
        # One group's permissions must not go to another group.
        os.fchmod(descriptor, stat.S_IMODE(created.st_mode) & ~stat.S_IRWXG)
    return descriptor


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that do not support it
            raise
    finally:
        os.close(descriptor)
