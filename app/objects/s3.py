"""Objects in S3 as streams: one version is read, and what is written appears as a whole.

Bucket and key are passed on as they are. No URI is parsed here, so any key that S3 allows works.
"""

import io
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from app import aws

PART_BYTES = 8 * 1024 * 1024
"""Size of the first parts of an upload; S3 takes 10,000 parts, so later ones are larger."""
RESUMES = 3
"""How often a read that broke off is resumed before it fails."""
PAUSE_SECONDS = 0.2
"""Before the first of them; each further pause doubles."""

_REASONS = {
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access is denied",
    "403": "access is denied",
    "InvalidObjectState": "is archived; restore it first",
}


class StorageError(OSError):
    """Storage could not be read or written; the message says which object and why."""


class ObjectChanged(StorageError):
    """An object was overwritten while it was read, so nothing of it was written."""


class StoredObject(NamedTuple):
    """An object in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __str__(self) -> str:
        return self.uri


def _call(stored: StoredObject, operation: str, **given: Any) -> Any:
    """Call S3 about an object.

    Raises:
        ObjectChanged: the object is not the one that ``IfMatch`` names.
        StorageError: S3 refuses, or the way to it fails.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return getattr(aws.client("s3"), operation)(Bucket=stored.bucket, Key=stored.key, **given)
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        if code in ("PreconditionFailed", "412"):
            raise ObjectChanged(f"{stored}: was overwritten while it was read") from None
        raise StorageError(f"{stored}: {_REASONS.get(code, f'S3 answered {code}')}") from None
    except BotoCoreError as error:
        raise StorageError(f"{stored}: S3 failed with {type(error).__name__}") from None


class Version(NamedTuple):
    """What tells the content of an object from any other that was under its key."""

    etag: str
    id: str | None
    """None in a bucket that keeps no versions."""
    modified: str


class Body(io.RawIOBase):
    """The version of an object that was current when it was opened.

    Every request names its ETag, so that S3 refuses the rest once the object was overwritten.
    Reading goes on where a connection broke. ``tick`` is called before each new attempt.

    Raises:
        ObjectChanged: it was overwritten while it was read.
        StorageError: it cannot be read.
    """

    def __init__(self, stored: StoredObject, tick: Callable[[], None]) -> None:
        super().__init__()
        self._stored, self._tick = stored, tick
        self._position = 0
        answer = _call(stored, "get_object")
        self._stream: Any = answer["Body"]
        self.size = int(answer["ContentLength"])
        self.version = Version(
            answer["ETag"], answer.get("VersionId"), answer["LastModified"].isoformat()
        )

    def check_unchanged(self) -> None:
        """Raise `ObjectChanged` if another version is current by now."""
        _call(self._stored, "head_object", IfMatch=self.version.etag)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        position = max(0, begin + offset)
        if position != self._position:
            self._drop()
            self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self.size:
            return 0
        data = self._read(min(len(buffer), self.size - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read(self, count: int) -> bytes:
        from botocore.exceptions import BotoCoreError

        for attempt in range(RESUMES + 1):
            if attempt:
                time.sleep(PAUSE_SECONDS * 2**attempt)
                self._tick()
            try:
                if self._stream is None:
                    self._stream = self._rest()
                if data := self._stream.read(count):
                    return bytes(data)
            except StorageError:
                raise
            except (BotoCoreError, OSError):
                pass
            self._drop()
        raise StorageError(f"{self._stored}: the connection broke {RESUMES + 1} times in a row")

    def _rest(self) -> Any:
        wanted = f"bytes={self._position}-"
        return _call(self._stored, "get_object", IfMatch=self.version.etag, Range=wanted)["Body"]

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        if not self.closed:
            self._drop()
        super().close()


class Upload(io.RawIOBase):
    """An object that is written in parts; it appears when it is published, or never.

    Raises:
        StorageError: S3 refuses or fails.
    """

    def __init__(self, stored: StoredObject) -> None:
        super().__init__()
        self._stored = stored
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[dict[str, Any]] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to a closed upload")
        self._buffer += data
        # Parts of one size would end at 80 GB.
        while len(self._buffer) >= (size := PART_BYTES * (1 + len(self._parts) // 1000)):
            self._send_part(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return len(data)

    def finish(self) -> None:
        """Send what is left, unless it is all there is."""
        if self._upload_id and self._buffer:
            self._send_part(bytes(self._buffer))

    def publish(self) -> None:
        """Replace the object that there was."""
        if not self._upload_id:
            _call(self._stored, "put_object", Body=bytes(self._buffer))
            return
        _call(
            self._stored,
            "complete_multipart_upload",
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
        )
        self._upload_id = ""

    def abort(self) -> None:
        """Remove the parts that were sent."""
        if self._upload_id:
            _call(self._stored, "abort_multipart_upload", UploadId=self._upload_id)
            self._upload_id = ""

    def _send_part(self, data: bytes) -> None:
        if not self._upload_id:
            self._upload_id = _call(self._stored, "create_multipart_upload")["UploadId"]
        number = len(self._parts) + 1
        sent = _call(
            self._stored, "upload_part", UploadId=self._upload_id, PartNumber=number, Body=data
        )
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})


def remove(stored: StoredObject) -> None:
    """Remove an object, or have its versions stay behind a delete marker; none there is no error.

    Raises:
        StorageError: S3 refuses or fails.
    """
    _call(stored, "delete_object")
