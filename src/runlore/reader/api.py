"""The functions with which reading begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import ExperimentNotFound
from runlore.names import check_path_name
from runlore.query.globs import literal_glob
from runlore.reader.experiment_view import Experiment
from runlore.reader.facts import similar
from runlore.reader.run_view import RunView
from runlore.reader.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from runlore.store.base import StoreLike


def experiment(path: str, *, store: StoreLike | None = None) -> Experiment:
    """An experiment, for reading.

    Args:
        path: its name, such as `vision/cifar10`.
        store: as for `runlore.start`.

    Raises:
        StoreNotFound: there is no store.
        ExperimentNotFound: no run was ever recorded under this name; the message names similar ones.

    Example:
        >>> import runlore
        >>> runlore.start("iris").finish()
        >>> len(runlore.experiment("iris"))
        1
    """
    check_path_name(path, "path")
    return find_experiment(Session(store).refresh(), path)


def find_experiment(session: Session, path: str) -> Experiment:
    """As `experiment`, in a session that is open."""
    if not session.page(None, None, 1, experiment=literal_glob(path), include_deleted=True, last=True).runs:
        names = [known.name for known in session.index.experiments()]
        hint = similar(path, names) or "; `runlore ls` lists what is there"
        raise ExperimentNotFound(f"no experiment {path!r} in the store {session.store.location!r}{hint}")
    return Experiment(session, path)


def experiments(*, store: StoreLike | None = None) -> pd.DataFrame:
    """The experiments of a store: columns experiment, runs, running, last (when something was last recorded, UTC)."""
    import pandas as pd

    from runlore.reader import columns

    found = Session(store).refresh().index.experiments()
    data = {
        "experiment": columns.text([known.name for known in found]),
        "runs": columns.integers([known.runs for known in found]),
        "running": columns.integers([known.statuses.get("running", 0) for known in found]),
        "last": columns.times([known.updated_ns for known in found]),
    }
    return pd.DataFrame(data, index=pd.RangeIndex(len(found)))


def runs(
    query: str | None = None,
    *,
    experiment: str | Sequence[str] | None = None,
    order_by: Any = None,
    limit: int | None = None,
    store: StoreLike | None = None,
) -> pd.DataFrame:
    """Runs of all experiments, or of some, as a table; see `Experiment.runs`.

    Args:
        query: in the query language.
        experiment: a name, a glob such as `vision/*` or `vision/**`, or several.
        order_by: as for `Experiment.runs`.
        limit: at most so many.
        store: as for `runlore.start`.

    Warns:
        NothingMatches: no run is found, or the order is in vain, for a name that no run of the store has.

    Example:
        >>> import runlore
        >>> with runlore.start("vision/cifar10") as run:
        ...     run.log_metric("loss", 0.05)
        >>> len(runlore.runs("metrics.loss < 0.1", experiment="vision/*"))
        1
    """
    from runlore.reader.asking import ask
    from runlore.reader.tables import run_frame

    question = ask(Session(store).refresh(), query, order_by, experiment=experiment)
    found = run_frame(question.pages(limit))
    question.warn(found=len(found) > 0)
    return found


def get_run(uid: str, *, store: StoreLike | None = None) -> RunView:
    """One run, by its uid or the beginning of it (6 characters or more), or as `experiment#number`.

    A negative number counts from the experiment's latest run back. A run in the trash is found too.

    Raises:
        RunNotFound: there is none, or several are called so.

    Example:
        >>> import runlore
        >>> run = runlore.start("iris")
        >>> run.finish()
        >>> runlore.get_run("iris#1").uid == run.uid
        True
    """
    session = Session(store).refresh()
    return RunView(session, session.find(uid, "uid"))
