"""Reading what was recorded: experiments, runs, series and artifacts, as DataFrames and small objects.

    runlore.experiment("iris").runs() / .data() / .summary() / .metric("loss")
    runlore.runs("metrics.loss < 0.1", experiment="vision/*")
    runlore.get_run(uid).metrics / .params / .artifacts() / .logs()
    runlore.compare([first, second])

Every call first brings the catalog up to date, so that it answers with what was recorded before it was made, also by
programs that still run.
"""

from __future__ import annotations

from runlore.reader.api import experiment, experiments, get_run, runs
from runlore.reader.artifact import Artifact
from runlore.reader.comparison import compare
from runlore.reader.experiment_view import Experiment
from runlore.reader.run_view import RunView

__all__ = ["Artifact", "Experiment", "RunView", "compare", "experiment", "experiments", "get_run", "runs"]
