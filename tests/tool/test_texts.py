"""``sentiment predict`` and ``sentiment explain``."""

import json
import signal
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tool.conftest import start

GOOD = "A joy from start to end."
BAD = "I want my two hours back."


def parsed(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_texts_are_scored_as_lines_of_json_in_a_pipe(run):
    done = run("predict", GOOD, BAD)
    good, bad = parsed(done.stdout)
    assert (good["text"], good["sentiment"]) == (GOOD, "Positive")
    assert (bad["text"], bad["sentiment"]) == (BAD, "Negative")
    fields = "text sentiment confidence scores score tokens windows cached model"
    assert list(good) == fields.split()
    assert (done.returncode, done.stderr) == (0, "")


def test_texts_are_scored_as_a_table_in_a_terminal(in_terminal):
    good, bad = in_terminal("predict", GOOD, BAD).splitlines()
    assert good.startswith("Positive  9")
    assert good.endswith(f"%  {GOOD}")
    assert bad.startswith("Negative  ")


@pytest.mark.parametrize(("option", "is_json"), [("--json", True), ("--table", False)])
def test_output_can_be_chosen(run, in_terminal, option, is_json):
    for shown in (run("predict", GOOD, option).stdout, in_terminal("predict", GOOD, option)):
        assert shown.startswith("{") == is_json


def test_row_of_a_table_fits_in_the_terminal_and_has_no_control_characters(in_terminal):
    text = "Good. \x1b[31m" + "日本語 " * 50
    [row] = in_terminal("predict", text).splitlines()
    assert "\\x1b[31m" in row
    assert "\x1b" not in row
    assert row.endswith("…")
    assert len(row) + sum(char > "\u2e7f" for char in row) <= 80


def test_each_line_of_standard_input_is_a_text(run):
    done = run("predict", "-", text=f"{GOOD}\r\n\n \n{BAD}")
    assert [(line["text"], line["sentiment"]) for line in parsed(done.stdout)] == [
        (GOOD, "Positive"),
        (BAD, "Negative"),
    ]


def test_many_lines_are_scored_in_their_order(run):
    texts = [f"Row {i}: a fine film, {'and long ' * (i % 50)}too." for i in range(500)]
    done = run("predict", "-", text="\n".join(texts))
    assert [line["text"] for line in parsed(done.stdout)] == texts


def test_line_is_scored_before_the_next_one_arrives():
    with start("predict", "-") as running:
        for text, sentiment in ((GOOD, "Positive"), (BAD, "Negative")):
            running.stdin.write(f"{text}\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["sentiment"] == sentiment
        running.stdin.close()
    assert running.returncode == 0


def test_invalid_text_is_reported_and_the_others_are_scored(run):
    done = run("predict", "-", text=f"{GOOD}\n\n\u200b\n{BAD}\n")
    assert len(parsed(done.stdout)) == 2
    assert done.stderr.startswith("sentiment: line 3: text must not be blank")
    assert done.returncode == 1
    done = run("predict", GOOD, " ")
    assert done.stderr.startswith("sentiment: argument 2: text must not be blank")
    assert (len(parsed(done.stdout)), done.returncode) == (1, 1)


def test_byte_that_is_not_utf_8_is_replaced():
    done = start("predict", b"A fine film \xff", text=False)
    output, _ = done.communicate()
    assert json.loads(output)["text"] == "A fine film \ufffd"


def test_closed_pipe_ends_the_command_quietly():
    with start("predict", "-") as running:
        running.stdin.write(f"{GOOD}\n")
        running.stdin.flush()
        running.stdout.readline()
        running.stdout.close()
        running.stdin.write(f"{BAD}\n")
        running.stdin.close()
        assert running.stderr.read() == ""
    assert running.returncode == 128 + signal.SIGPIPE


def test_interrupt_ends_the_command_quietly():
    with start("predict", "-") as running:
        running.stdin.write(f"{GOOD}\n")
        running.stdin.flush()
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait() == 128 + signal.SIGINT
        assert running.stderr.read() == ""


def test_sentences_are_analysed_if_asked_for(run, in_terminal):
    text = "The acting is superb. The plot is a mess."
    [line] = parsed(run("predict", "--sentences", text).stdout)
    assert [sentence["sentiment"] for sentence in line["sentences"]] == ["Positive", "Negative"]
    assert line["mixed"] is True
    assert line["magnitude"] > 1
    whole, first, second = in_terminal("predict", "--sentences", text).splitlines()
    assert whole.endswith(f"{text}  (mixed)")
    assert first.endswith("    The acting is superb.")
    assert second.startswith("Negative")


def test_neutral_is_an_answer_if_asked_for(run, three_label_bundle):
    settings = {"SENTIMENT_MODEL_DIR": str(three_label_bundle)}
    [line] = parsed(run("predict", "--neutral", GOOD, **settings).stdout)
    assert line["scores"].keys() == {"Negative", "Neutral", "Positive"}
    [line] = parsed(run("predict", GOOD, **settings).stdout)
    assert line["scores"].keys() == {"Negative", "Positive"}


def test_neutral_is_refused_for_a_model_without_it(run, two_label_bundle):
    done = run("predict", "--neutral", GOOD, SENTIMENT_MODEL_DIR=str(two_label_bundle))
    [line] = done.stderr.splitlines()
    assert line.startswith("sentiment: --neutral: ")
    assert "Negative and Positive alone" in line
    assert (done.stdout, done.returncode) == ("", 1)


def test_words_are_weighed(run):
    [line] = parsed(run("explain", "Dull, but well acted.").stdout)
    words = {word["text"]: word["weight"] for word in line["words"]}
    assert words["Dull,"] < 0 < words["well"]
    assert line["text"] == "Dull, but well acted."
    assert line["complete"]


def test_words_are_shown_with_bars_in_a_terminal(in_terminal):
    head, _, title, first, *rest = in_terminal("explain", "Dull, but short.").splitlines()
    assert head.endswith("%  Dull, but short.")
    assert title == "  weight  word"
    assert first.split()[1] == "Dull,"
    assert len(first) == 80
    assert set(first.split()[2]) == {"█"}
    assert rest[-1] == "A positive weight speaks for Positive, a negative one for Negative."


def test_explanation_has_sentences_and_neutral_if_asked_for(run, in_terminal, three_label_bundle):
    text = "The acting is superb. The plot is a mess."
    settings = {"SENTIMENT_MODEL_DIR": str(three_label_bundle)}
    [line] = parsed(run("explain", "--neutral", "--sentences", text, **settings).stdout)
    assert line["scores"].keys() == {"Negative", "Neutral", "Positive"}
    assert len(line["sentences"]) == 2
    assert len(line["words"]) == 9
    rows = in_terminal("explain", "--sentences", text).splitlines()
    assert rows[1].endswith("%    The acting is superb.")


def test_table_of_a_long_text_has_the_words_with_the_largest_weights(in_terminal):
    rows = in_terminal("explain", " ".join(["A good film."] * 10)).splitlines()
    assert len(rows) == 3 + 15 + 3
    assert "and 15 more with less weight" in rows


def test_all_of_standard_input_is_explained_as_one_text(run):
    [line] = parsed(run("explain", "-", text=f"{GOOD}\n\n{GOOD}\n").stdout)
    assert len(line["words"]) == 12


def test_evaluations_are_limited(run):
    [line] = parsed(run("explain", "--evaluations", "4", GOOD).stdout)
    assert line["evaluations"] <= 4
    assert line["unit"] == "phrases"
    done = run("explain", "--evaluations", "1", GOOD)
    assert "expected a number of 2 or more" in done.stderr
    assert done.returncode == 2


def test_text_that_is_too_long_to_explain_is_refused(run):
    done = run("explain", "-", text="good " * 2000)
    assert done.stderr.startswith("sentiment: text must have at most 5,000 characters")
    assert done.returncode == 1


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"SENTIMENT_THREADS": "many"}, "SENTIMENT_THREADS=many"),
        ({"SENTIMENT_MODEL_DIR": "/nowhere"}, "no model bundle in /nowhere"),
    ],
)
def test_invalid_setting_is_reported_in_one_line(run, command, settings, reason):
    done = run(command, GOOD, **settings)
    [line] = done.stderr.splitlines()
    assert line.startswith(f"sentiment: {reason}")
    assert (done.stdout, done.returncode) == ("", 1)


def test_full_disk_is_reported_in_one_line():
    with Path("/dev/full").open("w") as full, start("predict", GOOD, stdout=full) as running:
        assert running.stderr.read() == "sentiment: No space left on device\n"
    assert running.returncode == 1


def test_command_does_not_need_the_checkout_as_its_folder(run, tmp_path):
    assert tmp_path != ROOT
    (tmp_path / "app").mkdir()
    assert run("predict", GOOD).returncode == 0
