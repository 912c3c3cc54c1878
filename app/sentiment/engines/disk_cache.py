"""The user's cache of what is computed from a bundle: `$XDG_CACHE_HOME/sentiment/<revision>`."""

import os
import tempfile
from pathlib import Path

from app.sentiment.bundle import Bundle


def folder(bundle: Bundle) -> Path:
    """Return the existing, writable folder for what is computed from this bundle.

    Without ``XDG_CACHE_HOME`` it is under ``~/.cache``; where that cannot be written, as on Lambda,
    under the temporary folder.
    """
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        path = cache / "sentiment" / bundle.revision
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK):
            return path
    except (OSError, RuntimeError):  # RuntimeError: this user has no home
        pass
    path = _temporary() / bundle.revision
    path.mkdir(exist_ok=True)
    return path


def _temporary() -> Path:
    """Return this user's own temporary folder, the same for each of the user's processes."""
    path = Path(tempfile.gettempdir()) / f"sentiment-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    # Another user may have made it, or a link of this name, to have us load other weights.
    return path if path.lstat().st_uid == os.getuid() else Path(tempfile.mkdtemp())
