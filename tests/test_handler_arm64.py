"""The whole service on an emulated arm64 processor."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from handler import handler
from local import arm64

pytestmark = [
    pytest.mark.skipif(bool(arm64.missing()), reason=arm64.missing() or "all is there"),
    pytest.mark.skipif(not arm64.PYTHON.exists(), reason="`make arm64` makes the emulated Python"),
]
EVENT = Path(__file__).parent / "events/rest-api.json"
HANDLE = """
import json, sys
from handler import handler
print(json.dumps(handler(json.load(sys.stdin), None)))
"""


def test_the_handler_answers_an_event_as_it_does_on_this_machine(tmp_path):
    package = arm64.build_package(tmp_path)
    emulated = subprocess.run(
        [str(arm64.PYTHON), "-c", HANDLE],
        input=EVENT.read_text(),
        env={**os.environ, "PYTHONPATH": f"{package}:{arm64.ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer = json.loads(emulated.stdout.splitlines()[-1])
    expected = handler(json.loads(EVENT.read_text()), None)
    assert answer["statusCode"] == expected["statusCode"] == 200
    assert answer["headers"]["content-type"] == expected["headers"]["content-type"]
    assert {**json.loads(answer["body"]), "cached": None} == {
        **json.loads(expected["body"]),
        "cached": None,
    }
