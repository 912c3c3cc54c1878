"""API keys: created, stored, matched and rotated."""

import hashlib
import hmac
import subprocess
import sys

import boto3
import pytest
from moto import mock_aws

from app.access import keys
from app.settings import Settings, SettingsError
from tests.conftest import ROOT


def entry(name: str, key: str, *limit: str) -> str:
    return ":".join((name, hashlib.sha256(key.encode()).hexdigest(), *limit))


def new(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.keys", "new", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_new_key_is_printed_with_its_entry():
    said = new("shop", "--limit", "100/minute").stdout.splitlines()
    [key] = keys.parse(said[-1])
    assert (key.name, key.limit) == ("shop", "100/minute")
    assert keys.match([key], said[0]) == key
    assert said[0] not in said[-1]


def test_keys_are_unique():
    assert new("shop").stdout != new("shop").stdout


@pytest.mark.parametrize("arguments", [["a b"], [""], ["shop", "--limit", "often"]])
def test_invalid_name_or_limit_is_rejected(arguments):
    done = new(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def test_entries_are_separated_by_commas_or_white_space():
    found = keys.parse(f"{entry('a', '1')},{entry('b', '2')}\n {entry('c', '3', '5/second')}\n")
    assert [key.name for key in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "wrong", ["shop", "shop:abc", f"sh/op:{'0' * 64}", f":{'0' * 64}", f"shop:{'0' * 64}:often"]
)
def test_invalid_entry_prevents_the_start_and_is_not_shown(wrong):
    with pytest.raises(SettingsError) as refused:
        keys.parse(f"{entry('a', '1')} {wrong}")
    assert "0000" not in str(refused.value)


def test_wrong_key_does_not_match():
    known = keys.parse(entry("shop", "right"))
    assert keys.match(known, "wrong") is None
    assert keys.match(known, "righ\udcff") is None


def test_keys_are_compared_in_constant_time(monkeypatch):
    compared = []
    compare = hmac.compare_digest

    def counted(one, other):
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    known = keys.parse(f"{entry('a', '1')} {entry('b', '2')} {entry('c', '3')}")
    for presented in ("1", "3", "none"):
        compared.clear()
        keys.match(known, presented)
        assert len(compared) == 3


def test_without_a_source_there_is_no_keyring():
    assert keys.load(Settings()) is None


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def put_parameter(entries: str) -> str:
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/s/keys", Value=entries, Type="SecureString", Overwrite=True)
    return "ssm:/s/keys"


def put_secret(entries: str) -> str:
    vault = boto3.client("secretsmanager")
    try:
        vault.create_secret(Name="s-keys", SecretString=entries)
    except vault.exceptions.ResourceExistsException:
        vault.put_secret_value(SecretId="s-keys", SecretString=entries)
    return "secretsmanager:s-keys"


@pytest.fixture(params=[put_parameter, put_secret], ids=["ssm", "secretsmanager"])
def put(request, aws):
    return request.param


def test_keys_of_the_environment_and_of_aws_are_combined(put):
    place = put(entry("remote", "2"))
    ring = keys.load(Settings(api_keys=entry("local", "1"), api_keys_from=place))
    assert [key.name for key in ring.keys] == ["local", "remote"]


def test_keys_are_rotated_without_a_restart(put):
    ring = keys.load(Settings(api_keys_from=put(entry("old", "1")), api_keys_seconds=1e-9))
    put(entry("new", "2"))
    ring.refresh()
    assert [key.name for key in ring.keys] == ["new"]


def test_keys_are_not_read_again_too_early(put):
    ring = keys.load(Settings(api_keys_from=put(entry("old", "1"))))
    put(entry("new", "2"))
    assert not ring.stale
    ring.refresh()
    assert [key.name for key in ring.keys] == ["old"]


def test_previous_keys_remain_valid_when_a_source_fails(put, caplog):
    ring = keys.load(Settings(api_keys_from=put(entry("old", "1")), api_keys_seconds=1e-9))
    put("nonsense")
    ring.refresh()
    assert [key.name for key in ring.keys] == ["old"]
    assert "could not be read again" in caplog.text


@pytest.mark.parametrize("place", ["ssm:/s/none", "secretsmanager:none", "vault:keys", "ssm:"])
def test_unreadable_source_prevents_the_start(aws, place):
    with pytest.raises(SettingsError, match=f"SENTIMENT_API_KEYS_FROM={place}: "):
        keys.load(Settings(api_keys_from=place))
