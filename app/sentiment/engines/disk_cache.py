"""The user's cache of what is derived from a bundle: ``$XDG_CACHE_HOME/sentiment``.

Each revision has a folder there, with a folder for each thing derived. That lists the checksums of
its files, so that a damaged or half-written copy is derived again, not used.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from app.sentiment.bundle import Bundle

CHECKSUMS = "derived.sha256"
"""Not the name of a bundle's checksums: a derived folder is no bundle."""
FORMAT = 1
"""Increase it when the same weights give other files, so that no older cache is used."""


def find(bundle: Bundle, name: str, files: Sequence[str]) -> Path | None:
    """Return the folder ``name`` of what was derived from this bundle, with these files intact.

    It need not be writable.
    """
    for path in _candidates(bundle):
        if _is_own(path.parent) and _is_own(path) and _has_checksums(path / name, files):
            return path / name
    return None


def publish(unfinished: Path, folder: Path, files: Sequence[str]) -> None:
    """Move these files into the folder, each at once, with their checksums.

    Other processes may do the same, and may have files open that are replaced.
    """
    (unfinished / CHECKSUMS).write_bytes(_checksums(unfinished, files))
    folder.mkdir(exist_ok=True)
    for name in (*files, CHECKSUMS):
        (unfinished / name).replace(folder / name)


def folder(bundle: Bundle) -> Path:
    """Return the existing, writable folder for what is derived from this bundle.

    Without one that this user's other processes have too, it is removed when this process exits.

    Raises:
        OSError: there is no temporary folder that this user may write.
    """
    if path := _persistent_folder(bundle):
        return path
    path = _process_folder(tempfile.gettempdir()) / _name(bundle)
    path.mkdir(exist_ok=True)
    return path


def _persistent_folder(bundle: Bundle) -> Path | None:
    """Return the existing, writable folder that this user's other processes have too, if any.

    Without ``XDG_CACHE_HOME`` it is under ``~/.cache``; where that cannot be written, as on Lambda,
    under the temporary folder.
    """
    for path in _candidates(bundle):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_own(path.parent):
                continue
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if _is_own(path) and os.access(path, os.W_OK):
            return path
    return None


def _candidates(bundle: Bundle) -> Iterator[Path]:
    """Yield the folders of this bundle, best first, whether or not they exist."""
    with suppress(RuntimeError):  # this user has no home
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield home / "sentiment" / _name(bundle)
    with suppress(OSError):  # no temporary folder can be written
        yield Path(tempfile.gettempdir()) / f"sentiment-{os.getuid()}" / _name(bundle)


def _name(bundle: Bundle) -> str:
    return f"{bundle.revision}-{FORMAT}"


def _is_own(path: Path) -> bool:
    """Return whether the path is a folder of this user's.

    Another user may have made it, or a link of this name, to have us load other weights.
    """
    try:
        return path.is_dir() and path.lstat().st_uid == path.stat().st_uid == os.getuid()
    except OSError:
        return False


def _has_checksums(folder: Path, files: Sequence[str]) -> bool:
    """Return whether the folder holds these files with the checksums that it lists."""
    try:
        return (folder / CHECKSUMS).read_bytes() == _checksums(folder, files)
    except OSError:
        return False


def _checksums(folder: Path, files: Sequence[str]) -> bytes:
    lines = []
    for name in files:
        with (folder / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines).encode()


@cache
def _process_folder(parent: str) -> Path:
    """Make a folder that is removed when this process exits."""
    path = tempfile.mkdtemp(prefix="sentiment-", dir=parent)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)
