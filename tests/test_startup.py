"""A cold start on Lambda: which packages it must not import, and what it leaves behind."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = {
    "arro3",
    "boto3",
    "botocore",
    "limits",
    "llvmlite",
    "numba",
    "numpy",
    "onnxruntime",
    "sentencex",
    "pandas",
    "pyarrow",
    "scipy",
    "shap",
    "sklearn",
    "torch",
    "tqdm",
    "transformers",
    "uvicorn",
}
SCRIPT = """
import gc, json, sys
import handler
event = json.load(open("tests/events/rest-api.json"))
answer = handler.handler(event, None)
modules = sorted(name for name, module in sys.modules.items() if module)
event |= {"path": "/explain", "resource": "/explain"}
event["requestContext"]["path"] = "/prod/explain"
explanation = json.loads(handler.handler(event, None)["body"])
more = sorted(name for name, module in sys.modules.items() if module and name not in modules)
state = [gc.isenabled(), gc.get_freeze_count()]
print(json.dumps([answer["statusCode"], modules, *state, explanation, more]))
"""


@pytest.fixture(scope="module")
def started():
    """What a prediction leaves behind, and what an explanation adds to it."""
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "fn", "SENTIMENT_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])  # after the log's lines


def test_first_request_is_answered(started):
    assert started[0] == 200


def test_request_imports_no_heavy_package(started):
    # Powertools asks whether botocore is there by importing the package, which imports nothing.
    heavy = {name for name in started[1] if name.partition(".")[0] in HEAVY}
    assert heavy <= {"botocore"}


def test_an_explanation_imports_nothing_that_a_prediction_does_not(started):
    explanation, imported = started[-2:]
    assert explanation["complete"]
    assert imported == []


def test_request_does_not_import_what_only_other_events_need(started):
    rooms = {".".join(name.split(".")[:2]) for name in started[1] if name.startswith("app.")}
    assert "app.objects" not in rooms
    assert {name for name in started[1] if name.startswith("app.events.")} == {"app.events.http"}


def test_pydantic_v1_is_not_imported(started):
    assert [name for name in started[1] if name.startswith("pydantic.v1")] == []


def test_objects_of_the_start_are_exempt_from_garbage_collection(started):
    _, _, collecting, frozen, *_ = started
    assert collecting
    assert frozen > 10_000


def test_openapi_document_is_built_on_request():
    script = (
        "import json, handler\n"
        'event = json.load(open("tests/events/rest-api.json"))\n'
        'event |= {"httpMethod": "GET", "path": "/openapi.json", "resource": "/openapi.json"}\n'
        'event["requestContext"]["path"] = "/prod/openapi.json"\n'
        "print(handler.handler(event, None)['body'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "/predict" in json.loads(done.stdout.splitlines()[-1])["paths"]
