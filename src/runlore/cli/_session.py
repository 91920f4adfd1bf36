"""The store that a command works on, brought up to date, with a bar where that takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.cli._progress import Bar

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
    from runlore.reader.records import find_view

    return find_view(open_session(store), run)


def title_of(view: RunView) -> str:
    """How a run is called: `experiment#number`, and its name if it has one."""
    from runlore.cli._format import printable

    called = f"{view.experiment}#{view.number}" if view.number is not None else f"{view.experiment} {view.uid}"
    return printable(f"{called} ({view.name})" if view.name else called)
