"""The words of a query, told apart by where they stand, and errors that point at the column.

Words (keys, numbers, dates, durations, names) are one terminal, `BARE`: that is what lets `metrics.train/loss`, `2h30m`
and `2026-11-01` be written without quotes. Only what can stand at a place is looked for there, so that `params.in` is a
key and `in` an operator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runlore.query.builder import EXPECTED_FIELD, EXPECTED_VALUE, Refused, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

END = "END"

_DELIMITERS = r"""\s()`"',=<>!&|"""
_WHOLE = rf"(?![^{_DELIMITERS}])"
"""Behind a word of the language: no further character of a name."""


def _word(*words: str) -> str:
    return rf"(?i:{'|'.join(words)}){_WHOLE}"


_SINGLE, _DOUBLE = (rf"{quote}(?:[^{quote}\\]|\\.|{quote}{quote})*{quote}" for quote in "'\"")

_TERMINALS = {
    "NOT": rf"{_word('not')}|!(?!=)",
    "AND": rf"{_word('and')}|&&",
    "OR": rf"{_word('or')}|\|\|",
    "IN": _word("in"),
    "IS": _word("is"),
    "NULL": _word("null", "none"),
    "BETWEEN": _word("between"),
    "TEXT_OPERATOR": _word("like", "ilike", "contains", "matches"),
    "DIRECTION": _word("asc", "desc", "ascending", "descending"),
    "QUOTED_REFERENCE": rf"[+-]?[A-Za-z_]+\.(?:`(?:[^`]|``)*`|{_DOUBLE}|{_SINGLE})",
    "STRING": rf"{_SINGLE}|{_DOUBLE}",
    "BARE": rf"(?!{_word('and', 'or', 'not')})[^{_DELIMITERS}]+",
    "OPERATOR": r"==|=|!=|<>|<=|>=|<|>",
    "(": r"\(",
    ")": r"\)",
    ",": ",",
}
"""In the order in which they are tried where the words of a fault are looked for."""

_MATCH = {name: re.compile(pattern, re.DOTALL).match for name, pattern in _TERMINALS.items()}
_BLANKS = re.compile(r"\s*").match

_EXPECTED = {
    END: "the end",
    "BARE": "a word",
    "STRING": "a quoted value",
    "OPERATOR": "a comparison (= != < <= > >=)",
    "TEXT_OPERATOR": "like, ilike, contains or matches",
    "NOT": "not",
    "AND": "and",
    "OR": "or",
    "IN": "in (…)",
    "IS": "is [not] null",
    "NULL": "null",
    "BETWEEN": "between … and …",
    "DIRECTION": "asc or desc",
    "(": "'('",
    ")": "')'",
    ",": "','",
}
_SHOWN = 40


class Tokens:
    """A text that is read from left to right.

    Args:
        text: the query or order.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._tried: set[str] = set()
        self._skip(0)

    def take(self, name: str) -> Token | None:
        """The next word, if it is of this kind; it is read then."""
        found = _MATCH[name](self._text, self._position)
        if found is None:
            self._tried.add(name)
            return None
        token = Token(found[0])
        token.start_pos = self._position
        self._skip(found.end())
        return token

    def need(self, *names: str) -> Token:
        """The next word, which has to be of one of these kinds.

        Raises:
            Refused: it is not.
        """
        for name in names:
            token = self.take(name)
            if token is not None:
                return token
        raise self.refused()

    def at_end(self) -> bool:
        """Whether nothing is left."""
        self._tried.add(END)
        return self._position == len(self._text)

    def settle(self, anywhere: Iterable[str], here: Iterable[str]) -> None:
        """See to it that what was read is complete, before sense is made of it.

        Args:
            anywhere: kinds of words that stand behind something complete, wherever it stands.
            here: those that can stand behind it here: what the error names.

        Raises:
            Refused: the next word is of none of the kinds that stand `anywhere`.
        """
        if not any(self.at_end() if name == END else _MATCH[name](self._text, self._position) for name in anywhere):
            self._tried.discard(END)
            self._tried.update(here)
            raise self.refused()
        self._tried.clear()

    def refused(self) -> Refused:
        """What to say of the next word: it is none of those that were looked for here."""
        text, position = self._text, self._position
        if position == len(text):
            return Refused("the query ends too early", position + 1, self._expected())
        matches = (match(text, position) for match in _MATCH.values())
        word = next((found[0] for found in matches if found), None)
        if word is None and text[position] in "'\"`":
            return Refused(f"the quote {text[position]} opened here is never closed", position + 1, "")
        word = word or text[position]
        shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…"
        return Refused(f"{shown!r} cannot stand here", position + 1, self._expected())

    def _expected(self) -> str:
        if "STRING" in self._tried:
            return EXPECTED_VALUE
        if "QUOTED_REFERENCE" in self._tried:
            return EXPECTED_FIELD
        return " or ".join(words for name, words in _EXPECTED.items() if name in self._tried)

    def _skip(self, position: int) -> None:
        found = _BLANKS(self._text, position)
        self._position = found.end() if found else position
        self._tried.clear()
