"""Small stores, and what readers see of them."""

from __future__ import annotations

import os

import runlore
from runlore.reader.session import Session
from runlore.store import open_store


def record(store: str, experiment: str = "iris", artifact: bytes | None = None, **metrics: float) -> str:
    """One run; its uid."""
    with runlore.start(experiment, store=store, capture=False) as run:
        run.log_metrics(metrics or {"loss": 0.5}, step=1)
        if artifact is not None:
            run.log_artifact(artifact, "model", kind="model")
    return run.uid


def session(store: str) -> Session:
    return Session(open_store(store, create=True)).refresh()


def contents(store: str) -> set[str]:
    """Digests of the contents that are there."""
    return {name for _, _, files in os.walk(os.path.join(store, "blobs")) for name in files}


def everything(store: str) -> dict:
    """All that readers see of a store, by uid, but the numbers of runs: what copying must keep."""
    return {
        view.uid: (
            view.experiment, view.status, view.name, view.params, view.tags, view.points,
            [str(row[2:]) for row in view.data().itertuples(index=False) if row.event != "attribute"],
            [(item.name, item.digest) for item in view.artifacts()],
        )
        for view in (runlore.get_run(uid, store=store) for uid in runlore.runs(store=store)["uid"])
    }  # fmt: skip
