import gzip

import pytest


@pytest.fixture(params=["/predict", "/explain"])
def path(request: pytest.FixtureRequest) -> str:
    """Each route that takes one text."""
    return request.param


def problem_of(answer, status: int) -> dict:
    """Return the problem document of an answer with this status."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]
    return problem


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\u200b\u200d", "<br /><br />", "&nbsp;", "\x00", "\ufe0f", "\u0301", "\ue000"],
)
def test_blank_text_is_422(post, path, text):
    problem = problem_of(post(path, {"text": text}), 422)
    assert problem["errors"][0]["pointer"] == "#/text"
    assert "blank" in problem["detail"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (1, "a number"), (True, "a boolean"), (["a"], "an array"), ({}, "an object")],
)
def test_wrong_type_is_422_and_names_the_type(post, path, value, kind):
    problem = problem_of(post(path, {"text": value}), 422)
    assert problem["detail"] == f"text: must be a string, not {kind}."


@pytest.mark.parametrize(("path", "limit"), [("/predict", 100_000), ("/explain", 5_000)])
def test_too_long_text_is_422_with_the_limit(post, path, limit):
    problem = problem_of(post(path, {"text": "a" * (limit + 1)}), 422)
    expected = f"text: must have at most {limit:,} characters, not {limit + 1:,}."
    assert problem["detail"] == expected


@pytest.mark.parametrize(
    ("path", "text", "limit"),
    [
        ("/predict", "\ufdfa" * 10_000, "50,000 tokens, not 150,002"),
        ("/predict", "\ufdfa" * 20_000, "200,000 characters after Unicode normalisation"),
        ("/predict", "\u597d" * 60_000, "50,000 tokens, not 60,002"),
        ("/explain", "\u597d" * 4_000, "1,500 tokens, not 4,002"),
    ],
)
def test_text_of_too_many_tokens_is_422_with_the_limit(post, path, text, limit):
    problem = problem_of(post(path, {"text": text}), 422)
    assert problem["detail"].startswith(f"text: must have at most {limit}")


def test_missing_field_is_422_and_names_the_field(post, path):
    problem = problem_of(post(path, {}), 422)
    assert problem["errors"] == [{"pointer": "#/text", "detail": "Field required"}]


def test_unknown_field_is_422_and_lists_the_allowed_fields(post, path):
    problem = problem_of(post(path, {"text": "Good.", "lang": "en"}), 422)
    options = "text, neutral, sentences"
    allowed = {"/predict": options, "/explain": f"{options}, max_evaluations"}[path]
    assert problem["detail"] == f"the body: unknown field lang; allowed: {allowed}."


def test_lone_surrogate_without_other_text_is_422(post, path):
    problem_of(post(path, rb'{"text": "\ud83d"}'), 422)


def test_lone_surrogate_in_a_field_name_is_422(post, path):
    problem_of(post(path, rb'{"text": "Good.", "\ud83d": 1}'), 422)


def test_deeply_nested_json_is_400(post, path):
    problem_of(post(path, b"[" * 100_000), 400)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null"])
def test_json_other_than_an_object_is_422(post, path, body):
    problem_of(post(path, body), 422)


@pytest.mark.parametrize("body", [b'{"text"', b"text", b"{'text': 1}", b'{"text": "\xff"}'])
def test_malformed_json_is_400(post, path, body):
    problem = problem_of(post(path, body), 400)
    assert "JSON" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"text": "Good.", "text": "Bad."}', "has an object with the same key twice"),
        (b'{"text": NaN}', "holds NaN, which is not JSON"),
        (b'{"text": -Infinity}', "holds -Infinity, which is not JSON"),
        (b'{"text": 1e999}', "holds a number that is too large"),
        (b'{"text": ' + b"9" * 5000 + b"}", "holds a number with too many digits"),
        (b'{"text": ' + b'{"a":' * 100 + b"1" + b"}" * 101, "is nested more than 64 levels deep"),
        (b'{"text": ' + b"[" * 65 + b"]" * 65 + b"}", "is nested more than 64 levels deep"),
        (b'{"text": "\xff"}', "is not UTF-8 at byte 10"),
        ('{"text": "Good."}'.encode("utf-16"), "is not UTF-8 at byte 0"),
    ],
)
def test_ambiguous_json_is_400_with_the_reason(post, path, body, reason):
    problem = problem_of(post(path, body), 400)
    assert problem["detail"] == f"The body {reason}; only JSON in UTF-8 is allowed."


def test_byte_order_mark_is_ignored(post, path):
    assert post(path, b'\xef\xbb\xbf{"text": "Good."}').status == 200


def test_empty_body_is_422(post, path):
    problem_of(post(path, b""), 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_other_content_type_is_415_with_the_allowed_type(post, path, kind):
    problem = problem_of(post(path, {"text": "Good."}, {"content-type": kind}), 415)
    assert "'application/json'" in problem["detail"]


def test_compressed_body_is_415(post, path):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    problem = problem_of(post(path, gzip.compress(b'{"text": "Good."}'), headers), 415)
    assert "uncompressed" in problem["detail"]


def test_missing_content_type_is_415(post, path):
    problem_of(post(path, {"text": "Good."}, {}), 415)


def test_content_type_may_have_a_charset(post, path):
    headers = {"content-type": "application/json; charset=utf-8"}
    assert post(path, {"text": "Good."}, headers).status == 200


def test_unknown_path_is_404(get):
    problem_of(get("/nothing"), 404)


def test_wrong_method_is_405_with_the_allowed_methods(get, path):
    answer = get(path)
    problem = problem_of(answer, 405)
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert "POST" in problem["detail"]


def test_instance_is_the_path_of_the_request(get):
    assert get("/nothing").json()["instance"].endswith("/nothing")
