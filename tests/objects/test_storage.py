"""Locations of paths and URIs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.objects import storage
from app.objects.formats import UnreadableObject
from app.objects.local import LocalFile
from app.objects.s3 import StoredObject


@pytest.mark.property
@given(st.from_regex(r"[a-z0-9.-]{3,20}", fullmatch=True), st.text(min_size=1))
def test_uri_is_parsed_and_formatted(bucket, key):
    stored = storage.parse_location(f"s3://{bucket}/{key}")
    assert stored == StoredObject(bucket, key)
    assert str(stored) == f"s3://{bucket}/{key}"


@pytest.mark.parametrize("uri", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key"])
def test_uri_without_a_bucket_or_key_is_refused(uri):
    with pytest.raises(UnreadableObject, match="expected s3://bucket/key"):
        storage.parse_location(uri)


@pytest.mark.parametrize("path", ["a.csv", "/tmp/a b.csv", "-x.csv", "s3:/a.csv", "S3://a/b.csv"])
def test_everything_else_is_a_path(path):
    assert storage.parse_location(path) == LocalFile(Path(path))
