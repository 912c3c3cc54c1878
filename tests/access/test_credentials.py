import pytest

from app.access import credentials
from app.access.credentials import BEARER, SIGNATURE, USUAL, X_API_KEY, header, parameter

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=sk_shop/20261129/us-east-1/comprehend/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=dd6350f2d741"
)


@pytest.mark.parametrize(
    ("place", "headers", "query"),
    [
        (X_API_KEY, {"x-api-key": " sk_shop "}, b""),
        (BEARER, {"authorization": "bearer sk_shop"}, b""),
        (SIGNATURE, {"authorization": SIGNED}, b""),
        (SIGNATURE, {"authorization": SIGNED.replace(" Cred", " Signature=1,Cred")}, b""),
        (header("X-Goog-Api-Key"), {"x-goog-api-key": "sk_shop"}, b""),
        (parameter("key"), {}, b"alt=json&key=sk_shop"),
    ],
)
def test_each_place_holds_a_key(place, headers, query):
    assert credentials.read([place], headers, query) == "sk_shop"


@pytest.mark.parametrize(
    "authorization", ["", "Basic sk_shop", SIGNED, "AWS4-HMAC-SHA256 Signature=1"]
)
def test_another_scheme_is_not_a_bearer_token(authorization):
    assert credentials.read(USUAL, {"authorization": authorization}, b"key=sk_shop") == ""


@pytest.mark.parametrize("authorization", ["Bearer sk_shop", "AWS4-HMAC-SHA256 Credential=/a/b"])
def test_signature_without_an_access_key_id_holds_no_key(authorization):
    assert credentials.read([SIGNATURE], {"authorization": authorization}, b"") == ""


def test_query_of_more_fields_than_any_client_sends_holds_no_key():
    assert credentials.read([parameter("key")], {}, b"key=sk_shop" + b"&a=1" * 100) == ""


def test_first_place_that_holds_a_key_counts():
    headers = {"x-api-key": "sk_first", "authorization": "Bearer sk_second"}
    assert credentials.read(USUAL, headers, b"") == "sk_first"


def test_places_are_described_in_a_sentence():
    assert credentials.describe(USUAL) == "in the header x-api-key or as Authorization: Bearer"
    assert credentials.describe([*USUAL, parameter("key")]) == (
        "in the header x-api-key, as Authorization: Bearer or as ?key="
    )
    assert credentials.describe([X_API_KEY]) == "in the header x-api-key"
