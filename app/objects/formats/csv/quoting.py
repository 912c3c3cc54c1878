"""Fields of a CSV record: how they are delimited, quoted and escaped."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_QUOTED = re.compile(r'[^"]*(?:""[^"]*)*')
_QUOTED_BACKSLASH = re.compile(r'[^"\\]*(?:(?:""|\\.)[^"\\]*)*\\?', re.DOTALL)
MAX_FIELDS = 10_000
"""Maximum number of columns of a table; further fields are not parsed."""
NULL = "\\N"
"""How databases write a missing value."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "0": ""}
_QUOTED_ESCAPE = re.compile(r'\\([\\"\r\n,;\t|])|""')


class Quoting(NamedTuple):
    """How programs differ in quoting; a quote is doubled inside quotes in all of them."""

    backslash: bool = False
    r"""Whether ``\"`` is a quote as well, and ``\\`` a backslash."""
    spaces: bool = False
    """Whether spaces may precede the opening quote, ``a, "b"``."""
    escapes: bool = False
    r"""Whether there are no quotes, but escapes: ``\t``, and ``\`` before a line end."""


ESCAPES = Quoting(escapes=True)
"""The text format of PostgreSQL's COPY and MySQL's OUTFILE."""
QUOTES = (Quoting(), Quoting(backslash=True), Quoting(spaces=True))
QUOTINGS = (*QUOTES, ESCAPES)
"""Every way of quoting, the most common first."""


@dataclass
class FieldParser:
    """Parses the fields of one record, line by line."""

    delimiter: str
    quoting: Quoting
    fields: list[str] = field(default_factory=list)
    """The complete fields."""
    unfinished: list[str] | None = None
    """The parts of a field that continues on the next line; None between fields."""

    def feed(self, text: str) -> bool:
        """Parse a line; return whether the record is complete, or has too many fields.

        Raises:
            ValueError: a closing quote is followed by something other than a delimiter.
        """
        if self.quoting.escapes:
            return self._feed_escaped(text)
        inside_quotes = _QUOTED_BACKSLASH if self.quoting.backslash else _QUOTED
        at = 0
        while True:
            if self.unfinished is not None:
                part = inside_quotes.match(text, at)
                assert part
                self.unfinished.append(part[0])
                if part.end() == len(text):
                    return False
                at = part.end() + 1
                self.fields.append(self._unquote())
                if self.quoting.spaces:
                    at = _skip_spaces(text, at)
                if not text.startswith(self.delimiter, at) and at < len(text):
                    raise ValueError
            else:
                start = _skip_spaces(text, at) if self.quoting.spaces else at
                if text.startswith('"', start):
                    self.unfinished, at = [], start + 1
                    continue
                end = text.find(self.delimiter, at)
                self.fields.append(text[at : end if end >= 0 else len(text)])
                at = end if end >= 0 else len(text)
            if at == len(text) or len(self.fields) > MAX_FIELDS:
                return True
            at += len(self.delimiter)

    def _feed_escaped(self, text: str) -> bool:
        parts = self.unfinished or []
        self.unfinished = None
        for piece in text.split(self.delimiter, MAX_FIELDS):
            parts.append(piece)
            if (len(piece) - len(piece.rstrip("\\"))) % 2:
                parts.append(self.delimiter)
                continue
            value = "".join(parts)
            self.fields.append(value if value == NULL else _ESCAPE.sub(_unescape, value))
            parts = []
        if parts:
            self.unfinished = parts[:-1]
        return not parts

    def _unquote(self) -> str:
        value = "".join(self.unfinished or ())
        self.unfinished = None
        if self.quoting.backslash:
            return _QUOTED_ESCAPE.sub(lambda escape: escape[1] or '"', value)
        return value.replace('""', '"')


def _skip_spaces(text: str, at: int) -> int:
    while text.startswith(" ", at):
        at += 1
    return at


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[1])
