"""Numbers of bytes as people write them."""

from __future__ import annotations

import re

from runlore.errors import InvalidArgument

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([kMGT]?)B?", re.ASCII)
_UNITS = {"": 1, "k": 1_000, "M": 1_000**2, "G": 1_000**3, "T": 1_000**4}


def read_size(text: str, name: str) -> int:
    """A number of bytes.

    Args:
        text: such as `500MB`, `1.5 GB` or `1000`.
        name: of the option, for the error.

    Raises:
        InvalidArgument: it is none.

    Example:
        >>> read_size("1.5GB", "--bytes"), read_size("12", "--bytes")
        (1500000000, 12)
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InvalidArgument(f"{name} {text[:40]!r} should be a number of bytes, such as 500MB, 10GB or 2TB")
    return int(float(found[1]) * _UNITS[found[2]])
