"""Other services' clients behind API Gateway, which reads the key in `x-api-key` alone."""

import boto3
import pytest
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from botocore.exceptions import ClientError
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import language_v1, language_v2

from tests.stack.conftest import Stack

PRAISE = "A wonderful film."


@pytest.fixture
def url(stack: Stack) -> str:
    return f"{stack.aws}/restapis/{stack.resources['SentimentApi']}/prod/_user_request_"


@pytest.fixture
def key(stack: Stack) -> str:
    gateway = stack.client("apigateway")
    return gateway.get_api_key(apiKey=stack.outputs["StandardKeyId"], includeValue=True)["value"]


def test_azures_client_is_answered_with_the_header(url: str, key: str) -> None:
    client = TextAnalyticsClient(url, AzureKeyCredential(key), headers={"x-api-key": key})
    [document] = client.analyze_sentiment([PRAISE])
    assert document.sentiment == "positive"
    with pytest.raises(HttpResponseError, match="only SentimentAnalysis is supported"):
        client.detect_language([PRAISE])


def test_azures_client_without_the_header_is_403(url: str, key: str) -> None:
    client = TextAnalyticsClient(url, AzureKeyCredential(key))
    with pytest.raises(HttpResponseError) as refused:
        client.analyze_sentiment([PRAISE])
    assert refused.value.status_code == 403


@pytest.mark.parametrize("language", [language_v1, language_v2], ids=["v1", "v2"])
def test_googles_client_is_answered_with_the_header(url: str, key: str, language) -> None:
    options = ClientOptions(api_endpoint=url, api_key=key)
    client = language.LanguageServiceClient(client_options=options, transport="rest")
    document = {"type_": "PLAIN_TEXT", "content": PRAISE}
    answer = client.analyze_sentiment(document=document, metadata=[("x-api-key", key)])
    assert answer.document_sentiment.score > 0.5
    with pytest.raises(exceptions.Forbidden):
        client.analyze_sentiment(document=document)


def test_comprehends_client_is_answered_with_the_header(url: str, key: str) -> None:
    client = boto3.client(
        "comprehend",
        endpoint_url=f"{url}/",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="-",
    )
    with pytest.raises(ClientError) as refused:
        client.detect_sentiment(Text=PRAISE, LanguageCode="en")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    client.meta.events.register(
        "before-sign.comprehend",
        lambda request, **_: request.headers.add_header("x-api-key", key),
    )
    answer = client.detect_sentiment(Text=PRAISE, LanguageCode="en")
    assert answer["Sentiment"] == "POSITIVE"
