import pytest

from training import stars


def labels(argument: str, grades: str) -> list[str | None]:
    scale = stars.parse(argument)
    return [scale.label(grade) for grade in grades.split()]


@pytest.mark.parametrize(
    ("scale", "negative", "neutral", "positive"),
    [
        ("1-5", "1 2 2.5", "3 3.0", "3.5 4 5"),
        ("1-10", "1 4", "5 6", "7 10"),
        ("0-10", "0 3", "4 5 6", "7 10"),
        ("0-2", "0", "1", "2"),
        ("-1-1", "-1", "0", "1"),
        ("0-100", "0 39.9", "40 60", "60.1 100"),
        ("1-2,3,4-5", "1 2", "3", "4 5"),
        ("1,2-4,5", "1", "2 3 4", "5"),
        ("4-6,3,1-2", "4 6", "3", "1 2"),
    ],
)
def test_grades_become_labels(scale: str, negative: str, neutral: str, positive: str) -> None:
    assert set(labels(scale, negative)) == {"Negative"}
    assert set(labels(scale, neutral)) == {"Neutral"}
    assert set(labels(scale, positive)) == {"Positive"}


def test_a_grade_between_two_ranges_has_no_label() -> None:
    assert labels("1-2,4-5", "2 2.5 3 4") == ["Negative", None, None, "Positive"]


@pytest.mark.parametrize("grade", ["0", "6", "good", "nan", "inf", ""])
def test_a_grade_that_is_not_on_the_scale_is_refused(grade: str) -> None:
    with pytest.raises(ValueError, match=f"'{grade}' is not a grade from 1 to 5"):
        stars.parse("1-5").label(grade)


@pytest.mark.parametrize("argument", ["", "5", "5-1", "five", "1-2,3,4,5", "1-5-", "3-3"])
def test_what_names_no_grades_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="names no grades: expected a scale, such as 1-5"):
        stars.parse(argument)


def test_a_grade_has_one_label() -> None:
    with pytest.raises(ValueError, match="names a grade twice"):
        stars.parse("1-3,3,4-5")
