"""What all dialects share: the setting, the cold start, and requests that are in none of them."""

import json
import subprocess
import sys
from typing import get_args

import pytest

from app.settings import Dialect, load
from app.web.dialects import DIALECTS
from tests.access.test_keys import entry
from tests.conftest import ROOT
from tests.web.client import client

BODIES = {
    "/": {"inputs": "Good."},
    "/models/any/name": {"inputs": "Good."},
    "/hf-inference/models/any": {"inputs": "Good."},
    "/classify": {"input": "Good."},
}


def test_every_dialect_is_a_value_of_the_setting():
    assert {dialect.name for dialect in DIALECTS} <= set(get_args(Dialect))


def test_all_are_on_by_default_and_none_switches_them_off():
    assert load({}).dialects == get_args(Dialect)
    assert load({"SENTIMENT_DIALECTS": "none"}).dialects == ()
    assert load({"SENTIMENT_DIALECTS": "tei, vllm"}).dialects == ("tei", "vllm")


@pytest.mark.parametrize("path", BODIES)
def test_path_of_a_dialect_that_is_on_is_answered(path):
    assert client().post(path, json=BODIES[path]).status_code == 200


@pytest.mark.parametrize("path", BODIES)
def test_path_of_a_dialect_that_is_off_does_not_exist(path):
    answer = client(dialects=()).post(path, json=BODIES[path])
    assert answer.status_code == (405 if path == "/" else 404)
    assert answer.headers["content-type"] == "application/problem+json"


def test_document_has_the_operations_of_dialects_that_are_on():
    paths = client(dialects=("vllm",)).get("/openapi.json").json()["paths"]
    assert "/classify" in paths
    assert paths["/"].keys() == {"get"}


def test_every_operation_of_the_document_has_a_sentence():
    for methods in client().get("/openapi.json").json()["paths"].values():
        for operation in methods.values():
            assert operation["description"].endswith(".")


def test_every_reference_of_the_document_has_a_target():
    document = client().get("/openapi.json").json()
    references = set()

    def collect(node):
        if isinstance(node, dict):
            references.update(value for name, value in node.items() if name == "$ref")
            node = list(node.values())
        for value in node if isinstance(node, list) else ():
            collect(value)

    collect(document)
    components = document["components"]["schemas"]
    assert {one.removeprefix("#/components/schemas/") for one in references} <= components.keys()


def test_health_check_needs_no_key_where_a_dialect_does():
    caller = client(api_keys=entry("shop", "sk_shop"))
    assert caller.get("/").status_code == 200
    assert caller.post("/", json=BODIES["/"]).status_code == 401


def test_methods_of_a_path_of_a_dialect_are_listed():
    caller = client()
    assert caller.options("/").headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert caller.delete("/").headers["allow"] == "GET, HEAD, POST, OPTIONS"
    answer = caller.get("/classify")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


def test_trailing_slash_is_ignored():
    assert client().post("/classify/", json=BODIES["/classify"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [(path, b"{", 400) for path in BODIES] + [("/classify", b"{}", 400), ("/", b"{}", 422)],
)
def test_log_names_the_route_and_the_cause_without_content(lines, path, body, status):
    client().post(path, content=body, headers={"content-type": "application/json"})
    [line] = lines()
    assert line["status"] == status
    assert line["route"] == path.replace("/any/name", "/{model:path}").replace(
        "models/any", "models/{model:path}"
    )
    assert line["cause"]


def test_a_prediction_imports_no_dialect():
    script = (
        "import json, sys, handler\n"
        'event = json.load(open("tests/events/rest-api.json"))\n'
        "handler.handler(event, None)\n"
        'loaded = [name for name in sys.modules if name.startswith("app.web.dialects.")]\n'
        "print(json.dumps(loaded))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("key", ["sk_shop", "sk_other"])
def test_no_log_line_or_refusal_contains_a_key(lines, key):
    caller = client(api_keys=entry("shop", "sk_shop"))
    signature = {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/20261129, Signature=1"}
    for path in ("/", "/v1/documents:analyzeSentiment", "/classify", "/nothing"):
        answer = caller.post(f"{path}?key={key}", json={}, headers=signature)
        assert answer.status_code >= 400
        assert key not in answer.text
    assert len(lines()) == 4
    assert key not in json.dumps(lines())
