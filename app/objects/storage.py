"""Where objects lie: a local path or ``s3://bucket/key``; what is written appears whole or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from app.objects.formats import UnreadableObject

PART_BYTES = 8 * 1024 * 1024
"""Size of the parts that S3 gets an object in; it takes 10,000 of them."""
_S3 = "s3://"


def is_s3(uri: str) -> bool:
    """Return whether it is an S3 URI."""
    return uri.startswith(_S3)


@contextmanager
def reading(uri: str) -> Iterator[IO[bytes]]:
    """Open an object to be read as a stream.

    Raises:
        UnreadableObject: there is none, or it may not be read.
    """
    if is_s3(uri):
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            opened = _s3(uri, "rb")
        except (OSError, BotoCoreError, ClientError) as error:
            raise UnreadableObject(f"{uri}: {error}") from None
        with opened as file:
            yield file
        return
    if not Path(uri).is_file():
        raise UnreadableObject(f"{uri}: there is no such file")
    with Path(uri).open("rb") as file:
        yield file


@contextmanager
def writing(uri: str) -> Iterator[IO[bytes]]:
    """Open an object to be written; it appears at the end, and not at all after an exception."""
    if is_s3(uri):
        # What is written goes up in parts; an exception aborts the upload.
        with _s3(uri, "wb") as file:
            yield file
        return
    path = Path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def size(uri: str) -> int:
    """Return an object's size in bytes."""
    with reading(uri) as file:
        return file.seek(0, 2)


@cache
def _client() -> Any:
    import boto3

    return boto3.client("s3")


def _s3(uri: str, mode: str) -> Any:
    import smart_open

    # Its own decompression is off: the formats see to that.
    return smart_open.open(
        uri,
        mode,
        compression="disable",
        transport_params={"client": _client(), "min_part_size": PART_BYTES},
    )
