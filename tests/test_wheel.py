"""The wheel that ``pip install .`` builds: one package, complete, that runs outside the checkout.

It is built of the tracked files and installed into an empty environment. Both happen without an
index: setuptools, and the packages that the wheel needs, are those of the tests' environment.
"""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import __version__
from tests.conftest import ROOT

BUILT_OF = ["app", "model", "native", "sentiment", "setup.py", "pyproject.toml", "MANIFEST.in"]
BUILT_OF += ["README.md", "LICENSE", "NOTICE"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.check_output(["git", "ls-files", "-z", *BUILT_OF], cwd=ROOT)
    for name in listed.decode().split("\0")[:-1]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-index", "--no-build-isolation", f"--wheel-dir={folder}"]
    subprocess.run([*PIP, "wheel", *options, str(source)], env=CLEAN, check=True)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the environment's commands."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin/python"
    command = [*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, env=CLEAN, check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.check_output([python, "-c", code], text=True).strip()
    Path(packages, "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin"


@pytest.fixture
def run(installed: Path, tmp_path: Path):
    def run(command: str, *arguments: str) -> str:
        return subprocess.check_output(
            [installed / command, *arguments], cwd=tmp_path, env=CLEAN, text=True
        )

    return run


def test_wheel_installs_one_package(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "sentiment",
        f"sentiment-{__version__}.dist-info",
    }


def test_wheel_has_the_weights_the_pages_the_licences_and_the_types(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    weights = {f"sentiment/model/{path.name}" for path in tracked("model")}
    pages = {
        f"sentiment/_service/{path.relative_to(ROOT / 'app')}"
        for path in tracked("app")
        if path.suffix != ".py"
    }
    assert weights | pages | {"sentiment/py.typed"} <= names
    licences = f"sentiment-{__version__}.dist-info/licenses"
    assert {f"{licences}/LICENSE", f"{licences}/NOTICE"} <= names


def test_wheel_has_every_module(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in tracked("app"):
        if path.suffix == ".py":
            assert f"sentiment/_service/{path.relative_to(ROOT / 'app')}" in names


def test_command_runs_outside_the_checkout(run):
    assert run("sentiment", "--version") == f"{__version__}\n"
    answer = json.loads(run("sentiment", "predict", "A joy from start to end."))
    assert answer["sentiment"] == "Positive"


def test_files_are_scored_outside_the_checkout(run, tmp_path):
    from pyarrow import parquet, table

    # Parquet is read by a child process, which has to find the package too.
    parquet.write_table(table({"text": ["Good."]}), tmp_path / "a.parquet")
    assert json.loads(run("sentiment", "score", "a.parquet"))["positive"] == 1


def test_library_works_beside_a_package_called_app(run, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__init__.py").write_text("raise SystemExit('the wrong app')")
    code = "from sentiment import Classifier; print(Classifier().predict('Good.').sentiment)"
    assert run("python", "-c", code) == "Positive\n"


def test_no_module_needs_the_names_of_the_checkout(run):
    # The engine that needs torch is left out, which takes seconds to import.
    code = (
        "import importlib, pkgutil, sys, sentiment\n"
        "sys.modules |= dict.fromkeys(('app', 'distilbert_int8', 'handler'))\n"
        "for module in pkgutil.walk_packages(sentiment.__path__, 'sentiment.'):\n"
        "    if not module.name.endswith(('__main__', '._kernels', '.torch')):\n"
        "        importlib.import_module(module.name)\n"
        "        print(module.name)\n"
    )
    imported = run("python", "-c", code).split()
    assert {"sentiment._service.main", "sentiment._distilbert_int8.network"} <= {*imported}


def tracked(folder: str) -> Iterator[Path]:
    listed = subprocess.check_output(["git", "ls-files", "-z", folder], cwd=ROOT)
    return (ROOT / name for name in listed.decode().split("\0")[:-1])


@pytest.mark.parametrize("name", ["app", "distilbert_int8"])
def test_no_module_has_its_package_in_a_string(name):
    """Such a name would be wrong in the wheel, which has the packages under other names."""
    for path in [*tracked("app"), *tracked("native/distilbert_int8"), *tracked("sentiment")]:
        if path.suffix != ".py":
            continue
        tree = ast.parse(path.read_text())
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = re.match(rf"{name}(?:\.[a-z_]*)*$", node.value)
                assert not named or id(node) in prose, f"{path}:{node.lineno}"
