"""Requests in the protocols of other services get the same answers over each transport."""

import pytest

REVIEW = "An absolute joy 👍🏽 from start to end. A terrible, boring waste of two hours."


def test_documents_of_azure_are_scored(post):
    body = {
        "kind": "SentimentAnalysis",
        "analysisInput": {"documents": [{"id": "a", "text": REVIEW}, {"id": "b", "text": " "}]},
    }
    answer = post("/language/:analyze-text", body)
    assert answer.status == 200
    results = answer.json()["results"]
    [document], [error] = results["documents"], results["errors"]
    assert (document["id"], document["sentiment"]) == ("a", "mixed")
    assert [sentence["sentiment"] for sentence in document["sentences"]] == ["positive", "negative"]
    assert (error["id"], error["error"]["innererror"]["code"]) == ("b", "InvalidDocument")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_text_of_google_is_scored(post, version):
    body = {"document": {"type": "PLAIN_TEXT", "content": REVIEW}, "encodingType": "UTF16"}
    answer = post(f"/{version}/documents:analyzeSentiment", body)
    assert answer.status == 200
    praise, blame = answer.json()["sentences"]
    assert praise["sentiment"]["score"] > 0.5
    assert blame["sentiment"]["score"] < -0.5
    begin = blame["text"]["beginOffset"]
    units = REVIEW.encode("utf-16-le")[2 * begin :]
    assert units.decode("utf-16-le") == blame["text"]["content"]


@pytest.mark.parametrize(
    "path",
    [
        "/language/:analyze-text",
        "/language/analyze-text/jobs",
        "/v1/documents:analyzeSentiment",
        "/v2/documents:analyzeEntities",
    ],
)
def test_refusals_are_in_the_shape_of_the_service(post, path):
    answer = post(path, {})
    assert answer.status in (400, 404)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-correlation-id"]
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"]["message"]
