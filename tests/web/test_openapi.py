"""Requests generated from the OpenAPI document: valid ones get documented responses, others errors.

``CASES`` sets the number of requests for each operation, valid and invalid. A longer run is
``CASES=20000 make test ARGS=tests/web/test_openapi.py``.
"""

import os
import re
from collections import Counter

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.sentiment.text import InvalidText, parse
from app.settings import Settings
from app.web import application
from app.web.dialects import DIALECTS
from app.web.problems import MEDIA_TYPE, Problem
from tests.access.test_keys import entry
from tests.events.conftest import aws  # noqa: F401

CASES = int(os.environ.get("CASES", "100"))
DIALECT_PATHS = {path.replace(":path", "") for dialect in DIALECTS for path in dialect.paths}
sent: Counter[str] = Counter()


app = application.create(Settings(api_keys=entry("shop", "sk_shop"), results_table="results"))
schemathesis.serializer.alias("application/x-amz-json-1.1", "application/json")
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schemathesis.check
def refusals_are_problem_documents(ctx, response, case):
    """The other checks hold refusals in a dialect to the schemas that the document has for them."""
    if response.status_code >= 400 and not is_in_dialect(case):
        assert response.headers["content-type"] == [MEDIA_TYPE]
        Problem.model_validate(response.json())


def is_in_dialect(case):
    if case.operation.path == "/predict":
        return isinstance(case.body, dict) and "inputs" in case.body and "text" not in case.body
    return case.operation.path in DIALECT_PATHS and case.method == "POST"


def beyond_the_document(case):
    """Return the checks to skip, because a pattern cannot describe which texts are valid.

    A text may match the pattern and still be blank, such as ``<br>`` or an unassigned character. In
    a batch, a text that does not match is an error in a response with the status 200. Which of the
    bodies of ``POST /`` is valid depends on a header, and whether the model knows Neutral is not
    documented.
    """
    if case.operation.label == "POST /":
        return [positive_data_acceptance]
    body = case.body if isinstance(case.body, dict) else {}
    document = body.get("document")
    parent = document if isinstance(document, dict) else body
    names = ("text", "content", "inputs", "input")
    text = next((parent[name] for name in names if name in parent), None)
    if isinstance(text, str):
        try:
            parse(text, 10**9)
        except InvalidText:
            return [positive_data_acceptance]
    if isinstance(body.get("texts"), list) and body["texts"]:
        return [negative_data_rejection, *without_neutral(body)]
    if case.path == "/language/:analyze-text":
        return beyond_documents(body)
    return without_neutral(body)


def without_neutral(body):
    """Return the check to skip where a request needs Neutral and the model does not know it."""
    needs_neutral = body.get("neutral") is True or body.get("sentiment") == "Neutral"
    knows_neutral = "Neutral" in app.state.scorer.classifier.bundle.labels
    return [positive_data_acceptance] if needs_neutral and not knows_neutral else []


def beyond_documents(body):
    """Return the checks to skip for documents with ids.

    An invalid text is an error in a response with the status 200. Ids must be distinct, which a
    schema cannot say.
    """
    try:
        ids = [document["id"] for document in body["analysisInput"]["documents"]]
    except (KeyError, TypeError):
        return []
    distinct = len({*map(repr, ids)}) == len(ids)
    return [negative_data_rejection] if distinct else [positive_data_acceptance]


def conformance_test(operation: str):
    """Return the test of an operation, which is named by its method and path."""

    @schema.include(name=operation).parametrize()
    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def test(case, aws):  # noqa: F811
        sent[case.operation.label] += 1
        case.call_and_validate(
            headers={"x-api-key": "sk_shop"}, excluded_checks=beyond_the_document(case)
        )

    return test


# A function for each, because pytest 9.2 gives all operations of one function the same id, of which
# pytest-xdist runs only one.
for operation in (result.ok().label for result in schema.get_all_operations()):
    name = re.sub(r"\W+", "_", operation.lower()).strip("_")
    globals()[f"test_{name}_conforms_to_the_schema"] = conformance_test(operation)


def test_enough_requests_were_sent():
    assert sum(sent.values()) >= min(2000, 4 * CASES), sent
