"""Writing what was read into the catalog, once, whoever else does the same."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from runlore.catalog.database.tables import ARTIFACTS, FACTS, METRICS, OPEN, PARAMS, RUNS, SEARCHED, TAGS
from runlore.catalog.packing import Packed, pack
from runlore.catalog.reading import MALFORMED, Known, unreadable
from runlore.catalog.rows import artifact_rows, metric_rows, param_rows, run_row, tag_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runlore.catalog.database.base import Connection, Transactions
    from runlore.catalog.reading import Gain

_RUN_COLUMNS = RUNS.names[1:]
_AT = {name: place for place, name in enumerate(_RUN_COLUMNS)}
_KNOWN = (
    f"SELECT runs.id, {', '.join(_RUN_COLUMNS)}, {', '.join(FACTS.names[1:])} "
    "FROM runs JOIN facts ON facts.run_id = runs.id WHERE path IN ??"
)
_CURRENT = (
    "SELECT path, runs.id, sealed, state, progress FROM runs JOIN facts ON facts.run_id = runs.id WHERE path IN ??"
)
_UPDATE_RUN = f"UPDATE runs SET {', '.join(f'{name} = ?' for name in _RUN_COLUMNS)} WHERE id = ?"
_UPDATE_FACTS = f"UPDATE facts SET {', '.join(f'{name} = ?' for name in FACTS.names[1:])} WHERE run_id = ?"


def load_known(connection: Connection, paths: Sequence[str]) -> dict[str, Known]:
    """What the catalog has of the runs in these directories."""
    found = {}
    for run_id, *columns in connection.rows(_KNOWN, list(paths)):
        row = tuple(columns[: len(_RUN_COLUMNS)])
        packed = Packed._make(columns[len(_RUN_COLUMNS) :])
        found[row[_AT["path"]]] = Known(
            run_id, row, packed, row[_AT["points"]], row[_AT["sealed"]], row[_AT["state"]]
        )  # fmt: skip
    return found


class Change:
    """The rows of a gain, made before a transaction begins.

    Attributes:
        gain: what was read.
        run: the row of `runs`, but for the id.
        facts: the row of `facts`, but for the id.
        params, tags, metrics, artifacts: rows of these tables, but for the id.
    """

    def __init__(self, gain: Gain) -> None:
        self.gain = gain
        self.run = run_row(gain)
        self.facts = pack(gain.summary, gain.marks)
        is_searched = self.run[_AT["state"]] != OPEN
        self.params = list(param_rows(gain.summary)) if is_searched else []
        self.tags = list(tag_rows(gain.summary)) if is_searched else []
        self.metrics = list(metric_rows(gain.summary.series)) if is_searched else []
        self.artifacts = list(artifact_rows(gain.summary))

    @property
    def is_empty(self) -> bool:
        """Whether the catalog has all of it."""
        known = self.gain.known
        return known is not None and (self.run, self.facts) == (known.row, known.packed)


def _change(gain: Gain) -> Change:
    """The rows of a gain; of a run that no catalog can hold, that it is there."""
    try:
        return Change(gain)
    except MALFORMED as error:
        return Change(unreadable(gain, f"what its files say makes no sense: {error!r}"))


def write_runs(database: Transactions, gains: Iterable[Gain]) -> list[str]:
    """Write what was read of runs, of those that nobody else has brought up to date meanwhile.

    Returns:
        The paths of those others: what the catalog has of them may be older than what was read here, or newer.
    """
    changes = [change for change in map(_change, gains) if not change.is_empty]
    if not changes:
        return []
    paths = [change.gain.path for change in changes]
    with database.writing() as connection:
        found = connection.rows(_CURRENT, paths)
        current = {path: tuple(rest) for path, *rest in found}
        changes = [change for change in changes if current.get(change.gain.path) == _guard(change.gain.known)]
        uids = [change.gain.uid for change in changes if change.gain.known is None]
        moved = {uid for (uid,) in connection.rows("SELECT uid FROM runs WHERE uid IN ??", uids)} if uids else set()
        changes = [change for change in changes if change.gain.known is not None or change.gain.uid not in moved]
        next_id = (connection.rows("SELECT max(id) FROM runs")[0][0] or 0) + 1
        _replace(connection, [change for change in changes if change.gain.known is not None])
        numbered = []
        for change in changes:
            known = change.gain.known
            numbered.append((next_id if known is None else known.run_id, change))
            next_id += known is None
        new = [(run_id, change) for run_id, change in numbered if change.gain.known is None]
        connection.insert(RUNS, ((run_id, *change.run) for run_id, change in new))
        connection.insert(FACTS, ((run_id, *change.facts) for run_id, change in new))
        _insert_what_hangs_on_them(connection, numbered)
    written = {change.gain.path for change in changes}
    return [path for path in paths if path not in written]


def _guard(known: Known | None) -> tuple[Any, ...] | None:
    """What must be in the catalog for a gain to be right."""
    return None if known is None else (known.run_id, known.sealed, known.state, known.packed.progress)


def _replace(connection: Connection, changes: Sequence[Change]) -> None:
    """Bring the rows of known runs up to date, and make way for those that hang on them."""
    known = [(change, change.gain.known) for change in changes if change.gain.known is not None]
    if not known:
        return
    connection.run_many(_UPDATE_RUN, ((*change.run, before.run_id) for change, before in known))
    connection.run_many(_UPDATE_FACTS, ((*change.facts, before.run_id) for change, before in known))
    searched = [before.run_id for _, before in known if before.state != OPEN]
    if searched:
        for table in SEARCHED:
            connection.run(f"DELETE FROM {table.name} WHERE run_id IN ??", searched)
    anew = [before.run_id for change, before in known if change.gain.replaces]
    if anew:
        connection.run("DELETE FROM artifacts WHERE run_id IN ??", anew)


def _insert_what_hangs_on_them(connection: Connection, numbered: Sequence[tuple[int, Change]]) -> None:
    for table, rows_of in (
        (PARAMS, attrgetter("params")),
        (TAGS, attrgetter("tags")),
        (METRICS, attrgetter("metrics")),
        (ARTIFACTS, attrgetter("artifacts")),
    ):
        connection.insert(table, ((run_id, *row) for run_id, change in numbered for row in rows_of(change)))
