"""Several artifacts as one ZIP file, made piece by piece: nothing of it lies on a disk or as a whole in memory."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, BinaryIO, cast

from runlore.reader.saving import file_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.reader.artifact import Artifact

_PIECE = 1 << 20
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""A ZIP file knows none before it, and files that are made again are to be the same."""


class _Pieces:
    """A file that gives away what is written to it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        """What was written since the last call."""
        found, self._written = b"".join(self._written), []
        return found


def zip_artifacts(artifacts: Sequence[Artifact]) -> Iterator[bytes]:
    """The pieces of a ZIP file with these artifacts, each under the path that `runlore.reader.saving` gives its name.

    Contents are stored as they are: most are compressed already.

    Args:
        artifacts: with contents, each name once.

    Raises:
        ArtifactNotFound: contents are gone.
    """
    paths = file_paths([artifact.name for artifact in artifacts])
    pieces = _Pieces()
    with zipfile.ZipFile(cast("BinaryIO", pieces), "w", zipfile.ZIP_STORED) as made:
        for artifact in artifacts:
            about = zipfile.ZipInfo(paths[artifact.name], _FIRST_DATE)
            with artifact.open() as source, made.open(about, "w", force_zip64=True) as entry:
                while data := source.read(_PIECE):
                    entry.write(data)
                    yield pieces.take()
    yield pieces.take()
