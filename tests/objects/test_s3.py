"""S3 objects as streams, on moto, with broken connections."""

import io
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import IncompleteReadError, ReadTimeoutError
from botocore.response import StreamingBody
from moto import mock_aws

from app.objects import s3, storage
from app.objects.s3 import ObjectChanged, StorageError, StoredObject

HERE = StoredObject("reviews", "a")
OLD, NEW = b"old " * 1000, b"new " * 1000


@pytest.fixture
def bucket(monkeypatch) -> Iterator:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(s3, "PAUSE_SECONDS", 0)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="reviews")
        yield client


@pytest.fixture
def put(bucket):
    return lambda body, key="a": bucket.put_object(Bucket="reviews", Key=key, Body=body)


def body() -> s3.Download:
    return s3.Download(HERE, lambda: None)


def break_off(monkeypatch, error: Exception, after: int, times: int) -> None:
    """Make the first streams fail after a number of bytes."""
    read, left = StreamingBody.read, [times]

    def failing(stream, amt=None):
        if left[0] and stream.tell() + (amt or 0) > after:
            left[0] -= 1
            raise error
        return read(stream, amt)

    monkeypatch.setattr(StreamingBody, "read", failing)


BROKEN = [
    ReadTimeoutError(endpoint_url="s3"),
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ConnectionResetError(),
]


def test_object_can_be_read_and_sought_like_a_file(put):
    put(bytes(range(256)))
    with storage.open_input(HERE) as source:
        file = source.file
        assert source.size == 256
        assert file.read(3) == b"\x00\x01\x02"
        assert file.seek(-2, io.SEEK_END) == 254
        assert file.read() == b"\xfe\xff"
        assert file.seek(10) == 10
        assert file.seek(5, io.SEEK_CUR) == 15
        assert file.read(1) == b"\x0f"
        assert file.tell() == 16


def test_empty_object_has_nothing_to_read(put):
    put(b"")
    with storage.open_input(HERE) as source:
        assert (source.size, source.file.read()) == (0, b"")


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_read_resumes_where_the_connection_broke(put, monkeypatch, error):
    put(OLD)
    break_off(monkeypatch, error, after=1500, times=s3.MAX_RESUMES)
    with body() as stream:
        assert b"".join(iter(lambda: stream.read(100), b"")) == OLD


def test_connection_that_keeps_breaking_fails_the_read(put, monkeypatch):
    put(OLD)
    break_off(monkeypatch, BROKEN[0], after=0, times=1000)
    with body() as stream, pytest.raises(StorageError, match="the connection broke 4 times"):
        while stream.read(100):
            pass


def test_stream_that_ends_early_is_resumed(put, monkeypatch):
    put(OLD)
    read = StreamingBody.read

    def cut(stream, amt=None):
        return b"" if stream.tell() >= 1000 else read(stream, amt)

    monkeypatch.setattr(StreamingBody, "read", cut)
    with body() as stream:
        assert b"".join(iter(lambda: stream.read(100), b"")) == OLD


def test_read_resumed_after_an_overwrite_fails(put, monkeypatch):
    put(OLD)
    break_off(monkeypatch, BROKEN[0], after=1500, times=1)
    with body() as stream, pytest.raises(ObjectChanged, match="was overwritten while it was read"):
        for _ in iter(lambda: stream.read(100), b""):
            put(NEW)


def test_seek_after_an_overwrite_fails(put):
    put(OLD)
    with body() as stream:
        stream.read(4)
        put(NEW)
        stream.seek(0)
        with pytest.raises(ObjectChanged):
            stream.read(4)


@pytest.mark.parametrize("content", [NEW, NEW[:10], b""])
def test_overwrite_is_detected_at_the_end(put, content):
    put(OLD)
    with body() as stream:
        assert b"".join(iter(lambda: stream.read(100), b"")) == OLD
        stream.check_unchanged()
        put(content)
        with pytest.raises(ObjectChanged):
            stream.check_unchanged()


def test_object_removed_while_read_fails(put, bucket):
    put(OLD)
    with body() as stream:
        bucket.delete_object(Bucket="reviews", Key="a")
        with pytest.raises(StorageError, match="there is no such object"):
            stream.check_unchanged()


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (StoredObject("reviews", "gone"), "s3://reviews/gone: there is no such object"),
        (StoredObject("nowhere", "a"), "s3://nowhere/a: there is no such bucket"),
    ],
)
def test_missing_object_is_reported_without_the_message_of_s3(bucket, stored, reason):
    with pytest.raises(StorageError) as raised:
        s3.Download(stored, lambda: None)
    assert str(raised.value) == reason


def test_multipart_upload_appears_at_the_end(bucket, monkeypatch):
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024 * 1024)
    data = bytes(range(256)) * 4096 * 12  # 12 MB
    with storage.Outputs() as outputs:
        file = outputs.open(HERE)
        for start in range(0, len(data), 100_000):
            file.write(data[start : start + 100_000])
        assert "Contents" not in bucket.list_objects_v2(Bucket="reviews")
    assert bucket.get_object(Bucket="reviews", Key="a")["Body"].read() == data


class Stopped(BaseException):
    pass


def test_interrupted_upload_leaves_nothing(bucket, monkeypatch):
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024 * 1024)
    with pytest.raises(Stopped), storage.Outputs() as outputs:
        outputs.open(HERE).write(bytes(12_000_000))
        raise Stopped
    assert "Contents" not in bucket.list_objects_v2(Bucket="reviews")
    assert "Uploads" not in bucket.list_multipart_uploads(Bucket="reviews")


def test_failed_part_leaves_the_earlier_object(bucket, put, monkeypatch):
    put(OLD)
    with pytest.raises(StorageError, match="there is no such bucket"), storage.Outputs() as outputs:
        outputs.open(HERE).write(NEW)
        outputs.open(StoredObject("nowhere", "b")).write(bytes(9_000_000))
    assert bucket.get_object(Bucket="reviews", Key="a")["Body"].read() == OLD


def test_rejected_write_is_reported_by_its_code(bucket):
    reason = "s3://nowhere/b: there is no such bucket"
    with pytest.raises(StorageError, match=reason), storage.Outputs() as outputs:
        outputs.open(StoredObject("nowhere", "b")).write(b"x")


def test_output_of_an_earlier_run_is_removed_when_the_new_ones_appear(bucket, put):
    put(OLD, "stale")
    with storage.Outputs() as outputs:
        outputs.remove(StoredObject("reviews", "stale"))
        outputs.open(HERE).write(NEW)
    listed = bucket.list_objects_v2(Bucket="reviews")["Contents"]
    assert [entry["Key"] for entry in listed] == ["a"]


def test_failed_run_removes_nothing(bucket, put):
    put(OLD, "stale")
    with pytest.raises(Stopped), storage.Outputs() as outputs:
        outputs.remove(StoredObject("reviews", "stale"))
        raise Stopped
    listed = bucket.list_objects_v2(Bucket="reviews")["Contents"]
    assert [entry["Key"] for entry in listed] == ["stale"]
