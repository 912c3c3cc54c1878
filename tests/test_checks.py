"""`make lint`, the pre-commit hooks and CI run the same checks."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import ROOT

CONFIGURATION = ROOT / ".pre-commit-config.yaml"


def lint_commands() -> set[str]:
    """Return the tools that `make lint` runs, each with its subcommand if it has one."""
    [recipe] = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {match.strip() for match in re.findall(r"\$\(BIN\)/([\w-]+(?: [a-z]+(?= ))?)", recipe)}


def test_each_check_of_make_lint_is_a_hook():
    [repository] = yaml.safe_load(CONFIGURATION.read_text())["repos"]
    hooks = {
        hook["entry"].removeprefix(".venv/bin/").split(" --")[0] for hook in repository["hooks"]
    }
    assert hooks == lint_commands()


def test_hooks_need_nothing_but_the_environment():
    [repository] = yaml.safe_load(CONFIGURATION.read_text())["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_pre_commit_accepts_the_configuration():
    pre_commit = Path(sys.executable).with_name("pre-commit")
    subprocess.run([pre_commit, "validate-config", CONFIGURATION], check=True)


def test_ci_lints_before_it_tests():
    commands = re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert commands == ["lint", "test"]
