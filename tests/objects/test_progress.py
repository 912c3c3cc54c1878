"""The scores of an interrupted run, which are reused for the same texts only."""

import os
import re
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.objects.formats import Score, UnreadableObject
from app.objects.progress import InUse, Progress

GOOD, BAD = Score("Positive", 0.9, 0.9), Score("Negative", 0.8, 0.2)


class Interrupted(BaseException):
    pass


def keep(path, chunks, model="m"):
    """Leave the progress of an interrupted run."""
    with pytest.raises(Interrupted), Progress(path, model) as progress:
        for texts, scores in chunks:
            progress.add(texts, scores)
        raise Interrupted


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.csv.progress"


def test_scores_of_the_same_texts_are_reused(path):
    keep(path, [(["a", "b"], [GOOD, BAD]), (["c"], [GOOD])])
    with Progress(path, "m") as again:
        assert again.next_scores(["a", "b"]) == [GOOD, BAD]
        assert again.next_scores(["c"]) == [GOOD]
        assert again.next_scores(["d"]) is None


@pytest.mark.parametrize("texts", [["a", "B"], ["a"], ["a", "b", "c"], ["a\nb"], ["ab", ""]])
def test_scores_of_other_texts_are_not_reused(path, texts):
    keep(path, [(["a", "b"], [GOOD, BAD])])
    with Progress(path, "m") as again:
        assert again.next_scores(texts) is None


def test_scores_of_another_model_are_not_reused(path):
    keep(path, [(["a"], [GOOD])])
    with Progress(path, "other") as again:
        assert again.next_scores(["a"]) is None


def test_scores_after_a_difference_are_replaced(path):
    keep(path, [(["a"], [GOOD]), (["b"], [GOOD]), (["c"], [GOOD])])
    with pytest.raises(Interrupted), Progress(path, "m") as again:
        assert again.next_scores(["a"]) == [GOOD]
        assert again.next_scores(["x"]) is None
        again.add(["x"], [BAD])
        assert again.next_scores(["c"]) is None
        raise Interrupted
    with Progress(path, "m") as third:
        assert third.next_scores(["a"]) == [GOOD]
        assert third.next_scores(["x"]) == [BAD]


def test_lines_before_a_truncated_one_are_reused(path):
    keep(path, [(["a"], [GOOD]), (["b"], [BAD])])
    path.write_bytes(path.read_bytes()[:-5])
    with Progress(path, "m") as again:
        assert again.next_scores(["a"]) == [GOOD]
        assert again.next_scores(["b"]) is None


@pytest.mark.property
@given(st.data())
def test_damaged_file_gives_right_scores_or_none(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("p") / "progress"
    keep(path, [(["a", "b"], [GOOD, BAD]), (["c"], [GOOD])])
    whole = path.read_bytes()
    start = data.draw(st.integers(len('{"scores_of":'), len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:])
    with Progress(path, "m") as again:
        for texts in (["a", "b"], ["c"], ["d"]):
            scores = again.next_scores(texts)
            assert scores is None or len(scores) == len(texts)
            if scores is None:
                again.add(texts, [GOOD] * len(texts))


@pytest.mark.parametrize(
    "content",
    [b"", b'{"sco', b'{"scores_of":"m', b'{"scores_of":1}\n', b'{"scores_of":"old"}\n[]\n'],
)
def test_file_without_scores_of_this_model_is_replaced(path, content):
    path.write_bytes(content)
    with Progress(path, "m") as progress:
        assert progress.next_scores(["a"]) is None


@pytest.mark.parametrize("content", [b"\0" * 5000, b"my notes\n", b"[]\n", b"{}", b"\n", b"\xff"])
def test_file_of_another_program_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(UnreadableObject, match=re.escape(f"{path}: is not the progress of a run")):
        Progress(path, "m")
    assert path.read_bytes() == content


def test_file_is_removed_after_a_complete_run(path):
    with Progress(path, "m") as progress:
        progress.add(["a"], [GOOD])
    assert not path.exists()


def test_file_is_removed_if_the_object_is_refused(path):
    with pytest.raises(UnreadableObject), Progress(path, "m") as progress:
        progress.add(["a"], [GOOD])
        raise UnreadableObject("is not CSV")
    assert not path.exists()


def test_file_without_scores_is_removed(path):
    keep(path, [])
    assert not path.exists()


def test_two_runs_cannot_hold_the_lock(path):
    with Progress(path, "m"), pytest.raises(InUse, match=re.escape(f"{path}: another run")):
        Progress(path, "m")
    with Progress(path, "m"):
        pass


def test_file_of_a_killed_run_is_not_locked(path):
    keep(path, [(["a"], [GOOD])])
    with Progress(path, "m") as progress:
        assert progress.next_scores(["a"]) == [GOOD]


def test_file_is_not_more_readable_than_the_input(path, tmp_path):
    (tmp_path / "in").write_bytes(b"")
    (tmp_path / "in").chmod(0o600)
    with Progress(path, "m", [(tmp_path / "in").stat()]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_folders_pipes_and_devices_are_refused(path, tmp_path):
    os.mkfifo(path)
    with pytest.raises(UnreadableObject, match="is not a regular file"):
        Progress(path, "m")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        Progress(tmp_path / "link", "m")
