"""Housekeeping of a store that keeps no files on this machine: it is done where the files are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COLLECT, EXAMINE, SEAL = "collect", "examine", "seal"
"""Tasks."""


class SelfKeeping(ABC):
    """A store that does its own housekeeping, when it is told to."""

    __slots__ = ()

    @abstractmethod
    def keep(
        self, task: str, progress: Callable[[int, int], None] | None = None, **arguments: Any
    ) -> dict[str, Any]:  # fmt: skip
        """Do a task: what the function of housekeeping returns, as a mapping of its fields.

        Args:
            task: see above.
            progress: called with (done, to do), as that function says.
            arguments: of that function.

        Raises:
            RunloreError: as that function.
        """

    @abstractmethod
    def pack(self, uids: Sequence[str], file: BinaryIO) -> list[tuple[str, str]]:
        """Write an archive of runs to a file, see `export_archive`; (uid, why) of those that cannot be read."""

    @abstractmethod
    def take_in(
        self, file: BinaryIO, limits: Sequence[int | None], progress: Callable[[int, int], None] | None
    ) -> dict[str, Any]:
        """Add the runs of an archive, see `import_archive`: what was done, as a mapping of its fields."""
