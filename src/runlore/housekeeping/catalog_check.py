"""Whether the catalog says what the runs say: a second one is made from the runs, and both are asked the same."""

from __future__ import annotations

import math
import os
from contextlib import closing
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from runlore.catalog import Catalog
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.opening import directory_catalog
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from runlore.index.base import Index
    from runlore.index.records import SeriesRecord
    from runlore.reader.session import Session

_AT_ONCE = 1_000
"""Runs that are compared in one go."""


def differing_runs(session: Session) -> list[str]:
    """Uids of ended runs about which the catalog says something else than a catalog that is made anew.

    Runs that are being recorded are left out: they change between one look and the next.
    """
    store = in_files(session.store, "comparing catalogs")
    with (
        TemporaryDirectory(prefix="runlore-") as folder,
        closing(Catalog(store, SqliteDatabase(os.path.join(folder, "catalog.sqlite")))) as fresh,
    ):
        fresh.refresh()
        session.refresh()
        uids = sorted({*_uids(fresh), *_uids(session.index)})
        differing = []
        for start in range(0, len(uids), _AT_ONCE):
            some = uids[start : start + _AT_ONCE]
            known, anew = _answers(session.index, some), _answers(fresh, some)
            differing += [uid for uid in some if not _is_alike(known.get(uid), anew.get(uid))]
        is_open = {run.uid for index in (session.index, fresh) for run in index.runs(differing) if run.is_open}
    misfiled = directory_catalog(store).misfiled_runs()
    return sorted({*misfiled, *(uid for uid in differing if uid not in is_open)})


def _uids(index: Index) -> list[str]:
    return [run.uid for run in index.page(include_deleted=True, last=True).runs]


class _Answer(NamedTuple):
    """All that an index says of a run."""

    text: str
    """As text: NaN is the same as NaN there."""
    series: list[SeriesRecord]


def _answers(index: Index, uids: list[str]) -> dict[str, _Answer]:
    """All that an index says of runs, by uid."""
    series, artifacts = index.series(uids), index.artifacts(uids)
    found = {}
    for run in index.runs(uids):
        alike = replace(run, liveness=None)  # what told so is forgotten once the run ended
        known = series.get(run.uid, {})
        rest = {key: record._replace(sum=0.0) for key, record in known.items()}
        found[run.uid] = _Answer(repr((alike, rest, artifacts.get(run.uid))), list(known.values()))
    return found


def _is_alike(known: _Answer | None, anew: _Answer | None) -> bool:
    if known is None or anew is None or known.text != anew.text:
        return known is anew
    return all(_has_sum(first, second.sum) for first, second in zip(known.series, anew.series, strict=True))


def _has_sum(series: SeriesRecord, total: float) -> bool:
    """Whether a sum of the same points is the same. One that was made in other pieces is rounded elsewhere."""
    if series.sum == total or (math.isnan(series.sum) and math.isnan(total)):
        return True
    return abs(series.sum - total) <= 1e-9 * series.finite * max(abs(series.min), abs(series.max))
