"""The checkpoint that is dequantised from the int8 weights, and the cache that it is written to."""

import json
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification

from app.sentiment.bundle import BundleError, load
from app.sentiment.engines import disk_cache, reference
from training.card import write as write_card


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sentiment"


def test_checkpoint_is_in_the_cache_under_the_revision(bundle, cache):
    folder = reference.checkpoint(bundle)
    assert folder == cache / f"{bundle.revision}-{disk_cache.FORMAT}" / "checkpoint"
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "derived.sha256", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]


def test_checkpoint_is_written_once(bundle, cache):
    weights = reference.checkpoint(bundle) / reference.WEIGHTS
    written = weights.stat()
    again = (reference.checkpoint(bundle) / reference.WEIGHTS).stat()
    assert (again.st_ino, again.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


@pytest.mark.parametrize("name", [*reference.FILES, disk_cache.CHECKSUMS])
@pytest.mark.parametrize("damage", ["changed", "emptied", "missing"])
def test_a_damaged_checkpoint_is_derived_again(bundle, cache, name, damage):
    folder = reference.checkpoint(bundle)
    path = folder / name
    intact = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(intact[:-1] + b"\xff" if damage == "changed" else b"")
    assert reference.checkpoint(bundle) == folder
    assert path.read_bytes() == intact
    assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]


def test_a_checkpoint_of_another_format_is_not_used(bundle, cache, monkeypatch):
    before = reference.checkpoint(bundle)
    monkeypatch.setattr(disk_cache, "FORMAT", disk_cache.FORMAT + 1)
    assert reference.checkpoint(bundle) != before


def test_weights_of_the_checkpoint_are_readable_by_all(bundle, cache):
    weights = reference.checkpoint(bundle) / reference.WEIGHTS
    assert weights.stat().st_mode & 0o777 == 0o644


def test_a_checkpoint_is_used_from_a_cache_that_cannot_be_written(bundle, cache, monkeypatch):
    folder = reference.checkpoint(bundle)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("tempfile.tempdir", "/dev/null")
    assert reference.checkpoint(bundle) == folder


def test_checkpoint_is_refused_once_the_int8_weights_are_damaged(bundle, cache, tmp_path):
    copy = shutil.copytree(bundle.folder, tmp_path / "model")
    reference.checkpoint(load(copy))
    with (copy / "model.int8.safetensors").open("ab") as file:
        file.write(b" ")
    with pytest.raises(BundleError, match=r"model\.int8\.safetensors has sha256"):
        reference.checkpoint(load(copy))


def test_processes_that_start_together_load_the_same_checkpoint(bundle, cache):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        folders = pool.map(reference.checkpoint, [replace(bundle, card={"revision": "new"})] * 3)
    assert set(folders) == {cache / f"new-{disk_cache.FORMAT}" / "checkpoint"}
    assert [path.name for path in folders[0].parent.iterdir()] == ["checkpoint"]
    AutoModelForSequenceClassification.from_pretrained(folders[0])


def margins(logits):
    """How far Positive is above Negative."""
    return np.array([each[-1] - each[0] for each in logits])


def test_torch_computes_the_network_that_the_int8_kernels_do(native, torch, reviews):
    """They differ by what the kernels lose when they quantise activations.

    The difference is relative, because the temperature scales all logits.
    """
    served, exact = (margins(of.score(reviews).logits) for of in (native, torch))
    assert np.abs(served - exact).mean() < 0.012 * np.abs(exact).mean()


def test_a_bundle_with_a_checkpoint_of_its_own_is_loaded_from_that(bundle, cache, tmp_path):
    own = shutil.copytree(bundle.folder, tmp_path / "model")
    shutil.copyfile(reference.checkpoint(bundle) / reference.WEIGHTS, own / reference.WEIGHTS)
    write_card(own, {**bundle.card, "revision": "own"})
    assert reference.checkpoint(load(own)) == own
    assert {path.name for path in cache.iterdir()} == {f"{bundle.revision}-{disk_cache.FORMAT}"}


def test_cache_without_xdg_cache_home_is_in_the_users_home(bundle, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    name = f"{bundle.revision}-{disk_cache.FORMAT}"
    assert disk_cache.folder(bundle) == tmp_path / ".cache/sentiment" / name


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"])
def test_cache_is_temporary_where_the_home_cannot_be_written(bundle, tmp_path, monkeypatch, home):
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = disk_cache.folder(bundle)
    assert folder.is_relative_to(tmp_path)
    assert folder == disk_cache.folder(bundle)
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_cache_is_temporary_where_the_user_has_no_home(bundle, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def no_home() -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", no_home)
    assert disk_cache.folder(bundle).is_relative_to(tmp_path)


def test_cache_is_never_another_users_temporary_folder(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    another_users = tmp_path / f"sentiment-{os.getuid() + 1}"
    another_users.mkdir()
    monkeypatch.setattr("os.getuid", lambda: another_users.stat().st_uid + 1)
    assert not disk_cache.folder(bundle).is_relative_to(another_users)


@pytest.mark.parametrize("shared", ["sentiment", "sentiment/{revision}"])
def test_cache_is_never_another_users_folder(bundle, cache, tmp_path, monkeypatch, shared):
    name = f"{bundle.revision}-{disk_cache.FORMAT}"
    another_users = cache.parent / shared.format(revision=name)
    another_users.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lstat = Path.lstat

    def owned_by_another(path: Path) -> os.stat_result:
        result = lstat(path)
        owner = os.getuid() + 1 if path == another_users else result.st_uid
        return os.stat_result((*result[:4], owner, *result[5:10]))

    monkeypatch.setattr("pathlib.Path.lstat", owned_by_another)
    reference.checkpoint(bundle)
    assert not disk_cache.folder(bundle).is_relative_to(cache)
    assert not (cache / name / "checkpoint").exists()


def test_a_checkpoint_that_another_user_wrote_is_not_used(bundle, cache, tmp_path, monkeypatch):
    another_users = reference.checkpoint(bundle)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.getuid", lambda: another_users.stat().st_uid + 1)
    assert reference.checkpoint(bundle) != another_users


@pytest.mark.parametrize("obstacle", ["file", "dangling link"])
def test_cache_is_of_the_process_where_the_temporary_name_is_taken(
    bundle, tmp_path, monkeypatch, obstacle
):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = tmp_path / f"sentiment-{os.getuid()}"
    if obstacle == "file":
        taken.touch()
    else:
        taken.symlink_to(tmp_path / "gone")
    folder = disk_cache.folder(bundle)
    assert folder.is_relative_to(tmp_path)
    assert not folder.is_relative_to(taken)
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert folder == disk_cache.folder(bundle)


def test_a_cache_of_the_process_is_removed_at_exit(bundle, tmp_path):
    (tmp_path / f"sentiment-{os.getuid()}").touch()
    environment = {**os.environ, "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": "/dev/null"}
    code = (
        "import sys; from pathlib import Path; from app.sentiment import bundle; "
        "from app.sentiment.engines import disk_cache; "
        "folder = disk_cache.folder(bundle.load(Path(sys.argv[1]))); "
        "(folder / 'file').touch(); print(folder)"
    )
    command = [sys.executable, "-c", code, str(bundle.folder)]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert run.stdout.startswith(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [f"sentiment-{os.getuid()}"]
