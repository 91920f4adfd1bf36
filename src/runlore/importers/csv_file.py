"""CSV: a header, and a row for each step (wide) or each value (long)."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.importers._rows import RowsSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIND = "csv"
_SAMPLE_CHARACTERS = 65_536


class CsvFile(RowsSource):
    """The runs of a CSV file: commas, semicolons or tabs, whichever the header has most of."""

    kind = KIND

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The rows. One with more or fewer cells than the header is a problem.

        Raises:
            DamagedFile: the file cannot be read as CSV.
        """
        with open(self.location, encoding="utf-8-sig", errors="replace", newline="") as file:
            header = file.readline(_SAMPLE_CHARACTERS)
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=header.count), strict=True)
            try:
                names = next(reader, [])
                if len(set(names)) != len(names) or not any(names):
                    raise DamagedFile(f"{self.location!r} has no header of distinct names in its first line")
                for cells in reader:
                    if len(cells) == len(names):
                        yield reader.line_num, dict(zip(names, cells, strict=True))
                    elif cells:
                        self._tell(
                            f"left out: line {reader.line_num:,} of {self.location!r}: {len(cells)} cells, and the "
                            f"header has {len(names)}"
                        )
            except csv.Error as error:
                self._tell(f"left out: {self.location!r} from line {reader.line_num:,} on: {error}")
