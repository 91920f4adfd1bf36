"""What a typed user of Runlore relies on. Checked by mypy, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from typing_extensions import assert_type

import runlore

if TYPE_CHECKING:
    from pathlib import Path


def record(directory: Path) -> None:
    with runlore.start("iris", "baseline", params={"lr": 0.1}, tags={"team": "a"}, store=directory) as run:
        assert_type(run, runlore.Run)
        run.log_metric("loss", 0.5)
        run.log_metric("loss", 0.5, step=1, time=1.0)
        run.log_metrics({"train": {"loss": 0.5}}, step=1)
        run.log_param("lr", 0.1)
        run.log_params({"model": {"width": 8}})
        run.set_tag("team", "a")
        run.set_name("other")
        run.log_artifact(directory / "model.bin")
        run.log_artifact(b"bytes", "model.bin")
        run.log_text("text", name="notes.txt")
        run.log_extra(rank=0)
        assert_type(run.uid, str)
        assert_type(run.number, int)
        assert_type(run.status, str)
        assert_type(run.env(), dict[str, str])
        with run.child("trial") as child:
            assert_type(child, runlore.Run)
    run.finish()


def resume(uid: str) -> None:
    assert_type(runlore.resume(uid), runlore.Run)
    assert_type(runlore.active_run(), runlore.Run)


def read(uid: str) -> None:
    experiment = runlore.experiment("iris")
    assert_type(experiment.runs("metrics.loss < 1", order_by="-metrics.loss", limit=10), pd.DataFrame)
    assert_type(experiment.data(event="metric", key="loss"), pd.DataFrame)
    assert_type(experiment.summary(), pd.DataFrame)
    assert_type(runlore.runs("params.lr = 0.1", experiment="vision/*"), pd.DataFrame)
    assert_type(runlore.compare([uid]), pd.DataFrame)
    assert_type(runlore.get_run(uid).status, str)


def misuse() -> None:
    runlore.start(experiment=1)  # type: ignore[arg-type]
    runlore.start("iris", parameters={})  # type: ignore[call-arg]
    runlore.strat("iris")  # type: ignore[attr-defined]
