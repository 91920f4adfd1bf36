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
from runlore.index.evaluate import Subject, evaluate, place_of
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from runlore.catalog.database.base import Connection, Row
    from runlore.catalog.search.order import SortTerm
    from runlore.catalog.search.selection import Selection
    from runlore.index.records import SeriesRecord
    from runlore.query.cursor import Position


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
        self._records = RecordsReader(facts=selection.asks_facts)
        self.columns = f"{self._records.columns}, facts.series" if selection.asks_facts else self._records.columns
        self.joined = self._records.joined

    def found(self, rows: Iterable[Row], width: int) -> Iterator[tuple[Row, Subject]]:
        """Those rows for whose runs the query holds.

        Args:
            rows: `columns`, behind others.
            width: how many others.
        """
        for row in rows:
            self._connection.check_time()
            subject = self._subject(row[width:])
            if evaluate(self._selection.tree, subject, self._selection.clock):
                yield row[:width], subject

    def _subject(self, columns: Row) -> Subject:
        series: Mapping[str, SeriesRecord] = {}
        if self._selection.asks_facts:
            *columns_of_record, others = columns
            keys, _, last, _ = columns_of_record[-4:]
            series = PackedSeries(self._records.keys.read(keys)[1], last, others)
            columns = tuple(columns_of_record)
        record = self._records.record(columns)
        return Subject(record, series, partial(self._connection.value_at, record.uid))


def sort_values(terms: Sequence[SortTerm], subject: Subject) -> tuple[Any, ...]:
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
