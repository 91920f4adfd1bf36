"""JSON Lines: an object for each step (wide) or each value (long)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.importers._rows import RowsSource
from runlore.json_files import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIND = "jsonl"
_MOST_BYTES = 64 << 20
"""Of one line."""
_MOST_DEPTH = 100


class JsonLinesFile(RowsSource):
    """The runs of a file of JSON Lines. Nested objects are keys with `/` between their parts."""

    kind = KIND

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The rows. A line that is no object, or not whole, is a problem."""
        with open(self.location, "rb") as file:
            number = 0
            while line := file.readline(_MOST_BYTES):
                number += 1
                if not line.strip():
                    continue
                try:
                    flat = dict(_leaves(_object(line)))
                except (ValueError, RecursionError) as error:
                    self._tell(f"left out: line {number:,} of {self.location!r}: {error}")
                    continue
                yield number, flat


def _object(line: bytes) -> dict[str, Any]:
    row = parse_json(line.decode("utf-8"))
    if isinstance(row, dict):
        return row
    raise ValueError("it is no object")


def _leaves(row: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > _MOST_DEPTH:
        raise ValueError(f"it is nested more than {_MOST_DEPTH} levels deep")
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}/", depth + 1)
        else:
            yield f"{prefix}{key}", value
