"""Sealing all runs of a store that have ended, wherever its files are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.store.directory import in_files
from runlore.store.keeping import SEAL, SelfKeeping

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.reader.session import Session
    from runlore.store.sealed.sealing import StoreSealing


def seal(
    session: Session, *, force: bool = False, progress: Callable[[int, int], None] | None = None
) -> StoreSealing:  # fmt: skip
    """Rewrite the journals of runs that have ended as Parquet; see `runlore.store.sealed.sealing.seal_store`.

    Args:
        session: the store.
        force: believe that a silent writer on another host is dead.
        progress: called with (runs looked at, runs to look at).
    """
    from runlore.store.sealed.sealing import StoreSealing, seal_store

    if isinstance(session.store, SelfKeeping):
        found = session.store.keep(SEAL, progress, force=force)
        done = StoreSealing(**{**found, "failures": [(path, why) for path, why in found["failures"]]})
    else:
        done = seal_store(in_files(session.store, "sealing"), progress=progress, force=force)
    session.refresh()
    return done
