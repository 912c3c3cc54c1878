"""URL paths."""


def without_prefix(prefix: str, path: str) -> str:
    """Return a path without a prefix, or the path itself if it does not have the prefix.

    The prefix ends with a segment: ``/m`` is a prefix of ``/m`` and ``/m/metrics``, but not of
    ``/metrics``.
    """
    remainder = path.removeprefix(prefix.removesuffix("/")) or "/"
    return remainder if remainder.startswith("/") else path
