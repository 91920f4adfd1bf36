"""What the shell proposes when somebody presses Tab: names in the store, as its catalog knows them.

Completion waits for no indexing, and says nothing where there is no store. A name with control characters is never
proposed: the shell would type it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from runlore.cli._format import printable
from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from runlore.reader.session import Session

LONGEST = 50
"""Proposals for one completion."""

RECENT = 1000
"""Runs that are looked through."""


def propose(what: str, params: Mapping[str, Any], incomplete: str) -> list[CompletionItem]:
    """Names that begin as what was typed.

    Args:
        what: a key of `SOURCES`; `directories` or `files`, which the shell completes; or `get`, which is itself.
        params: what the command line has so far, by the names of the command's parameters.
        incomplete: what was typed of this one.
    """
    if what == "get":
        return [CompletionItem("get")]
    if what in ("directories", "files"):
        return [CompletionItem(incomplete, type="dir" if what == "directories" else "file")]
    source, before = SOURCES[what], ""
    if what == "fields":  # of several with commas, the last; one may begin with a sign
        before, comma, incomplete = incomplete.rpartition(",")
        before += comma
        if incomplete[:1] in ("-", "+"):
            before, incomplete = before + incomplete[0], incomplete[1:]
    try:
        from runlore.reader.session import Session

        found = list(source(Session(params.get("store")), params))
    except RunloreError:
        return []  # no store here, or no such run: nothing to propose
    named = (name for name in dict.fromkeys(found) if name.startswith(incomplete) and printable(name) == name)
    return [CompletionItem(before + name) for name, _ in zip(named, range(LONGEST), strict=False)]


def _experiments(session: Session, _: Mapping[str, Any]) -> Iterable[str]:
    from runlore.reader.records import experiment_records

    return (record["experiment"] for record in experiment_records(session))


def _runs(session: Session, params: Mapping[str, Any], experiment: str | None = None) -> Iterable[str]:
    runs = session.page(limit=RECENT, experiment=experiment, last=True).runs
    chosen = set(params.get("runs") or ())
    names = (f"{run.experiment}#{run.number}" for run in runs if run.number is not None)
    return (name for name in names if name not in chosen)


def _runs_of_experiment(session: Session, params: Mapping[str, Any]) -> Iterable[str]:
    """Their numbers."""
    experiment = params.get("experiment")
    return (name.rpartition("#")[2] for name in _runs(session, {}, experiment))


def _metrics(session: Session, _: Mapping[str, Any]) -> Iterable[str]:
    from runlore.reader.records import keys_of

    return sorted(keys_of(session, "metrics"), key=lambda key: key.startswith("system/"))


def _keys(session: Session, params: Mapping[str, Any]) -> Iterable[str]:
    from runlore.reader.records import keys_of

    return [*_metrics(session, params), *keys_of(session, "params"), *keys_of(session, "tags")]


def _fields(session: Session, _: Mapping[str, Any]) -> Iterable[str]:
    from runlore.cli._runs_table import ATTRIBUTES
    from runlore.reader.records import keys_of

    return [*ATTRIBUTES, *(f"{kind}.{key}" for kind in ("metrics", "params", "tags") for key in keys_of(session, kind))]


def _artifacts(session: Session, params: Mapping[str, Any]) -> Iterable[str]:
    from runlore.reader.records import find_view

    view = find_view(session, params.get("run") or "")
    return (item.name for item in view.artifacts())


def _cards(session: Session, _: Mapping[str, Any]) -> Iterable[str]:
    """Names, then versions of names."""
    from runlore.registry import list_cards

    found = list_cards(store=session.store)
    return [*(str(card.card_name) for card in found), *map(str, found)]


SOURCES: dict[str, Callable[[Session, Mapping[str, Any]], Iterable[str]]] = {
    "artifacts": _artifacts,
    "cards": _cards,
    "experiments": _experiments,
    "fields": _fields,
    "keys": _keys,
    "metrics": _metrics,
    "runs": _runs,
    "runs_of_experiment": _runs_of_experiment,
}
"""Where names come from: the open store, and what the command line has so far."""
