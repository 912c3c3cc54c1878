"""Which of Python's encodings text may have."""

import codecs

_NOT_FOR_TEXT = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"}


def text_codec(name: str) -> str:
    """Return Python's own name of an encoding.

    Raises:
        ValueError: it is unknown, or is not one that texts have.
    """
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: the name holds a NUL
        codec = None
    if codec is None or not codec._is_text_encoding or codec.name in _NOT_FOR_TEXT:
        raise ValueError(
            "is unknown or not for text: expected one such as utf-8, latin-1 or cp1252"
        )
    return codec.name
