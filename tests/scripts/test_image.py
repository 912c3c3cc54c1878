"""What is said of the image, and that what is left out of it is not called."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import tomllib

import pytest
from packaging.requirements import Requirement

from scripts import image
from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LABELS = {
    "org.opencontainers.image.base.name": "registry.example/lambda/python:3.12",
    "org.opencontainers.image.base.digest": f"sha256:{'0' * 64}",
}
METADATA = "Metadata-Version: 2.1\nName: left\nVersion: 1.2\n"


def tar(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@pytest.fixture
def archive(tmp_path):
    """An image of a base of two layers, a package and a model."""
    package = {
        "left/__init__.py": b"x" * 1_000_000,
        "left/__pycache__/__init__.cpython-312.pyc": b"x" * 500_000,
        "left-1.2.dist-info/METADATA": METADATA.encode(),
        "left-1.2.dist-info/RECORD": b"left/__init__.py,,\nleft/tests/gone.py,,\n",
    }
    layers = {
        "base.tar": tar({"usr/bin/python": b"x" * 2_000_000}),
        "more.tar": tar({"etc/motd": b"x" * 1_000_000}),
        "1.tar": tar({f"var/task/{name}": content for name, content in package.items()}),
        "2.tar": tar({"var/task/model/config.json": b"x" * 250_000}),
    }
    manifest = [{"Config": "config.json", "Layers": list(layers)}]
    config = {"config": {"Labels": LABELS}}
    described = {"manifest.json": manifest, "config.json": config}
    path = tmp_path / "image.tar"
    path.write_bytes(
        tar({name: json.dumps(each).encode() for name, each in described.items()} | layers)
    )
    return path


def test_layers_are_told_from_the_base(archive, tmp_path):
    layers = image.unpack(archive, tmp_path)
    assert [layer.name for layer in layers] == [
        "the base image",
        "the packages",
        "the model: int8 weights, vocabulary, card",
    ]
    assert [round(layer.megabytes, 2) for layer in layers] == [3.0, 1.5, 0.25]


def test_image_says_what_it_was_built_on(archive):
    assert image.base(archive) == tuple(LABELS.values())


def test_package_weighs_what_is_left_of_it_with_its_bytecode(archive, tmp_path):
    image.unpack(archive, tmp_path)
    [package] = image.packages(tmp_path / image.TASK_ROOT)
    assert (package.name, package.version, package.megabytes) == ("left", "1.2", 1.5)


def test_each_large_package_of_the_recorded_image_is_there_for_a_reason():
    _, packages = image.recorded()
    assert {each.name for each in packages if each.megabytes >= 1} <= image.WHY.keys()


def test_recorded_image_keeps_to_its_size():
    layers, _ = image.recorded()
    assert sum(layer.megabytes for layer in layers[1:]) <= image.MOST_MB


def test_image_keeps_what_botocore_knows_of_each_service_that_is_called():
    sources = [*(ROOT / "app").rglob("*.py"), ROOT / "handler.py"]
    called = {
        name
        for source in sources
        for name in re.findall(
            r'(?:boto3|aws)\.(?:client|resource)\("([\w-]+)"', source.read_text()
        )
    }
    [kept] = re.findall(r"([\w|]+)\) ;; \\\n\s+\*\) rm -rf \"\$service\"", DOCKERFILE)
    assert called
    assert called <= set(kept.split("|"))


def test_image_leaves_out_only_packages_that_are_required():
    """A name that is misspelt or gone would leave out nothing."""
    required = re.findall(r"^([\w-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    [left_out] = re.findall(r"hub='([\w|-]+)'", DOCKERFILE)
    names = {*left_out.split("|")}
    assert "huggingface-hub" in names
    assert names <= set(required)


def test_image_installs_nothing_without_its_hash_but_torch_and_the_engine_of_its_own():
    installed = re.findall(r"install (?=.*-)((?:[^&;|\\\n]|\\\n)*)", DOCKERFILE)
    commands = [command for command in installed if "-r " in command or ".whl" in command]
    assert len(commands) == 4
    for command in commands:
        assert (
            "--require-hashes" in command
            or command.split()[-3:] == ["safetensors", "torch", "transformers"]
            or ("--no-index" in command and command.rstrip().endswith(" wheels/*.whl"))
        )
    [built] = re.findall(r"pip wheel (.*)", DOCKERFILE)
    assert {"--no-deps", "--no-index", "--no-build-isolation"} <= {*built.split()}


def test_torch_image_installs_the_packages_of_the_dependency_group():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    names = [Requirement(requirement).name for requirement in groups["torch"]]
    assert (
        f"-r requirements.txt -c constraints.txt \\\n            {' '.join(names)};" in DOCKERFILE
    )


def test_base_image_is_named_once_with_its_digest_or_a_tag_to_pin():
    [named] = re.findall(r"^ARG BASE_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"[\w./-]+:3\.\d+(@sha256:[0-9a-f]{64})?", named)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) <= {"${BASE_IMAGE}"}


@pytest.fixture
def built(tmp_path):
    """Run the commands of the image's model stage on a bundle of these weights."""

    def built(engine, files, listed, revision="abc123"):
        sources, task = tmp_path / "model", tmp_path / "task"
        sources.mkdir()
        named = {"card.json": json.dumps({"revision": revision}), "config.json": "{}"}
        named |= {"tokenizer.json": "{}", "tokenizer_config.json": "{}", **files}
        for name, content in named.items():
            (sources / name).write_text(content)
        with (sources / "SHA256SUMS").open("w") as sums:
            for name in sorted(named.keys() - files.keys() | listed.keys()):
                content = listed.get(name, named.get(name))
                sums.write(f"{hashlib.sha256(content.encode()).hexdigest()}  {name}\n")
        [stage] = re.findall(r"WORKDIR /tmp/model\n(?:#.*\n)*RUN ((?:.*\\\n)*.*)\n", DOCKERFILE)
        environment = {**os.environ, "ENGINE": engine, "LAMBDA_TASK_ROOT": str(task)}
        run = subprocess.run(
            ["sh", "-c", stage], cwd=sources, env=environment, capture_output=True, text=True
        )
        return run, task / "model"

    return built


NATIVE = {"model.int8.safetensors": "int8"}
FP16 = {"model.safetensors": "fp16"}
GRAPH = {"model.onnx": "metadata: revision abc123"}


@pytest.mark.parametrize(
    ("engine", "files", "listed", "weights"),
    [
        ("native", NATIVE | FP16 | GRAPH, NATIVE | FP16 | GRAPH, NATIVE),
        ("torch", NATIVE, NATIVE, NATIVE),
        ("torch", NATIVE | FP16, NATIVE | FP16, FP16),
        ("torch", NATIVE | FP16, NATIVE, NATIVE),
    ],
)
def test_image_holds_the_weights_that_its_engine_loads(built, engine, files, listed, weights):
    run, model = built(engine, files, listed)
    assert run.returncode == 0, run.stderr
    assert {path.name for path in model.glob("model.*")} == weights.keys()
    sums = dict(line.split("  ")[::-1] for line in (model / "SHA256SUMS").read_text().splitlines())
    [name] = weights
    assert sums[name] == hashlib.sha256((model / name).read_bytes()).hexdigest()


def test_image_is_not_built_for_an_engine_that_there_is_not(built):
    run, model = built("onnx", NATIVE | GRAPH, NATIVE | GRAPH)
    assert run.returncode != 0
    assert "ENGINE must be native or torch, not 'onnx'" in run.stderr
    assert not model.exists()
