"""The store that a command works on, and all that commands ask of the reader.

A command brings the index up to date once, with a bar where that takes long; whatever it asks after that is answered
from there. What it changes itself it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.cli._format import plural
from runlore.cli._progress import Bar
from runlore.errors import RunNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from runlore.reader import Experiment, RunView
    from runlore.reader.asking import Found
    from runlore.reader.session import Session


def open_session(store: str | None, *, live: bool = False) -> Session:
    """The store and its index, up to date.

    Args:
        store: the store, as the user named it.
        live: bring it up to date whenever something asks for that: for commands that watch, or that change the store.

    Raises:
        StoreNotFound: there is no store.
    """
    from runlore.cli._snapshot import Snapshot
    from runlore.reader.session import Session

    session = Session(store) if live else Snapshot(store)
    with Bar("Indexing runs") as bar:
        session.refresh(bar.update)
    return session


def open_run(store: str | None, run: str, *, live: bool = False) -> RunView:
    """A run, as the command line names it: see `runlore.reader.records.find_view`.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    return find_run(open_session(store, live=live), run)


def find_run(session: Session, run: str) -> RunView:
    """As `open_run`, in a session that is open. Who names an experiment is told how to name a run.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    from runlore.reader.records import find_view

    try:
        return find_view(session, run)
    except RunNotFound as error:
        problem = _problem(session, run)
        if problem is None:
            raise
        raise RunNotFound(problem) from error


def _problem(session: Session, run: str) -> str | None:
    """What is wrong with a name that begins with an experiment's; None: something else is."""
    known = {record["experiment"] for record in list_experiments(session)}
    if run in known:
        return f"{run!r} is an experiment; name one of its runs, such as '{run}#-1', the latest"
    name, _, number = run.rpartition("#")
    numbers = open_experiment(session, name).numbers if name in known else []
    if not numbers or (number.isdigit() and int(number) in numbers):
        return None
    return f"{name!r} has no run #{number}; it has {plural(len(numbers), 'run')}, with numbers up to {numbers[-1]}"


def open_experiment(session: Session, name: str) -> Experiment:
    """An experiment.

    Raises:
        ExperimentNotFound: there is none; the message names similar ones.
    """
    from runlore.reader.api import find_experiment

    return find_experiment(session, name)


def list_experiments(session: Session, pattern: str | None = None) -> list[dict[str, Any]]:
    """Experiments of that name or glob as records; all without one."""
    from runlore.reader.records import experiment_records

    return experiment_records(session, pattern)


def find_runs(
    session: Session, query: str | None = None, order_by: str | None = None, limit: int | None = None,
    experiments: Sequence[str] = (),
) -> Found:  # fmt: skip
    """Which runs a query finds, and what is to be said of names in it that the store does not have.

    Raises:
        QuerySyntaxError: the query cannot be understood.
    """
    from runlore.reader.asking import find_runs as ask

    return ask(session, query, order_by, limit, experiment=list(experiments) or None)


def run_records(found: Found) -> list[dict[str, Any]]:
    """The runs as records: attributes, params, last values of metrics, hardware metrics apart, tags."""
    from runlore.reader.records import run_records as records_of

    return records_of(found.runs, system=True)


def is_system(key: str) -> bool:
    """Whether a metric is about the hardware, not about the model."""
    return key.startswith("system/")


def attributes_of(view: RunView) -> dict[str, Any]:
    """The attributes of a run as JSON has them."""
    from runlore.reader.records import attributes

    return attributes(view._record)  # noqa: SLF001 - it says all


def series_of(view: RunView) -> dict[str, dict[str, Any]]:
    """What the index says of each metric of a run: last value, least, greatest and so on."""
    from runlore.reader.records import metric_records

    return metric_records(view._session, view.uid, system=True)  # noqa: SLF001 - the index has more than the view shows


def times_of(frame: pd.DataFrame) -> list[int]:
    """When the records of a table were made, in ns."""
    times: list[int] = frame["time"].astype("int64").tolist()
    return times


def name_of(record: dict[str, Any]) -> str:
    """How a run is called, from its record: `experiment#number`, or by its uid while it has no number."""
    if record["number"] is None:
        return f"{record['experiment']} {record['uid']}"
    return f"{record['experiment']}#{record['number']}"


def title_of(view: RunView) -> str:
    """How a run is called, and its name if it has one."""
    called = name_of(attributes_of(view))
    return f"{called} ({view.name})" if view.name else called
