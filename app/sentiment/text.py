"""Text normalisation, the one definition that training and serving share."""

import html
import re
import unicodedata

_BREAKS = re.compile(r"<\s*/?\s*(?:br|p)\s*/?\s*>", re.IGNORECASE)
_INVISIBLE = {"Cc", "Cf"}  # Unicode categories: control and format characters


def normalise(text: str) -> str:
    """Return the text as the model sees it: one line of visible NFKC characters.

    Entities are decoded and ``<br>``/``<p>`` tags become spaces (reviews are often scraped HTML);
    a lone surrogate, which is what is left of an emoji cut in two, becomes U+FFFD; control and
    format characters are dropped; runs of white space collapse. Blank text gives ``""``.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _BREAKS.sub(" ", html.unescape(text))
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    if text.isprintable():
        return text
    visible = (char for char in text if unicodedata.category(char) not in _INVISIBLE)
    return " ".join("".join(visible).split())
