"""How people name a run: by its uid, the beginning of it, or `experiment#number`."""

from __future__ import annotations

from dataclasses import dataclass

from runlore.errors import WrongType
from runlore.names import is_uid

MIN_UID_PREFIX = 6
"""Characters of a uid that are enough where it is unambiguous."""


@dataclass(frozen=True, slots=True)
class RunReference:
    """A name of a run, read.

    Attributes:
        text: as it was given.
        uid: the whole uid, or None.
        prefix: the beginning of a uid, or None.
        experiment, number: of `experiment#number`; a negative number counts from the latest run back.
    """

    text: str
    uid: str | None = None
    prefix: str | None = None
    experiment: str | None = None
    number: int | None = None

    @classmethod
    def parse(cls, text: str, argument: str = "uid") -> RunReference:
        """What a text names. A text that can name no run is a reference that nothing matches.

        Raises:
            WrongType: it is not text.

        Example:
            >>> RunReference.parse("iris#-1").number
            -1
        """
        if not isinstance(text, str):
            raise WrongType(f"{argument}={text!r} must be text: a uid, or experiment#number")
        name, mark, number = text.rpartition("#")
        digits = number.removeprefix("-")
        if mark and digits.isascii() and digits.isdigit() and len(digits) < 19:
            return cls(text, experiment=name, number=int(number))
        word = text.strip().lower().replace("-", "")
        if is_uid(word):
            return cls(text, uid=word)
        if MIN_UID_PREFIX <= len(word) < 32 and all(character in "0123456789abcdef" for character in word):
            return cls(text, prefix=word)
        return cls(text)

    def settles(self, first_is_deleted: bool, second_is_deleted: bool) -> bool:
        """Whether the first of several runs is meant: its number is that of a deleted one too."""
        return self.number is not None and not first_is_deleted and second_is_deleted

    def ambiguous(self, first: str, second: str) -> str:
        """What to say where several runs could be meant."""
        if self.number is None:
            return f"uid={self.text!r}: several runs begin so, for example {first} and {second}"
        return (
            f"{self.text!r}: several runs have this number, for example {first} and {second}; "
            "name one by its uid, and give them numbers of their own with `runlore doctor --repair`"
        )
