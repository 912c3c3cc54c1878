"""Runs the snippets of docs/use.md that call AWS."""

import pytest

from tests.stack.conftest import CREDENTIALS, Stack
from tests.test_use import run


@pytest.fixture
def environment(stack: Stack) -> dict[str, str]:
    outputs = stack.outputs
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": stack.aws,
        "FUNCTION": outputs["FunctionName"],
        "REVIEWS_QUEUE_URL": outputs["ReviewsQueueUrl"],
        "RESULTS_QUEUE_URL": outputs["ResultsQueueUrl"],
    }


def test_invoke_the_function(environment: dict[str, str]) -> None:
    lines = run("Invoke the function", environment).splitlines()
    assert [line.split()[:2] for line in lines] == [["0", "Positive"], ["1", "Negative"]]


def test_send_to_the_queue_and_read_the_results(environment: dict[str, str]) -> None:
    assert run("Send to the queue", environment) == ""
    lines = run("Read the results", environment).splitlines()
    results = {line.split()[0]: line for line in lines}
    assert "Positive" in results["review-7"]
    assert "{'shop': 'north'}" in results["review-7"]
    assert "Negative" in results["review-8"]


def test_url_ends_in_a_slash(stack: Stack) -> None:
    assert stack.outputs["Url"].endswith("/prod/")
