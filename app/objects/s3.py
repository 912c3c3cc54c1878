"""S3 objects as streams: one version is read, and an output appears as a whole.

Bucket and key are passed on unchanged. No URI is parsed here, so any key that S3 allows works.
"""

import io
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from app import aws

PART_BYTES = 8 * 1024 * 1024
"""Size of the first 1,000 parts of an upload; S3 takes 10,000 parts, so later ones are larger."""
MAX_RESUMES = 3
"""How often a read is resumed after the connection broke."""
PAUSE_SECONDS = 0.2
"""Pause before the first resume; it doubles for each further one."""

_DENIED = "access is denied"
_REASONS = {
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": _DENIED,
    "403": _DENIED,
    "InvalidObjectState": "is archived; restore it first",
}


class StorageError(OSError):
    """An object cannot be read or written; the message says which one and why."""


class ObjectChanged(StorageError):
    """An object was overwritten while it was read, so no result was written."""


class StoredObject(NamedTuple):
    """An object in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __str__(self) -> str:
        return self.uri


def _call(stored: StoredObject, operation: str, **arguments: Any) -> Any:
    """Call S3 about an object.

    Raises:
        ObjectChanged: the object no longer has the ETag in ``IfMatch``.
        StorageError: S3 rejects the call, or does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        method = getattr(aws.client("s3"), operation)
        return method(Bucket=stored.bucket, Key=stored.key, **arguments)
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        if code in ("PreconditionFailed", "412"):
            raise ObjectChanged(f"{stored}: was overwritten while it was read") from None
        reason = _REASONS.get(code, f"S3 answered {code}")
        if reason == _DENIED and operation in ("get_object", "head_object"):
            # Without permission to list the bucket, S3 does not tell which.
            reason += ", or there is no such object"
        raise StorageError(f"{stored}: {reason}") from None
    except BotoCoreError as error:
        raise StorageError(f"{stored}: S3 failed with {type(error).__name__}") from None


class Version(NamedTuple):
    """Identifies the content of an object among all that was ever stored under its key."""

    etag: str
    id: str | None
    """None in a bucket without versioning."""
    modified: str


class Download(io.RawIOBase):
    """The version of an object that was current when it was opened.

    Every request names its ETag, so S3 rejects further reads once the object was overwritten. A
    read resumes where its connection broke; ``on_resume`` is called before.

    Raises:
        ObjectChanged: it was overwritten while it was read.
        StorageError: it cannot be read.
    """

    def __init__(self, stored: StoredObject, on_resume: Callable[[], None]) -> None:
        super().__init__()
        self._stored, self._on_resume = stored, on_resume
        self._position = 0
        answer = _call(stored, "get_object")
        self._stream: Any = answer["Body"]
        self.size = int(answer["ContentLength"])
        self.version = Version(
            answer["ETag"], answer.get("VersionId"), answer["LastModified"].isoformat()
        )

    def check_unchanged(self) -> None:
        """Raise `ObjectChanged` if another version is current now."""
        _call(self._stored, "head_object", IfMatch=self.version.etag)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        position = max(0, start + offset)
        if position != self._position:
            self._close_stream()
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

        for attempt in range(MAX_RESUMES + 1):
            if attempt:
                time.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
                self._on_resume()
            try:
                if self._stream is None:
                    self._stream = self._request_rest()
                if data := self._stream.read(count):
                    return bytes(data)
            except StorageError:
                raise
            except (BotoCoreError, OSError):
                pass
            self._close_stream()
        raise StorageError(f"{self._stored}: the connection broke {MAX_RESUMES + 1} times in a row")

    def _request_rest(self) -> Any:
        start = f"bytes={self._position}-"
        return _call(self._stored, "get_object", IfMatch=self.version.etag, Range=start)["Body"]

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        if not self.closed:
            self._close_stream()
        super().close()


class Upload(io.RawIOBase):
    """A multipart upload; the object appears when it is published, or never.

    Raises:
        StorageError: S3 rejects a call, or does not answer.
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
        # 10,000 parts of the same size would limit objects to 80 GB.
        while len(self._buffer) >= (size := PART_BYTES * (1 + len(self._parts) // 1000)):
            self._send_part(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return len(data)

    def finish(self) -> None:
        """Send the last part; an object without other parts is sent when it is published."""
        if self._upload_id and self._buffer:
            self._send_part(bytes(self._buffer))

    def publish(self) -> None:
        """Replace the earlier object."""
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
        answer = _call(
            self._stored, "upload_part", UploadId=self._upload_id, PartNumber=number, Body=data
        )
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})


def remove(stored: StoredObject) -> None:
    """Delete an object, if it exists; a bucket with versioning keeps its versions.

    Raises:
        StorageError: S3 rejects the call, or does not answer.
    """
    _call(stored, "delete_object")
