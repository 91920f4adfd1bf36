"""Reading what a source gives of a run: its damage is a problem of the run, and costs what comes after it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import DamagedFile, InvalidArgument, NotAllowed, NotReachable, UnsupportedFormat, WrongType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import File, Record, SourceRun


def records_of(run: SourceRun) -> Iterator[Record]:
    """The records of a run, as far as they can be read.

    Raises:
        NotReachable, NotAllowed: the source is a server, which does not go on. The import can be repeated.
    """
    records = run.records()
    while True:
        try:
            record = next(records, None)
        except (NotReachable, NotAllowed):
            raise
        except (DamagedFile, InvalidArgument, UnsupportedFormat, WrongType, OSError) as error:
            run.problems.append(f"left out: what comes after this: {' '.join(str(error).split())}")
            return
        if record is None:
            return
        yield record


def check_readable(file: File) -> None:
    """Find out before a store is asked to keep it.

    Raises:
        DamagedFile: the file cannot be opened.
    """
    if isinstance(file.content, str):
        try:
            with open(file.content, "rb"):
                return
        except OSError as error:
            raise DamagedFile(f"the file {file.content!r} cannot be read: {error.strerror}") from error
