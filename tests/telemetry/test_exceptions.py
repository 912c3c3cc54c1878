"""Descriptions of exceptions, and the exceptions that leave the handler."""

import pytest

from app.sentiment.text import InvalidText
from app.telemetry.exceptions import FRAMES, LINKS, InternalError, boundary, describe, headline

SECRET = "ZyzzyvaQuokka"


def caught(raise_it):
    try:
        raise_it()
    except BaseException as error:
        return error
    raise AssertionError("it did not raise")


def foreign():
    raise ValueError(SECRET)


def ours():
    raise InvalidText("must not be blank")


def chained():
    try:
        foreign()
    except ValueError as error:
        raise InvalidText("must be a string") from error


def grouped():
    raise ExceptionGroup(SECRET, [caught(foreign), caught(chained)])


def test_message_of_our_exception_is_shown():
    assert headline(InvalidText("must not be blank")) == (
        "app.sentiment.text.InvalidText: must not be blank"
    )


def test_only_the_class_of_other_exceptions_is_shown():
    assert headline(ValueError(SECRET)) == "ValueError"


def test_stack_has_file_line_and_function():
    line = foreign.__code__.co_firstlineno + 1
    assert describe(caught(foreign)).endswith(
        f'File "{__file__}", line {line}, in foreign\nValueError'
    )


def test_messages_are_shown_when_texts_may_be_logged():
    error = caught(foreign)
    error.add_note(f"a note on {SECRET}")
    assert describe(error, unredacted=True).endswith(f"ValueError: {SECRET}\na note on {SECRET}")


def test_the_cause_comes_first():
    told = describe(caught(chained))
    before, after = told.split("\n\nwhich led to\n\n")
    assert before.endswith("ValueError")
    assert after.endswith("InvalidText: must be a string")


def test_members_of_a_group_are_shown():
    told = describe(caught(grouped))
    assert told.count("  | ValueError") == 2
    assert "  | app.sentiment.text.InvalidText: must be a string" in told


@pytest.mark.parametrize("raises", [foreign, chained, grouped])
def test_messages_of_other_exceptions_are_never_shown(raises):
    error = caught(raises)
    error.add_note(SECRET)
    assert SECRET not in describe(error)


def test_a_chain_that_leads_back_to_itself_ends():
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert describe(first).count("which led to") == 1


def test_description_is_bounded():
    def deep():
        return deep()

    last = ValueError()
    for _ in range(2 * LINKS):
        before, last = last, ValueError()
        last.__cause__ = before
    group = ExceptionGroup("", [ValueError()] * (2 * LINKS))
    assert describe(last).count("ValueError") == LINKS
    assert describe(caught(deep)).count("in deep") <= FRAMES
    assert describe(group).count("| ValueError") == LINKS
    assert f"and {LINKS} more" in describe(group)


def test_boundary_passes_our_exceptions_unchanged():
    with pytest.raises(InvalidText, match="must not be blank"), boundary("r"):
        ours()


@pytest.mark.parametrize("kind", [ValueError, RecursionError, type("Panic", (BaseException,), {})])
def test_boundary_redacts_other_exceptions(kind, lines):
    with pytest.raises(InternalError) as raised, boundary("r"):
        raise kind(SECRET)
    assert str(raised.value) == f"{kind.__name__} at an unknown location; its stack is in the log"
    assert raised.value.__suppress_context__
    [line] = lines()
    assert (line["correlation_id"], line["exception_name"]) == ("r", kind.__name__)


def test_boundary_names_our_innermost_line():
    from app.events.records import parse_payload

    where = r"^TypeError at app/events/records.py:\d+; "
    with pytest.raises(InternalError, match=where), boundary("r"):
        parse_payload(7)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_boundary_does_not_catch_the_end_of_the_process(kind):
    with pytest.raises(kind), boundary("r"):
        raise kind
