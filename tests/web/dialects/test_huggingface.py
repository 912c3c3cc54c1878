"""Hugging Face's inference API, with `huggingface_hub.InferenceClient` as its client."""

import huggingface_hub.constants
import pytest
import requests
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.web.dialects.conftest import KEY

PRAISE = "This movie was amazing and thrilling!"
BLAME = "A dull, lifeless mess. I want my two hours back."
HEADERS = {"authorization": f"Bearer {KEY}"}


@pytest.fixture(autouse=True)
def online(monkeypatch):
    """Let the client send requests; tests are offline otherwise."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


def test_text_has_its_classes_the_most_probable_first(address, bundle):
    classes = InferenceClient(address, token=KEY).text_classification(PRAISE)
    assert classes[0].label == "Positive"
    assert {one.label for one in classes} == set(bundle.labels)
    assert [one.score for one in classes] == sorted((one.score for one in classes), reverse=True)
    assert sum(one.score for one in classes) == pytest.approx(1, abs=2e-4)


def test_top_k_limits_the_classes(address):
    client = InferenceClient(base_url=address, api_key=KEY)
    [best] = client.text_classification(BLAME, top_k=1)
    assert best.label == "Negative"


def test_softmax_is_the_only_function(address):
    client = InferenceClient(address, token=KEY)
    assert client.text_classification(PRAISE, function_to_apply="softmax")
    with pytest.raises(HfHubHTTPError, match="parameters/function_to_apply: Input should be 'soft"):
        client.text_classification(PRAISE, function_to_apply="none")


def test_invalid_text_is_an_error_with_its_message(address):
    with pytest.raises(HfHubHTTPError, match="inputs: must not be blank"):
        InferenceClient(address, token=KEY).text_classification(" ")


def test_invalid_key_is_an_error_with_its_message(address):
    with pytest.raises(HfHubHTTPError, match="The API key is invalid"):
        InferenceClient(address, token="hf_other").text_classification(PRAISE)


def test_header_for_a_gateway_is_an_option_of_the_client(address):
    client = InferenceClient(address, token="hf_other", headers={"x-api-key": KEY})
    assert client.text_classification(PRAISE)[0].label == "Positive"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/models/distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        "/hf-inference/models/cardiffnlp/twitter-roberta-base-sentiment-latest",
    ],
)
def test_several_texts_have_a_list_of_classes_each(address, path):
    body = {"inputs": [PRAISE, BLAME], "parameters": {"top_k": 1}, "options": {"use_cache": False}}
    answer = requests.post(f"{address}{path}", json=body, headers=HEADERS)
    assert answer.status_code == 200
    assert [[one["label"] for one in classes] for classes in answer.json()] == [
        ["Positive"],
        ["Negative"],
    ]


def test_content_type_need_not_be_declared(address):
    """Examples of curl in the documentation of Hugging Face leave it out."""
    headers = {**HEADERS, "content-type": "application/x-www-form-urlencoded"}
    answer = requests.post(address, data=b'{"inputs": "Lovely."}', headers=headers)
    assert answer.json()[0][0]["label"] == "Positive"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"inputs": [PRAISE, 7]}, "inputs/1: must be a string, not a number."),
        ({"inputs": []}, "inputs: must be an array of at least one string."),
        ({"inputs": PRAISE, "parameters": {"top_k": 0}}, "parameters/top_k: Input should be gr"),
        ({}, "inputs: Field required."),
        ([], "the body: "),
    ],
)
def test_invalid_body_is_422_with_the_reason(address, body, error):
    answer = requests.post(address, json=body, headers=HEADERS)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(error)


def test_three_labels_are_three_classes(serve, three_label_bundle):
    address = serve(model_dir=three_label_bundle)
    classes = InferenceClient(address, token=KEY).text_classification(PRAISE)
    assert {one.label for one in classes} == {"Negative", "Neutral", "Positive"}
