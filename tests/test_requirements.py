"""One version of each package: requirement files, lock files, dependency groups and constraints."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app import __version__
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
LOCKS = sorted(path.name for path in ROOT.glob("*.lock"))
APART = {"deepsparse", "peers", "stack", "teacher"}
"""Groups whose packages are installed apart from all others."""


def versions(name: str) -> dict[str, str]:
    """Return the versions that a file pins, by package."""
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def group_versions(name: str) -> dict[str, str]:
    """Return the versions that a dependency group pins itself, without included groups."""
    requirements = [Requirement(entry) for entry in GROUPS[name] if isinstance(entry, str)]
    pins = {}
    for requirement in requirements:
        [specifier] = requirement.specifier
        assert specifier.operator == "=="
        pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def test_lock_pins_what_the_requirements_pin():
    assert versions("requirements.lock") == versions("requirements.txt")


def test_build_lock_pins_what_the_group_pins():
    assert versions("requirements-build.lock") == group_versions("build")


def test_stack_lock_pins_what_the_group_pins():
    assert group_versions("stack").items() <= versions("requirements-stack.lock").items()


@pytest.mark.parametrize("group", sorted(GROUPS.keys() - APART))
def test_constraints_pin_what_the_group_pins(group):
    assert group_versions(group).items() <= versions("constraints.txt").items()


@pytest.mark.parametrize("package", ["numpy", "onnxruntime", "torch", "transformers"])
def test_the_service_does_not_require_packages_of_the_reference_or_of_training(package):
    assert package not in versions("requirements.lock")


def test_constraints_pin_what_the_requirements_pin():
    assert versions("requirements.txt").items() <= versions("constraints.txt").items()


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_its_hashes_and_no_address(name):
    lock = (ROOT / name).read_text()
    package = r"[\w.-]+==[\w.]+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    assert re.fullmatch(rf"(?:{package})+", lock)


@pytest.mark.parametrize("package", ["tokenizers", "pydantic-core", "arro3-core", "arro3-io"])
def test_compiled_packages_are_locked_for_more_than_one_machine(package):
    lock = (ROOT / "requirements.lock").read_text()
    [hashes] = re.findall(rf"^{package}==.*\n((?:    --hash.*\n)+)", lock, re.MULTILINE)
    assert hashes.count("--hash") >= 4


def test_group_that_builds_the_engine_is_what_the_engine_names():
    named = (ROOT / "native/pyproject.toml").read_text() + (ROOT / "native/backend.py").read_text()
    named += repr(PROJECT["build-system"]["requires"]).replace("'", '"')
    assert set(re.findall(r'"([\w-]+==[\d.]+)"', named)) == {
        f"{package}=={version}" for package, version in group_versions("build").items()
    }


def test_make_installs_a_pip_that_knows_dependency_groups():
    makefile = (ROOT / "Makefile").read_text()
    [major, minor] = re.findall(r"^PIP_VERSION := (\d+)\.(\d+)", makefile, re.MULTILINE)[0]
    assert (int(major), int(minor)) >= (25, 1)


def test_application_and_engine_have_one_version():
    native = tomllib.loads((ROOT / "native/pyproject.toml").read_text())
    assert native["project"]["version"] == __version__


LAMBDA = {"mangum"}
"""Packages that the command and the library do not import."""


def test_package_needs_what_the_code_imports_in_the_tested_version_or_newer():
    text = (ROOT / "requirements.txt").read_text()
    [imported] = re.findall(r"^# What the code imports\.\n((?:\S+==\S+\n)+)", text, re.MULTILINE)
    pins = dict(line.split("==") for line in imported.splitlines())
    needed = [Requirement(entry) for entry in PROJECT["project"]["dependencies"]]
    assert {one.name for one in needed} == pins.keys() - LAMBDA
    for one in needed:
        assert {specifier.operator for specifier in one.specifier} == {">="}
        assert one.specifier.contains(pins[one.name])
