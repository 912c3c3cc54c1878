import pytest

from app.settings import Settings, SettingsError, load


def test_an_empty_environment_gives_the_defaults():
    assert load({}) == Settings()


def test_values_are_read_from_the_environment():
    settings = load({"SENTIMENT_CACHE_SIZE": "0", "SENTIMENT_ENGINE": "torch", "HOME": "/"})
    assert (settings.cache_size, settings.engine) == (0, "torch")


def test_origins_are_split_at_commas():
    origins = load({"SENTIMENT_CORS_ORIGINS": "https://a.example, https://b.example"}).cors_origins
    assert origins == ("https://a.example", "https://b.example")


def test_an_empty_value_is_the_default():
    assert load({"SENTIMENT_ENGINE": ""}).engine == "native"


def test_an_invalid_value_is_named_with_the_allowed_ones():
    with pytest.raises(SettingsError, match="SENTIMENT_ENGINE=tf: .*'native' or 'torch'"):
        load({"SENTIMENT_ENGINE": "tf"})


@pytest.mark.parametrize("encoding", ["utf-7", "idna", "base64", "klingon", "utf\0-8"])
def test_an_encoding_that_no_text_has_is_refused(encoding):
    with pytest.raises(SettingsError, match="the encoding is unknown or not for text"):
        load({"SENTIMENT_TEXT_ENCODING": encoding})


def test_the_engine_that_was_removed_is_refused_with_what_to_use_instead():
    with pytest.raises(SettingsError, match="=onnx: .*use 'native' or 'torch'.*`make export`"):
        load({"SENTIMENT_ENGINE": "onnx"})


def test_an_unknown_setting_is_ignored_with_a_warning(caplog):
    assert load({"SENTIMENT_PORT": "tcp://10.0.0.7:80"}) == Settings()
    assert "SENTIMENT_PORT is not a setting" in caplog.text


@pytest.mark.parametrize(
    ("memory", "threads"), [("512", 1), ("1769", 1), ("3538", 2), ("10240", 6)]
)
def test_threads_follow_the_memory_on_lambda(memory, threads):
    environ = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}
    assert load(environ).threads == threads


@pytest.mark.parametrize("delimiter", ["\n", "\r", '"'])
def test_a_quote_or_line_break_is_not_a_delimiter(delimiter):
    with pytest.raises(ValueError, match="must not be a quote or a line break"):
        Settings(csv_delimiter=delimiter)


def test_lambda_is_detected_with_the_name_of_the_function():
    settings = load({"AWS_LAMBDA_FUNCTION_NAME": "scorer"})
    assert (settings.on_lambda, settings.function_name) == (True, "scorer")
    assert (Settings().on_lambda, Settings().function_name) == (False, "local")
