"""Whether the catalog says what the runs say: a second one is made from the runs, and both are asked the same."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from runlore.catalog import Catalog
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from runlore.index.base import Index
    from runlore.reader.session import Session

_AT_ONCE = 1_000
"""Runs that are compared in one go."""


def differing_runs(session: Session) -> list[str]:
    """Uids of ended runs about which the catalog says something else than a catalog that is made anew.

    Runs that are being recorded are left out: they change between one look and the next.
    """
    store = in_files(session.store, "comparing catalogs")
    with TemporaryDirectory(prefix="runlore-") as folder:
        with closing(Catalog(store, SqliteDatabase(os.path.join(folder, "catalog.sqlite")))) as fresh:
            fresh.refresh()
            session.refresh()
            uids = sorted({*_uids(fresh), *_uids(session.index)})
            differing = []
            for start in range(0, len(uids), _AT_ONCE):
                some = uids[start : start + _AT_ONCE]
                known, anew = _answers(session.index, some), _answers(fresh, some)
                differing += [uid for uid in some if known.get(uid) != anew.get(uid)]
            is_open = {run.uid for index in (session.index, fresh) for run in index.runs(differing) if run.is_open}
    return [uid for uid in differing if uid not in is_open]


def _uids(index: Index) -> list[str]:
    return [run.uid for run in index.page(include_deleted=True, last=True).runs]


def _answers(index: Index, uids: list[str]) -> dict[str, Any]:
    """All that an index says of runs, by uid, as texts: NaN is the same as NaN there."""
    series, artifacts = index.series(uids), index.artifacts(uids)
    found = {}
    for run in index.runs(uids):
        alike = replace(run, liveness=None)  # what told so is forgotten once the run ended
        found[run.uid] = repr((alike, series.get(run.uid), artifacts.get(run.uid)))
    return found
