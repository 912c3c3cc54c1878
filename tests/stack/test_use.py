"""The snippets of docs/use.md through AWS, run as they stand there."""

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


def test_the_function_is_invoked(environment: dict[str, str]) -> None:
    lines = run("Invoke the function", environment).splitlines()
    assert [line.split()[:2] for line in lines] == [["0", "Positive"], ["1", "Negative"]]


def test_what_is_sent_to_the_queue_is_read_from_the_results(environment: dict[str, str]) -> None:
    assert run("Send to the queue", environment) == ""
    lines = run("Read the results", environment).splitlines()
    found = {line.split()[0]: line for line in lines}
    assert "Positive" in found["review-7"]
    assert "{'shop': 'north'}" in found["review-7"]
    assert "Negative" in found["review-8"]


def test_the_address_ends_in_a_slash_as_the_snippets_expect(stack: Stack) -> None:
    assert stack.outputs["Url"].endswith("/prod/")
