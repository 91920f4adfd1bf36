"""Runs that SQL cannot decide, decided in Python: `runlore.index.evaluate` says what a query means.

These are the runs that are open, when params, tags or metrics are asked about: what they log is packed into one row, as
it changes all the time, and not searched. And with a database that has no regular expressions of ours, and cannot look
into series, these are all runs that the rest of the query leaves over.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runlore.catalog.packed import PackedSeries
from runlore.catalog.records import RecordsReader
from runlore.index.evaluate import evaluate, place_of
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from runlore.catalog.database.base import Connection, Row, ValueAt
    from runlore.catalog.search.order import SortTerm
    from runlore.catalog.search.selection import Selection
    from runlore.index.evaluate import Asked
    from runlore.index.records import RunRecord, SeriesRecord
    from runlore.query.cursor import Position


class PackedRun:
    """A run of which is unpacked what a query asks for.

    Args:
        columns: of `runs`, and then of `facts`.
        records: makes records of the former.
        value_at: looks values up in series.
    """

    __slots__ = ("_columns", "_record", "_records", "_value_at", "_values")

    def __init__(self, columns: Row, records: RecordsReader, value_at: ValueAt) -> None:
        self._columns = columns
        self._records = records
        self._value_at = value_at
        self._record: RunRecord | None = None
        self._values: tuple[dict[str, Any], dict[str, str]] | None = None

    @property
    def record(self) -> RunRecord:
        """The run, without facts."""
        if self._record is None:
            self._record = self._records.record(self._columns)
        return self._record

    @property
    def series(self) -> Mapping[str, SeriesRecord]:
        """Its series in numbers."""
        keys, _, last, _, others = self._columns[-5:]
        return PackedSeries(self._records.keys.read(keys), last, others)

    @property
    def params(self) -> Mapping[str, Any]:
        """Its params."""
        return self._read_values()[0]

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        return self._read_values()[1]

    @property
    def value_at(self) -> Callable[[str, float], float | None]:
        """The last value of a series at exactly this step, or None."""
        return partial(self._value_at, self._columns[0])

    def _read_values(self) -> tuple[dict[str, Any], dict[str, str]]:
        if self._values is None:
            keys, values_json, *_ = self._columns[-5:]
            self._values = self._records.keys.read(keys).values(values_json)
        return self._values


class Decider:
    """Decides runs one by one.

    Args:
        connection: whose time is looked at, and that looks values up in series.
        selection: the query and the order.

    Attributes:
        columns: what has to be selected of `runs`, behind anything else,
        joined: and of what is joined to it.
    """

    def __init__(self, connection: Connection, selection: Selection) -> None:
        self._connection = connection
        self._selection = selection
        self._records = RecordsReader(facts=False)
        packed = RecordsReader(facts=selection.asks_facts)
        self.columns = f"{packed.columns}, facts.series" if selection.asks_facts else packed.columns
        self.joined = packed.joined

    def found(self, rows: Iterable[Row], width: int) -> Iterator[tuple[Row, PackedRun]]:
        """Those rows for whose runs the query holds.

        Args:
            rows: `columns`, behind others.
            width: how many others.
        """
        for row in rows:
            self._connection.check_time()
            run = PackedRun(row[width:], self._records, self._connection.value_at)
            if evaluate(self._selection.tree, run, self._selection.clock):
                yield row[:width], run


def sort_values(terms: Sequence[SortTerm], subject: Asked) -> tuple[Any, ...]:
    """What a run is sorted by, as the database has it."""
    places: dict[Any, tuple[Any, ...]] = {}
    values = []
    for term in terms:
        if term.field not in places:
            places[term.field] = place_of(term.field, subject)
        value = places[term.field][term.place]
        values.append(to_stored(value) if term.type is str else term.type(value))
    return tuple(values)


def is_onward(row: Row, terms: Sequence[SortTerm], position: Position | None) -> bool:
    """Whether a run (id, uid, state, sort values) is to be visited after a position, as `selection` has it in SQL."""
    if position is None or row[1] in position.pending:
        return True
    if row[1] in position.seen:
        return False
    for term, value, before in zip(terms, row[3:], position.values, strict=True):
        if value != before:
            return bool((value < before) == term.descending)
    return False
