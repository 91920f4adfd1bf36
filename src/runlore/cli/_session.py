"""The store that a command works on, brought up to date, with a bar where that takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.cli._format import plural
from runlore.cli._progress import Bar
from runlore.errors import RunNotFound

if TYPE_CHECKING:
    from runlore.reader.run_view import RunView
    from runlore.reader.session import Session


def open_session(store: str | None) -> Session:
    """The store's catalog, up to date.

    Raises:
        StoreNotFound: there is no store.
    """
    from runlore.reader.session import Session

    session = Session(store)
    with Bar("Indexing runs") as bar:
        session.refresh(bar.update)
    return session


def open_run(store: str | None, run: str) -> RunView:
    """A run, as the command line names it: see `runlore.reader.records.find_view`.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    return find_run(open_session(store), run)


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
    from runlore.reader import experiment
    from runlore.reader.records import experiment_records

    known = {record["experiment"] for record in experiment_records(session)}
    if run in known:
        return f"{run!r} is an experiment; name one of its runs, such as '{run}#-1', the latest"
    name, _, number = run.rpartition("#")
    numbers = experiment(name, store=session.store).numbers if name in known else []
    if not numbers or (number.isdigit() and int(number) in numbers):
        return None
    return f"{name!r} has no run #{number}; it has {plural(len(numbers), 'run')}, with numbers up to {numbers[-1]}"


def title_of(view: RunView) -> str:
    """How a run is called: `experiment#number`, and its name if it has one."""
    from runlore.cli._format import printable

    called = f"{view.experiment}#{view.number}" if view.number is not None else f"{view.experiment} {view.uid}"
    return printable(f"{called} ({view.name})" if view.name else called)
