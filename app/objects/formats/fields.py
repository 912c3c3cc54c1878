"""How a record's fields are delimited, quoted and escaped."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_IN_QUOTES = re.compile(r'[^"]*(?:""[^"]*)*')
_IN_QUOTES_ESCAPED = re.compile(r'[^"\\]*(?:(?:""|\\.)[^"\\]*)*\\?', re.DOTALL)
MAX_FIELDS = 10_000
"""Fields that are told apart; no more columns are read."""
NULL = "\\N"
"""What databases write for no value."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "0": ""}
_ESCAPED = re.compile(r'\\([\\"\r\n,;\t|])|""')


class Quoting(NamedTuple):
    """What differs between programs in how they quote; a field's quote is doubled in all."""

    backslash: bool = False
    r"""Whether ``\"`` is a quote as well, and ``\\`` a backslash."""
    spaces: bool = False
    """Whether a quote may stand after spaces, ``a, "b"``."""
    escapes: bool = False
    r"""Whether there are no quotes but escapes, ``\t`` and ``\`` before a line's end."""


ESCAPES = Quoting(escapes=True)
"""The text form of PostgreSQL's COPY and of MySQL's OUTFILE."""
QUOTES = (Quoting(), Quoting(backslash=True), Quoting(spaces=True))
QUOTINGS = (*QUOTES, ESCAPES)


@dataclass
class Fields:
    """The fields of a record, as its lines come."""

    delimiter: str
    quoting: Quoting
    fields: list[str] = field(default_factory=list)
    quoted: list[str] | None = None
    """The parts of the field that goes on behind the line's end."""

    def take(self, text: str) -> bool:
        """Read a line on, and return whether the record is complete, or has too many fields.

        Raises:
            ValueError: something other than a delimiter stands behind a closing quote.
        """
        if self.quoting.escapes:
            return self._take_escaped(text)
        inside = _IN_QUOTES_ESCAPED if self.quoting.backslash else _IN_QUOTES
        at = 0
        while True:
            if self.quoted is not None:
                found = inside.match(text, at)
                assert found
                self.quoted.append(found[0])
                if found.end() == len(text):
                    return False
                at = found.end() + 1
                self.fields.append(self._unquoted())
                if self.quoting.spaces:
                    at = _behind_spaces(text, at)
                if not text.startswith(self.delimiter, at) and at < len(text):
                    raise ValueError
            else:
                start = _behind_spaces(text, at) if self.quoting.spaces else at
                if text.startswith('"', start):
                    self.quoted, at = [], start + 1
                    continue
                end = text.find(self.delimiter, at)
                self.fields.append(text[at : end if end >= 0 else len(text)])
                at = end if end >= 0 else len(text)
            if at == len(text) or len(self.fields) > MAX_FIELDS:
                return True
            at += len(self.delimiter)

    def _take_escaped(self, text: str) -> bool:
        parts = self.quoted or []
        self.quoted = None
        for piece in text.split(self.delimiter, MAX_FIELDS):
            parts.append(piece)
            if (len(piece) - len(piece.rstrip("\\"))) % 2:
                parts.append(self.delimiter)
                continue
            value = "".join(parts)
            self.fields.append(value if value == NULL else _ESCAPE.sub(_unescaped, value))
            parts = []
        if parts:
            self.quoted = parts[:-1]
        return not parts

    def _unquoted(self) -> str:
        value = "".join(self.quoted or ())
        self.quoted = None
        if self.quoting.backslash:
            return _ESCAPED.sub(lambda found: found[1] or '"', value)
        return value.replace('""', '"')


def _behind_spaces(text: str, at: int) -> int:
    while text.startswith(" ", at):
        at += 1
    return at


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])
