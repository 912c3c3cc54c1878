"""Clients of AWS: what of the environment holds."""

import pytest

from app import aws


@pytest.mark.parametrize(
    ("region", "default", "used"),
    [
        ("eu-central-1", "us-east-1", "eu-central-1"),
        ("eu-central-1", "", "eu-central-1"),
        ("", "us-east-1", "us-east-1"),
    ],
)
def test_the_region_is_aws_region_before_the_default(monkeypatch, region, default, used):
    for name, value in (("AWS_REGION", region), ("AWS_DEFAULT_REGION", default)):
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    assert aws.client.__wrapped__("sqs").meta.region_name == used
