"""Azure AI Language, by its unmodified client."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.ai.textanalytics import AnalyzeSentimentAction, TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings
from app.web import application
from tests.access.test_keys import entry
from tests.web.client import client as web_client
from tests.web.dialects.conftest import KEY

PRAISE = "An absolute joy from start to end."
BLAME = "A terrible, boring waste of two hours."
PATH = "/language/:analyze-text?api-version=2023-04-01"


@pytest.fixture
def client(url: str) -> TextAnalyticsClient:
    return TextAnalyticsClient(url, AzureKeyCredential(KEY), retry_total=0)


def test_documents_get_their_sentiments(client: TextAnalyticsClient) -> None:
    praise, blame = client.analyze_sentiment([PRAISE, BLAME])
    assert (praise.id, praise.sentiment, praise.warnings) == ("0", "positive", [])
    assert (blame.id, blame.sentiment) == ("1", "negative")
    scores = praise.confidence_scores
    assert scores.positive > 0.7
    assert scores.positive + scores.neutral + scores.negative == pytest.approx(1, abs=2e-4)
    [sentence] = blame.sentences
    assert (sentence.text, sentence.sentiment) == (BLAME, "negative")
    assert (sentence.offset, sentence.length) == (0, len(BLAME))


def test_document_with_clear_sentences_of_both_sides_is_mixed(client: TextAnalyticsClient) -> None:
    [document] = client.analyze_sentiment([f"{PRAISE} {BLAME}"])
    assert document.sentiment == "mixed"
    assert [sentence.sentiment for sentence in document.sentences] == ["positive", "negative"]


def test_results_keep_ids_and_order_beside_errors(client: TextAnalyticsClient) -> None:
    documents = [
        {"id": "b", "text": " "},
        {"id": "a", "text": PRAISE, "language": "en-GB"},
        {"id": "c", "text": "Qué maravilla.", "language": "es"},
        {"id": "d", "text": "x" * 100_001},
        {"id": "e", "text": BLAME, "language": ""},
    ]
    results = client.analyze_sentiment(documents)
    assert [result.id for result in results] == ["b", "a", "c", "d", "e"]
    assert [result.is_error for result in results] == [True, False, True, True, False]
    errors = [(result.error.code, result.error.message) for result in results if result.is_error]
    assert errors == [
        (
            "InvalidDocument",
            "Document text must not be blank: at least one visible character is needed.",
        ),
        ("UnsupportedLanguageCode", "Invalid language code. Supported languages: en"),
        ("InvalidDocument", "Document text must have at most 100,000 characters, not 100,001."),
    ]


def test_no_document_in_english_is_a_result_of_errors(client: TextAnalyticsClient) -> None:
    [result] = client.analyze_sentiment(["Qué maravilla."], language="es")
    assert result.error.code == "UnsupportedLanguageCode"


def test_more_and_longer_documents_than_azure_takes_are_scored(client: TextAnalyticsClient) -> None:
    results = client.analyze_sentiment([PRAISE] * 11 + [f"{PRAISE} " * 200])
    assert [result.sentiment for result in results] == ["positive"] * 12


@pytest.mark.parametrize(
    ("index_type", "length"),
    [
        (None, len),
        ("UnicodeCodePoint", len),
        ("Utf16CodeUnit", lambda text: len(text.encode("utf-16-le")) // 2),
    ],
)
def test_offsets_count_what_is_asked_for(
    client: TextAnalyticsClient, index_type: str | None, length: Callable[[str], int]
) -> None:
    before, sentence = "Loved it 👍🏽👍🏽, cafe\u0301 and all. ", "Awful 😡 ending!"
    [document] = client.analyze_sentiment([before + sentence], string_index_type=index_type)
    last = document.sentences[-1]
    assert (last.text, last.offset, last.length) == (sentence, length(before), length(sentence))


def test_offsets_count_text_elements(client: TextAnalyticsClient) -> None:
    before, sentence = "Loved the cafe\u0301 and the drinks. ", "Awful 😡 ending!"
    [document] = client.analyze_sentiment([before + sentence], string_index_type="TextElement_v8")
    last = document.sentences[-1]
    assert (last.text, last.offset, last.length) == (sentence, len(before) - 1, len(sentence))


def test_statistics_are_returned_where_they_are_asked_for(client: TextAnalyticsClient) -> None:
    responses: list[Any] = []
    praise, _ = client.analyze_sentiment(
        ["Cafe\u0301!", " "], show_stats=True, raw_response_hook=responses.append
    )
    assert (praise.statistics.character_count, praise.statistics.transaction_count) == (5, 1)
    [response] = responses
    statistics = response.statistics
    assert (statistics.document_count, statistics.valid_document_count) == (2, 1)
    assert (statistics.erroneous_document_count, statistics.transaction_count) == (1, 1)
    [plain] = client.analyze_sentiment([PRAISE])
    assert plain.statistics is None


def test_version_of_the_model_may_be_latest_or_the_revision(client: TextAnalyticsClient) -> None:
    responses: list[Any] = []
    client.analyze_sentiment([PRAISE], model_version="latest", raw_response_hook=responses.append)
    revision = responses[0].model_version
    [document] = client.analyze_sentiment([PRAISE], model_version=revision)
    assert document.sentiment == "positive"
    with pytest.raises(HttpResponseError, match=f"must be latest or {revision}") as refused:
        client.analyze_sentiment([PRAISE], model_version="2022-11-01")
    assert refused.value.error.code == "ModelVersionIncorrect"


@pytest.mark.parametrize("version", ["2022-05-01", "2023-04-01"])
def test_each_version_of_the_language_api_is_answered(url: str, version: str) -> None:
    client = TextAnalyticsClient(url, AzureKeyCredential(KEY), api_version=version)
    [document] = client.analyze_sentiment([PRAISE])
    assert document.sentiment == "positive"


def test_opinion_mining_is_refused(client: TextAnalyticsClient) -> None:
    with pytest.raises(HttpResponseError, match="opinionMining: not supported") as refused:
        client.analyze_sentiment([PRAISE], show_opinion_mining=True)
    assert refused.value.status_code == 400
    assert refused.value.error.code == "InvalidParameterValue"
    [document] = client.analyze_sentiment([PRAISE], show_opinion_mining=False)
    assert document.sentiment == "positive"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.detect_language([PRAISE]),
        lambda client: client.extract_key_phrases([PRAISE]),
        lambda client: client.recognize_entities([PRAISE]),
    ],
)
def test_other_analyses_are_refused(
    client: TextAnalyticsClient, call: Callable[[TextAnalyticsClient], Any]
) -> None:
    with pytest.raises(HttpResponseError, match="only SentimentAnalysis is supported"):
        call(client)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.begin_analyze_actions([PRAISE], [AnalyzeSentimentAction()]),
        lambda client: client.begin_extract_summary([PRAISE]),
    ],
)
def test_asynchronous_operations_are_refused(
    client: TextAnalyticsClient, call: Callable[[TextAnalyticsClient], Any]
) -> None:
    with pytest.raises(HttpResponseError, match="Asynchronous operations are not supported") as no:
        call(client)
    assert no.value.error.code == "InvalidRequest"


def test_ids_must_be_distinct(client: TextAnalyticsClient) -> None:
    with pytest.raises(HttpResponseError, match="each document must have an id of its own"):
        client.analyze_sentiment([{"id": "1", "text": PRAISE}, {"id": "1", "text": BLAME}])


def test_too_many_documents_are_refused_as_a_whole(client: TextAnalyticsClient) -> None:
    with pytest.raises(HttpResponseError, match="at most 512 texts, not 513") as refused:
        client.analyze_sentiment(["x"] * 513)
    assert refused.value.error.code == "InvalidDocumentBatch"


def test_invalid_key_is_refused(url: str) -> None:
    client = TextAnalyticsClient(url, AzureKeyCredential("wrong"), retry_total=0)
    with pytest.raises(HttpResponseError, match="The API key is invalid") as refused:
        client.analyze_sentiment([PRAISE])
    assert (refused.value.status_code, refused.value.error.code) == (403, "Forbidden")


def test_missing_key_is_refused(url: str) -> None:
    client = TextAnalyticsClient(
        url, AzureKeyCredential("unused"), authentication_policy=SansIOHTTPPolicy()
    )
    with pytest.raises(ClientAuthenticationError, match="An API key is needed, .*Ocp-Apim"):
        client.analyze_sentiment([PRAISE])


def test_client_sends_the_key_that_a_gateway_reads(url: str) -> None:
    client = TextAnalyticsClient(url, AzureKeyCredential("unused"), headers={"x-api-key": KEY})
    [document] = client.analyze_sentiment([PRAISE])
    assert document.sentiment == "positive"


def test_exhausted_rate_limit_is_429_with_the_time_to_wait() -> None:
    settings = Settings(api_keys=entry("shop", KEY, "1texts/hour"))
    limited = TestClient(application.create(settings))
    for body in (request(PRAISE), request(BLAME)):
        answer = limited.post(PATH, json=body, headers={"Ocp-Apim-Subscription-Key": KEY})
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "TooManyRequests"
    assert int(answer.headers["retry-after"]) > 0


def test_body_over_the_limit_is_413_and_of_another_type_415() -> None:
    limited = web_client(max_body_bytes=100)
    large = limited.post(PATH, json=request("x" * 100))
    form = limited.post(PATH, data={"kind": "SentimentAnalysis"})
    assert (large.status_code, form.status_code) == (413, 415)
    for answer in (large, form):
        assert answer.json()["error"]["code"] == "InvalidRequest"


def test_two_labels_never_answer_neutral(two_label_bundle: Path) -> None:
    two = web_client(model_dir=two_label_bundle)
    [document] = two.post(PATH, json=request("The box is blue.")).json()["results"]["documents"]
    assert document["sentiment"] in ("positive", "negative")
    assert document["confidenceScores"]["neutral"] == 0


def request(*texts: str, **parameters: Any) -> dict[str, Any]:
    documents = [{"id": str(index), "text": text} for index, text in enumerate(texts)]
    return {
        "kind": "SentimentAnalysis",
        "analysisInput": {"documents": documents},
        "parameters": parameters,
    }


@pytest.fixture(scope="module")
def web() -> TestClient:
    return web_client()


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", "InvalidRequestBodyFormat", "The body is not JSON"),
        (b"[]", "InvalidParameterValue", "the body"),
        (
            b'{"kind": "SentimentAnalysis"}',
            "InvalidParameterValue",
            "analysisInput: Field required",
        ),
        (
            b'{"kind": "SentimentAnalysis", "analysisInput": {"documents": []}}',
            "InvalidParameterValue",
            "analysisInput/documents",
        ),
    ],
)
def test_malformed_body_is_refused(web: TestClient, body: bytes, code: str, message: str) -> None:
    answer = web.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "InvalidRequest"
    assert error["innererror"]["code"] == code
    assert message in error["innererror"]["message"]


def test_unknown_version_of_the_api_is_refused(web: TestClient) -> None:
    answer = web.post("/language/:analyze-text?api-version=v3.1", json=request(PRAISE))
    assert answer.status_code == 400
    assert "api-version" in answer.json()["error"]["message"]


def test_unknown_fields_are_ignored(web: TestClient) -> None:
    assert web.post(PATH, json={**request(PRAISE), "taskName": "x"}).status_code == 200


def test_predictions_of_callers_who_opt_out_are_not_logged(
    web: TestClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    web.post(PATH, json=request(PRAISE))
    web.post(PATH, json=request(PRAISE, loggingOptOut=True))
    logged, opted_out = [line for line in lines() if line["message"] == "request"]
    assert logged["route"] == "/language/:analyze-text"
    assert [prediction["id"] for prediction in logged["predictions"]] == [logged["correlation_id"]]
    assert "predictions" not in opted_out
    assert opted_out["tokens"] == logged["tokens"]


TEXTS = st.lists(
    st.sampled_from(["Loved it.", "Awful!", "👍🏽", "cafe\u0301", "𝒳", "\n", " ", "नि", "?"])
).map(" ".join)


@pytest.mark.property
@given(TEXTS)
def test_offsets_point_at_the_sentence(web: TestClient, text: str) -> None:
    body = request(text, stringIndexType="Utf16CodeUnit")
    results = web.post(PATH, json=body).json()["results"]
    units = text.encode("utf-16-le")
    for document in results["documents"]:
        for sentence in document["sentences"]:
            start, end = sentence["offset"], sentence["offset"] + sentence["length"]
            assert units[2 * start : 2 * end].decode("utf-16-le") == sentence["text"]
