"""A RocksDB as it lies in its folder: its tables, and the log of what is in none yet. It is only read, also in use.

Every table in the folder counts, whatever the manifest says: what an older one says of a key, a younger one says
better. So a database whose writer was killed, or is at it, is read as far as it goes.
"""

from __future__ import annotations

import heapq
from itertools import chain
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile
from runlore.importers._crc32c import masked_crc32c
from runlore.importers._folders import files_below
from runlore.importers._framed_log import LogReader
from runlore.importers.aim.tables import DELETE, DELETE_ONE, DELETE_RANGE, PUT, Entry, Table, varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TABLE, LOG = ".sst", ".log"

_HEADER_BYTES = 12
"""Of a batch in the log: the sequence number of its first entry, and how many it has."""
_NOTE, _NOTHING = 3, 13
"""Kinds in a log that are no entries."""
_PAIRS = frozenset({PUT, DELETE_RANGE})
_SINGLE = frozenset({DELETE, DELETE_ONE})


class Database:
    """What a folder holds.

    Args:
        folder: of the database.

    Attributes:
        damage: what could not be read, in words; it grows while items are read.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.damage: list[str] = []

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys with their latest values, by key; a part of each table is in memory, and the log, which is short.

        Raises:
            DamagedFile: the folder cannot be read.
        """
        self.damage.clear()
        files = [path for name, path in files_below(self.folder) if "/" not in name]
        tables = [Table(path, self.damage) for path in files if path.endswith(TABLE)]
        logged = [entry for path in files if path.endswith(LOG) for entry in self._logged(path)]
        ranges = [entry for entry in logged if entry.kind == DELETE_RANGE]
        for table in tables:
            ranges += self._guarded(table.path, table.ranges())
        entries = [self._guarded(table.path, table.entries()) for table in tables]
        entries.append(iter(sorted(entry for entry in logged if entry.kind != DELETE_RANGE)))
        yield from _latest(heapq.merge(*entries), sorted(ranges))

    def _guarded(self, path: str, entries: Iterator[Entry]) -> Iterator[Entry]:
        """The entries of a file, as far as they can be read."""
        while True:
            try:
                entry = next(entries, None)
            except FileNotFoundError:  # it went into another table meanwhile, which is read at the next import
                self.damage.append(f"left out: {path!r}, which went away while it was read; import again")
                return
            except (DamagedFile, OSError) as error:
                self.damage.append(f"left out: {' '.join(str(error).split())}")
                return
            if entry is None:
                return
            yield entry

    def _logged(self, path: str) -> Iterator[Entry]:
        reader = LogReader(path, masked_crc32c)
        yield from self._guarded(path, chain.from_iterable(_batch(bytes(record)) for record in reader.records()))
        self.damage += reader.damage


def _batch(record: bytes) -> list[Entry]:
    """The entries of a batch in a log.

    Raises:
        DamagedFile: it has kinds that Aim does not write, or is not there as a whole.
    """
    if len(record) < _HEADER_BYTES:
        raise DamagedFile("a batch of a log has no beginning")
    number, at = int.from_bytes(record[:8], "little"), _HEADER_BYTES
    found = []
    while at < len(record):
        kind = record[at]
        at += 1
        if kind == _NOTHING:
            continue
        key, at = _text(record, at)
        value = b""
        if kind in _PAIRS:
            value, at = _text(record, at)
        elif kind not in _SINGLE and kind != _NOTE:
            raise DamagedFile(f"a batch of a log has an entry of the kind {kind}, which Aim does not write")
        if kind != _NOTE:
            found.append(Entry(key, -number, kind, value))
            number += 1
    return found


def _text(record: bytes, at: int) -> tuple[bytes, int]:
    size, at = varint(record, at)
    if at + size > len(record):
        raise DamagedFile("a batch of a log is not there as a whole")
    return record[at : at + size], at + size


def _latest(entries: Iterator[Entry], ranges: Sequence[Entry]) -> Iterator[tuple[bytes, bytes]]:
    """The latest value of each key that is not deleted.

    Args:
        entries: sorted.
        ranges: sorted by their beginnings.
    """
    open_ranges: list[Entry] = []
    coming = 0
    before: bytes | None = None
    for entry in entries:
        if entry.key == before:
            continue
        before = entry.key
        while coming < len(ranges) and ranges[coming].key <= entry.key:
            open_ranges.append(ranges[coming])
            coming += 1
        open_ranges = [deleted for deleted in open_ranges if entry.key < deleted.value]
        if entry.kind == PUT and all(deleted.age > entry.age for deleted in open_ranges):
            yield entry.key, entry.value
