"""The checkpoint that is dequantised from the int8 weights, and the cache that it is written to."""

import json
import multiprocessing
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification

from app.sentiment.bundle import BundleError, load
from app.sentiment.engines import disk_cache, reference
from app.sentiment.engines.onnx import graph
from training.card import write as write_card


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sentiment"


def test_checkpoint_is_in_the_cache_under_the_revision(bundle, cache):
    folder = reference.checkpoint(bundle)
    assert folder == cache / bundle.revision / "checkpoint"
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]


def test_checkpoint_is_written_once(bundle, cache):
    weights = reference.checkpoint(bundle) / reference.WEIGHTS
    written = weights.stat()
    assert (reference.checkpoint(bundle) / reference.WEIGHTS).stat() == written


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
    assert set(folders) == {cache / "new" / "checkpoint"}
    assert [path.name for path in (cache / "new").iterdir()] == ["checkpoint"]
    AutoModelForSequenceClassification.from_pretrained(folders[0])


def test_torch_computes_the_network_that_the_int8_kernels_do(native, torch, reviews):
    """They differ by what the kernels lose when they quantise activations."""
    served, exact = (np.diff(of.score(reviews).logits, axis=1) for of in (native, torch))
    assert np.abs(served - exact).mean() < 0.03


def test_a_bundle_with_a_checkpoint_of_its_own_is_loaded_from_that(bundle, cache, tmp_path):
    own = shutil.copytree(bundle.folder, tmp_path / "model")
    shutil.copyfile(reference.checkpoint(bundle) / reference.WEIGHTS, own / reference.WEIGHTS)
    write_card(own, {**bundle.card, "revision": "own"})
    assert reference.checkpoint(load(own)) == own
    assert not (cache / "own").exists()


def test_onnx_without_a_graph_names_the_command_that_writes_it(bundle, cache):
    with pytest.raises(BundleError, match=f"{cache}/.*/model.onnx, which `make onnx` writes"):
        graph(bundle)


def test_cache_without_xdg_cache_home_is_in_the_users_home(bundle, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert disk_cache.folder(bundle) == tmp_path / ".cache/sentiment" / bundle.revision


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
