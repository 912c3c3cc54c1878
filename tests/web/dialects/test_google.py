"""Google Natural Language, by its unmodified client over REST."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import language_v1, language_v2
from hypothesis import given
from hypothesis import strategies as st

from tests.access.test_keys import entry
from tests.web.client import client as web_client
from tests.web.dialects.conftest import KEY

PRAISE = "An absolute joy from start to end."
BLAME = "A terrible, boring waste of two hours."
PATHS = ["/v1/documents:analyzeSentiment", "/v2/documents:analyzeSentiment"]

Analyze = Callable[..., Any]


@pytest.fixture(params=[language_v1, language_v2], ids=["v1", "v2"])
def language(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def client_of(language: ModuleType, url: str, key: str = KEY) -> Any:
    options = ClientOptions(api_endpoint=url, api_key=key)
    return language.LanguageServiceClient(client_options=options, transport="rest")


@pytest.fixture
def analyze(language: ModuleType, url: str) -> Analyze:
    """Analyse a plain text, or another document."""

    def analyze(content: str = "", encoding: str = "NONE", **document: Any) -> Any:
        document = {"type_": "PLAIN_TEXT", **({"content": content} if content else {}), **document}
        return client_of(language, url).analyze_sentiment(
            request={"document": document, "encoding_type": encoding}
        )

    return analyze


def test_score_has_the_sign_of_the_sentiment(analyze: Analyze) -> None:
    assert analyze(PRAISE).document_sentiment.score > 0.5
    assert analyze(BLAME).document_sentiment.score < -0.5


def test_magnitude_grows_with_the_text_and_the_score_does_not(analyze: Analyze) -> None:
    one, three = analyze(PRAISE).document_sentiment, analyze(f"{PRAISE} " * 3).document_sentiment
    assert one.magnitude == pytest.approx(one.score, abs=1e-3)
    assert three.magnitude == pytest.approx(3 * one.magnitude, abs=1e-3)
    assert three.score <= 1


def test_sentences_have_their_own_sentiment(analyze: Analyze) -> None:
    praise, blame = analyze(f"{PRAISE} {BLAME}").sentences
    assert (praise.text.content, blame.text.content) == (PRAISE, BLAME)
    assert praise.sentiment.score > 0.5
    assert blame.sentiment.score < -0.5
    assert blame.sentiment.magnitude == -blame.sentiment.score


@pytest.mark.parametrize(
    ("encoding", "length"),
    [
        ("NONE", lambda text: -1),
        ("UTF8", lambda text: len(text.encode())),
        ("UTF16", lambda text: len(text.encode("utf-16-le")) // 2),
        ("UTF32", len),
    ],
)
def test_offsets_count_the_units_of_the_encoding(
    analyze: Analyze, encoding: str, length: Callable[[str], int]
) -> None:
    before, sentence = "Loved it 👍🏽, cafe\u0301 and all. ", "Awful ending!"
    last = analyze(before + sentence, encoding).sentences[-1]
    assert (last.text.content, last.text.begin_offset) == (sentence, length(before))


def test_language_is_that_of_the_request_or_english(language: ModuleType, analyze: Analyze) -> None:
    name = "language" if language is language_v1 else "language_code"
    assert getattr(analyze(PRAISE), name) == "en"
    assert getattr(analyze(PRAISE, **{name: "en-GB"}), name) == "en-GB"
    with pytest.raises(
        exceptions.BadRequest,
        match="The language sv is not supported for document_sentiment analysis",
    ):
        analyze(PRAISE, **{name: "sv"})


def test_version_2_says_that_english_is_supported(url: str) -> None:
    answer = client_of(language_v2, url).analyze_sentiment(
        document={"type_": "PLAIN_TEXT", "content": PRAISE}
    )
    assert answer.language_supported


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"content": PRAISE, "type_": "HTML"}, "HTML is not supported"),
        ({"content": PRAISE, "type_": "TYPE_UNSPECIFIED"}, "must be PLAIN_TEXT|Field required"),
        ({"gcs_content_uri": "gs://bucket/review.txt"}, "Cloud Storage is not read"),
        ({"content": " \n"}, "must not be blank"),
        ({"content": "x" * 100_001}, "must have at most 100,000 characters, not 100,001"),
    ],
)
def test_document_that_cannot_be_scored_is_a_bad_request(
    analyze: Analyze, document: dict[str, Any], reason: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=reason):
        analyze(**document)


def test_other_methods_are_not_found(language: ModuleType, url: str) -> None:
    document = {"type_": "PLAIN_TEXT", "content": PRAISE}
    client = client_of(language, url)
    for method in (client.analyze_entities, client.classify_text):
        with pytest.raises(exceptions.NotFound, match=r"Only documents:analyzeSentiment is supp"):
            method(document=document)


def test_invalid_key_is_refused(language: ModuleType, url: str) -> None:
    with pytest.raises(exceptions.Forbidden, match="The API key is invalid"):
        client_of(language, url, "wrong").analyze_sentiment(
            document={"type_": "PLAIN_TEXT", "content": PRAISE}
        )


def test_client_sends_the_key_that_a_gateway_reads(language: ModuleType, url: str) -> None:
    answer = client_of(language, url, "unused").analyze_sentiment(
        document={"type_": "PLAIN_TEXT", "content": PRAISE}, metadata=[("x-api-key", KEY)]
    )
    assert answer.document_sentiment.score > 0.5


@pytest.fixture(scope="module")
def web() -> TestClient:
    return web_client()


@pytest.mark.parametrize("path", PATHS)
def test_key_may_be_a_parameter_and_fields_have_their_names_in_protocol_buffers(path: str) -> None:
    keyed = web_client(api_keys=entry("shop", KEY))
    body = {"document": {"type": 1, "content": PRAISE}, "encoding_type": "UTF8"}
    assert keyed.post(f"{path}?key={KEY}", json=body).status_code == 200
    missing = keyed.post(path, json=body)
    assert missing.status_code == 401
    error = missing.json()["error"]
    assert (error["code"], error["status"]) == (401, "UNAUTHENTICATED")
    assert "?key=" in error["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The body is not JSON"),
        (b"{}", "document: Field required."),
        (b'{"document": []}', "document:"),
        (b'{"document": {"type": 9, "content": "x"}}', "document/type: must be one of"),
        (b'{"document": {"type": true, "content": "x"}}', "document/type: must be one of"),
        (b'{"document": {"type": 1, "content": 7}}', "document/content: must be a string"),
        (b'{"document": {"type": 1, "content": "x", "a": 1}}', "document: unknown field; allowed"),
    ],
)
def test_malformed_body_is_a_bad_request(
    web: TestClient, path: str, body: bytes, message: str
) -> None:
    answer = web.post(path, content=body, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert message in error["message"]


def test_names_of_unknown_fields_and_languages_are_not_logged(
    web: TestClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    document = {"type": 1, "content": PRAISE}
    web.post(PATHS[0], json={"document": {**document, "secret": 1}})
    web.post(PATHS[0], json={"document": {**document, "language": "secret"}})
    logged = [line for line in lines() if line["message"] == "request"]
    assert [line["status"] for line in logged] == [400, 400]
    assert "secret" not in str(logged)


def test_exhausted_rate_limit_is_429_with_the_time_to_wait() -> None:
    limited = web_client(api_keys=entry("shop", KEY, "1texts/hour"))
    body = {"document": {"type": 1, "content": PRAISE}}
    for _ in range(2):
        answer = limited.post(PATHS[1], json=body, headers={"x-goog-api-key": KEY})
    assert answer.status_code == 429
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", PATHS)
def test_body_over_the_limit_is_413_and_of_another_type_415(path: str) -> None:
    limited = web_client(max_body_bytes=100)
    large = limited.post(path, json={"document": {"type": 1, "content": "x" * 100}})
    form = limited.post(path, data={"content": "x"})
    assert (large.status_code, form.status_code) == (413, 415)
    for answer in (large, form):
        error = answer.json()["error"]
        assert (error["code"], error["status"]) == (answer.status_code, "INVALID_ARGUMENT")


def test_two_labels_are_scored(two_label_bundle: Path) -> None:
    two = web_client(model_dir=two_label_bundle)
    answer = two.post(PATHS[1], json={"document": {"type": 1, "content": PRAISE}})
    assert answer.json()["documentSentiment"]["score"] > 0.5


TEXTS = st.lists(
    st.sampled_from(["Loved it.", "Awful!", "👍🏽", "cafe\u0301", "𝒳", "\n", " ", "नि", "?"])
).map(" ".join)


@pytest.mark.property
@given(TEXTS)
def test_offsets_point_at_the_sentence(web: TestClient, text: str) -> None:
    body = {"document": {"type": "PLAIN_TEXT", "content": text}, "encodingType": "UTF8"}
    for sentence in web.post(PATHS[1], json=body).json().get("sentences", []):
        span = sentence["text"]
        assert text.encode()[span["beginOffset"] :].startswith(span["content"].encode())
