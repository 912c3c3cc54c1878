from scripts import readme


def test_its_figures_are_those_that_were_measured():
    text = readme.README.read_text()
    assert readme.written(text) == text


def test_it_has_every_section():
    text = readme.README.read_text()
    assert all(f"<!-- {name} -->" in text for name in readme.SECTIONS)
