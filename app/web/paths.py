"""Paths of URLs, split between two of their segments."""


def behind(prefix: str, path: str) -> str:
    """Return what follows a prefix in a path, or the path where it does not begin with the prefix.

    ``/m`` is a prefix of ``/m`` and ``/m/metrics``, and not of ``/metrics``.
    """
    inside = path.removeprefix(prefix.removesuffix("/")) or "/"
    return inside if inside.startswith("/") else path
