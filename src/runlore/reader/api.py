"""The functions with which reading begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from runlore.catalog import schema
from runlore.errors import ExperimentNotFound, WrongType
from runlore.names import check_path_name
from runlore.query.hints import similar
from runlore.reader.asking import find_runs
from runlore.reader.experiment_view import Experiment
from runlore.reader.run_view import RunView
from runlore.reader.session import Session
from runlore.reader.tables import run_frame

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd

    from runlore.store import DirectoryStore


def experiment(path: str, *, store: str | os.PathLike[str] | DirectoryStore | None = None) -> Experiment:
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
    table = schema.runs
    with session.catalog.connect() as connection:
        if connection.execute(select(table.c.id).where(table.c.experiment == path).limit(1)).first() is None:
            names = [row[0] for row in connection.execute(select(table.c.experiment).distinct())]
            close = similar(path, names)
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "`runlore ls` lists what is there"
            raise ExperimentNotFound(f"no experiment {path!r} in the store {session.store.root!r}; {hint}")
    return Experiment(session, path)


def experiments(*, store: str | os.PathLike[str] | DirectoryStore | None = None) -> pd.DataFrame:
    """The experiments of a store: columns experiment, runs, running, last (when something was recorded last)."""
    import pandas as pd

    session = Session(store).refresh()
    table = schema.runs
    running = func.sum(func.iif(table.c.status == "running", 1, 0))
    with session.catalog.connect() as connection:
        rows = connection.execute(
            select(table.c.experiment, func.count(), running, func.max(table.c.updated_ns))
            .where(table.c.deleted == 0)
            .group_by(table.c.experiment)
            .order_by(table.c.experiment)
        ).all()
    frame = pd.DataFrame(rows, columns=["experiment", "runs", "running", "last"])
    frame["last"] = pd.to_datetime(frame["last"], unit="ns")
    return frame


def runs(
    query: str | None = None,
    *,
    experiment: str | Sequence[str] | None = None,
    order_by: Any = None,
    limit: int | None = None,
    store: str | os.PathLike[str] | DirectoryStore | None = None,
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
    session = Session(store).refresh()
    found = find_runs(session, query, order_by, limit, experiment=experiment, last=True)
    found.warn()
    return run_frame(session, [key.id for key in found.page.runs])


def get_run(uid: str, *, store: str | os.PathLike[str] | DirectoryStore | None = None) -> RunView:
    """One run, by its uid or the beginning of it (6 characters or more), or as `experiment#number`.

    Raises:
        RunNotFound: there is none, or several begin so.

    Example:
        >>> import runlore
        >>> run = runlore.start("iris")
        >>> run.finish()
        >>> runlore.get_run("iris#1").uid == run.uid
        True
    """
    if not isinstance(uid, str):
        raise WrongType(f"uid={uid!r} must be text: a uid, or experiment#number")
    name, mark, number = uid.rpartition("#")
    if mark and number.lstrip("-").isdigit():
        return experiment(name, store=store).run(int(number))
    session = Session(store).refresh()
    return RunView(session, session.find(uid))
