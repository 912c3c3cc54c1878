"""The wheels that ``make wheels`` builds: of the kernels, and of the service as one package.

They are built of the tracked files and installed into empty environments. Both happen without an
index: setuptools, zig and the packages that the wheels need are those of the tests' environment.
"""

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from distilbert_int8 import Network

from app import __version__
from app.sentiment.engines.native import WEIGHTS
from tests.conftest import ROOT

BUILT_OF = ["app", "model", "native", "sentiment", "setup.py", "pyproject.toml", "MANIFEST.in"]
BUILT_OF += ["README.md", "LICENSE", "NOTICE"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
TARGETS = ["x86_64-linux-gnu.2.17", "aarch64-linux-gnu.2.17"]
THIS = f"{platform.machine()}-linux-gnu.2.17"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tracked files that the wheels are built of."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.check_output(["git", "ls-files", "-z", *BUILT_OF], cwd=ROOT)
    for name in listed.decode().split("\0")[:-1]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    return source


def build(package: Path, target: str, folder: Path) -> Path:
    """Build a package's wheel for a target; return the wheel."""
    options = ["--no-deps", "--no-index", "--no-build-isolation", f"--wheel-dir={folder}"]
    environment = {**CLEAN, "DISTILBERT_INT8_TARGET": target}
    subprocess.run([*PIP, "wheel", *options, str(package)], env=environment, check=True)
    [built] = folder.iterdir()
    return built


def install(wheel: Path, folder: Path) -> None:
    """Install a wheel into an empty environment, with no compiler on the path."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    assert not any(shutil.which(name, path=folder / "bin") for name in ("cc", "gcc", "clang"))
    command = [*PIP, "--python", str(folder / "bin/python"), "install", "--no-deps", "--no-index"]
    environment = {**CLEAN, "PATH": str(folder / "bin")}
    subprocess.run([*command, str(wheel)], env=environment, check=True)


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, THIS, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def kernels(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the wheels of the kernels' package, by target."""
    return {
        target: build(source / "native", target, tmp_path_factory.mktemp("kernels"))
        for target in TARGETS
    }


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the environment's commands."""
    folder = tmp_path_factory.mktemp("installed")
    install(wheel, folder)
    python = folder / "bin/python"
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


@pytest.mark.parametrize("target", TARGETS)
def test_wheel_of_the_kernels_is_for_every_python_and_for_the_glibc_in_its_name(kernels, target):
    architecture = target.partition("-")[0]
    tag = f"manylinux_2_17_{architecture}"
    assert kernels[target].name == f"distilbert_int8-{__version__}-py3-none-{tag}.whl"
    names = zipfile.ZipFile(kernels[target]).namelist()
    assert [name for name in names if name.endswith(".so")] == ["distilbert_int8/_kernels.so"]
    audit = [sys.executable, "-m", "auditwheel", "show", kernels[target]]
    audited = " ".join(subprocess.check_output(audit, text=True).split())
    [consistent] = re.findall(r'following platform tag: "(\w+)"', audited)
    # The oldest glibc that has the symbols in use, which may be older than the one asked for.
    [minor] = re.findall(rf"manylinux_2_(\d+)_{architecture}", consistent)
    assert int(minor) <= 17


def test_kernels_compute_the_same_without_a_compiler(kernels, bundle, tmp_path):
    install(kernels[THIS], tmp_path)
    rows = [[101, *range(2000, 2000 + length), 102] for length in (1, 14, 100, 510)]
    path = bundle.folder / WEIGHTS
    code = (
        "import json, sys; from pathlib import Path; from distilbert_int8 import Network; "
        "network = Network(Path(sys.argv[1]), 2); "
        "print(json.dumps([network.instructions, network.logits(json.loads(sys.argv[2]))]))"
    )
    command = [tmp_path / "bin/python", "-c", code, path, json.dumps(rows)]
    environment = {"PATH": str(tmp_path / "bin")}
    computed = subprocess.check_output(command, env=environment, cwd=tmp_path, text=True)
    network = Network(path, 2)
    assert json.loads(computed) == [network.instructions, network.logits(rows)]


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
