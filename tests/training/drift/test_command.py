"""The command: its files, what it prints and how it ends."""

import json
import sys

import pytest

from tests.training.drift.conftest import weeks
from training.drift import __main__ as command


@pytest.fixture
def drift(tmp_path, written, monkeypatch):
    """Run it; return its exit code."""

    def run(found, *options):
        given = ["drift", written(found), *options, "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", [str(one) for one in given])
        try:
            command.main()
        except SystemExit as ended:
            return ended.code
        return 0

    return run


def test_the_report_is_written_printed_and_drawn(drift, tmp_path, capsys):
    assert drift(weeks(0, shift=-0.2, heard=0.2)) == 0
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["drift"] == ["positive share"]
    printed = capsys.readouterr().out
    assert "DRIFT: positive share." in printed
    assert "biased sample" in printed
    assert (tmp_path / "out/drift.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("shift", "code"), [(-0.2, 3), (0, 0)])
def test_drift_fails_the_command_where_that_is_asked_for(drift, shift, code):
    assert drift(weeks(0, shift=shift), "--fail-on-drift") == code


def test_what_cannot_be_read_is_named(drift, capsys):
    assert drift([], "--feedback", "missing.jsonl") == 1
    assert "missing.jsonl" in capsys.readouterr().err
