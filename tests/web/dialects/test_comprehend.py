"""Amazon Comprehend, with boto3 as its client."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from app.sentiment.analysis import Analysis, Sentence
from app.web.dialects.comprehend import sentiment
from tests.web.client import client as http_client
from tests.web.dialects.conftest import KEY

PRAISE = "This movie was amazing and thrilling!"
BLAME = "A dull, lifeless mess. I want my two hours back."
MIXED = "The rooms were lovely and clean. The service was terrible and the staff was rude."
LABELS = {"Positive", "Negative", "Neutral", "Mixed"}


def comprehend(address, key=KEY):
    """Return a client as programs create it, at another address and with another key."""
    return boto3.client(
        "comprehend",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="unused",
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.mark.parametrize(
    ("text", "label"), [(PRAISE, "POSITIVE"), (BLAME, "NEGATIVE"), (MIXED, "MIXED")]
)
def test_text_has_a_sentiment_and_four_scores(address, text, label):
    answer = comprehend(address).detect_sentiment(Text=text, LanguageCode="en")
    assert answer["Sentiment"] == label
    scores = answer["SentimentScore"]
    assert scores.keys() == LABELS
    assert sum(scores.values()) == pytest.approx(1, abs=1e-9)
    assert scores[label.capitalize()] == max(scores.values())


def test_id_of_a_request_is_its_correlation_id(address):
    answer = comprehend(address).detect_sentiment(Text=PRAISE, LanguageCode="en")
    metadata = answer["ResponseMetadata"]
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-correlation-id"]


def test_long_text_is_scored_in_full(address):
    answer = comprehend(address).detect_sentiment(
        Text="It goes on and on. " * 500 + PRAISE, LanguageCode="en"
    )
    assert answer["Sentiment"] in {label.upper() for label in LABELS}


def test_batch_has_results_and_errors_by_index(address):
    answer = comprehend(address).batch_detect_sentiment(
        TextList=[PRAISE, " ", BLAME, "long " * 30_000], LanguageCode="en"
    )
    results, errors = answer["ResultList"], answer["ErrorList"]
    assert [(one["Index"], one["Sentiment"]) for one in results] == [
        (0, "POSITIVE"),
        (2, "NEGATIVE"),
    ]
    assert all(sum(one["SentimentScore"].values()) == pytest.approx(1) for one in results)
    assert [(one["Index"], one["ErrorCode"]) for one in errors] == [
        (1, "INVALID_REQUEST"),
        (3, "TEXT_SIZE_LIMIT_EXCEEDED"),
    ]
    assert (
        errors[1]["ErrorMessage"] == "The text must have at most 100,000 characters, not 150,000."
    )


def test_batch_may_be_larger_than_that_of_comprehend(address):
    texts = [f"Number {i} is fun." for i in range(100)]
    answer = comprehend(address).batch_detect_sentiment(TextList=texts, LanguageCode="en")
    assert [one["Index"] for one in answer["ResultList"]] == list(range(100))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (
            lambda client: client.detect_sentiment(Text="a " * 60_000, LanguageCode="en"),
            "TextSizeLimitExceededException",
        ),
        (
            lambda client: client.detect_sentiment(Text="Bueno.", LanguageCode="es"),
            "UnsupportedLanguageException",
        ),
        (
            lambda client: client.detect_sentiment(Text=" ", LanguageCode="en"),
            "InvalidRequestException",
        ),
        (
            lambda client: client.batch_detect_sentiment(TextList=["a"] * 513, LanguageCode="en"),
            "BatchSizeLimitExceededException",
        ),
    ],
)
def test_invalid_request_raises_the_exception_of_the_client(address, call, error):
    client = comprehend(address)
    with pytest.raises(getattr(client.exceptions, error)) as raised:
        call(client)
    assert raised.value.response["Error"]["Message"]
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("operation", ["detect_entities", "detect_targeted_sentiment"])
def test_other_operations_are_unknown(address, operation):
    with pytest.raises(
        ClientError, match="Only the operations DetectSentiment and Batch"
    ) as raised:
        getattr(comprehend(address), operation)(Text=PRAISE, LanguageCode="en")
    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"


def test_access_key_id_is_the_api_key(address):
    with pytest.raises(ClientError) as raised:
        comprehend(address, key="sk_other").detect_sentiment(Text=PRAISE, LanguageCode="en")
    assert raised.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_header_for_a_gateway_is_added_before_the_request_is_signed(address):
    client = comprehend(address, key="AKIAEXAMPLE")
    client.meta.events.register(
        "before-sign.comprehend", lambda request, **_: request.headers.add_header("x-api-key", KEY)
    )
    answer = client.detect_sentiment(Text=PRAISE, LanguageCode="en")
    assert answer["Sentiment"] == "POSITIVE"


def test_exceeded_rate_limit_is_throttling(serve):
    client = comprehend(serve(rate_limit="1/day"))
    client.detect_sentiment(Text=PRAISE, LanguageCode="en")
    with pytest.raises(ClientError) as raised:
        client.detect_sentiment(Text=PRAISE, LanguageCode="en")
    assert raised.value.response["Error"]["Code"] == "ThrottlingException"
    assert "1/day" in raised.value.response["Error"]["Message"]
    assert "retry-after" in raised.value.response["ResponseMetadata"]["HTTPHeaders"]


def test_texts_of_a_batch_count_for_the_rate_limit(serve):
    client = comprehend(serve(rate_limit="2texts/day"))
    with pytest.raises(ClientError, match="More than 2texts/day are not allowed"):
        client.batch_detect_sentiment(TextList=["a", "b", "c"], LanguageCode="en")


def test_body_beyond_the_limit_is_the_size_error(serve):
    client = comprehend(serve(max_body_bytes=100))
    with pytest.raises(client.exceptions.TextSizeLimitExceededException, match="100 bytes"):
        client.detect_sentiment(Text="a" * 200, LanguageCode="en")


def test_failure_inside_is_the_internal_error(serve):
    client = comprehend(serve())
    serve.app.state.scorer.classifier._engine = None
    with pytest.raises(client.exceptions.InternalServerException, match="Internal error"):
        client.detect_sentiment(Text=PRAISE, LanguageCode="en")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "InvalidRequestException"),
        (b"[]", "InvalidRequestException"),
        (b'{"Text": "Good."}', "InvalidRequestException"),
        (b'{"Text": "Good.", "LanguageCode": 1}', "InvalidRequestException"),
        (b'{"Text": 1, "LanguageCode": "en"}', "InvalidRequestException"),
    ],
)
def test_body_that_no_client_sends_is_invalid(body, code):
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "Comprehend_20171127.DetectSentiment",
    }
    answer = http_client().post("/", content=body, headers=headers)
    assert (answer.status_code, answer.json()["__type"]) == (400, code)
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"


def test_missing_key_says_where_the_client_puts_it(address):
    import requests

    answer = requests.post(address, headers={"x-amz-target": "Comprehend_20171127.DetectSentiment"})
    assert (answer.status_code, answer.json()["__type"]) == (
        403,
        "MissingAuthenticationTokenException",
    )
    assert "as the access key id that signs the request" in answer.json()["Message"]


def outcome(kind, **scores):
    scores = {"Negative": 0.0, "Neutral": 0.0, "Positive": 0.0, **scores}
    best = max(scores, key=scores.get)
    more = {"text": "", "start": 0, "end": 0}
    if kind is Analysis:
        more = {"tokens": 3, "windows": 1, "cached": False, "model": "1"}
    return kind(sentiment=best, confidence=scores[best], scores=scores, score=0.0, **more)


def test_share_of_mixed_is_how_certain_the_less_certain_side_is():
    sentences = [
        outcome(Sentence, Positive=0.9, Neutral=0.1),
        outcome(Sentence, Negative=0.8, Neutral=0.2),
        outcome(Sentence, Neutral=1.0),
    ]
    analysis = outcome(Analysis, Positive=0.5, Negative=0.3, Neutral=0.2)
    answer = sentiment(analysis.model_copy(update={"sentences": sentences, "mixed": True}))
    assert answer["Sentiment"] == "MIXED"
    assert answer["SentimentScore"] == pytest.approx(
        {"Positive": 0.1, "Negative": 0.06, "Neutral": 0.04, "Mixed": 0.8}
    )


def test_text_that_is_not_mixed_has_no_share_of_mixed():
    analysis = outcome(Analysis, Positive=0.3, Negative=0.1, Neutral=0.6)
    answer = sentiment(analysis.model_copy(update={"sentences": [], "mixed": False}))
    assert answer == {
        "Sentiment": "NEUTRAL",
        "SentimentScore": {"Positive": 0.3, "Negative": 0.1, "Neutral": 0.6, "Mixed": 0.0},
    }


@pytest.mark.parametrize("third", [0.3332, 0.3333, 0.3334])
def test_rounded_scores_add_up_to_one(third):
    analysis = outcome(Analysis, Positive=third, Negative=third, Neutral=0.3333)
    scores = sentiment(analysis.model_copy(update={"mixed": False}))["SentimentScore"]
    assert sum(scores.values()) == pytest.approx(1, abs=1e-9)
