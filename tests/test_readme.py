import pytest

from scripts import readme


@pytest.mark.parametrize("section", readme.SECTIONS)
def test_it_has_every_section(section):
    assert f"<!-- {section} -->" in readme.README.read_text()


@pytest.mark.parametrize("section", ["settings", "accuracy"])
def test_it_says_what_the_code_and_the_card_say(section):
    """The other sections hold measurements of one machine, which `make readme` writes."""
    assert readme.SECTIONS[section]() in readme.README.read_text()
