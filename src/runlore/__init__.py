"""Runlore: an experiment tracker that never harms a training run and never loses a point.

Example:
    >>> import runlore
    >>> with runlore.start("iris/baseline", params={"lr": 0.1}) as run:
    ...     run.log_metric("loss", 0.5, step=1)
    >>> runlore.experiment("iris/baseline").runs()["metrics.loss"].tolist()
    [0.5]
"""

from __future__ import annotations

from runlore import leaving as _leaving  # noqa: F401 - notices `sys.exit(main())`, whose main starts the first run
from runlore._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runlore import registry
    from runlore.errors import NothingMatches
    from runlore.integrations import autolog
    from runlore.reader import Experiment, RunView, compare, experiment, experiments, get_run, runs
    from runlore.run import Run, active_run, resume, start

_HOMES = {
    "Experiment": "runlore.reader",
    "NothingMatches": "runlore.errors",
    "Run": "runlore.run",
    "RunView": "runlore.reader",
    "active_run": "runlore.run",
    "autolog": "runlore.integrations",
    "compare": "runlore.reader",
    "experiment": "runlore.reader",
    "experiments": "runlore.reader",
    "get_run": "runlore.reader",
    "resume": "runlore.run",
    "runs": "runlore.reader",
    "start": "runlore.run",
}

__all__ = [
    "Experiment",
    "NothingMatches",
    "Run",
    "RunView",
    "__version__",
    "active_run",
    "autolog",
    "compare",
    "experiment",
    "experiments",
    "get_run",
    "registry",
    "resume",
    "runs",
    "start",
]


if not TYPE_CHECKING:  # to a type checker a name that does not exist is an error, and not of any type

    def __getattr__(name: str) -> Any:
        """Import what is asked for, and not before: `import runlore` costs next to nothing."""
        if name == "registry":
            return __import__("runlore.registry", fromlist=["registry"])
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'runlore' has no attribute {name!r}")
        value = getattr(__import__(home, fromlist=[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """The public names, also those that are not imported yet."""
    return sorted(__all__)
