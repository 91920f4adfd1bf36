"""What dialects need of Runlore beyond its public API, in one place: nothing else of them knows how runs are kept.

Imports are made inside the functions: a program that only records loads no database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.journal.values import flatten, number_of, step_of, to_json
from runlore.run.arguments import check_columns
from runlore.run.ends import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.query import Expression, OrderKey
    from runlore.reader import RunView
    from runlore.reader.session import Session
    from runlore.run import Run
    from runlore.store.base import Store, StoreLike

__all__ = [
    "cells_of",
    "check_columns",
    "find_runs",
    "flatten",
    "handle_of",
    "has_run",
    "holds_claim",
    "is_number",
    "number_of",
    "open_session",
    "open_store",
    "record_now",
    "status_of",
    "step_of",
    "to_json",
    "versions_taken",
]


def is_number(value: Any) -> bool:
    """Whether a metric event's value is a point of a series: a number, not a text or list."""
    from runlore.store.summary import is_number as is_point

    return is_point(value)


def cells_of(column: Any) -> list[Any]:
    """The cells of a pandas column as Python values, with None where one is missing, NaN included."""
    from runlore.reader import plain

    return plain.cells_of(column)


# -- stores ---------------------------------------------------------------------------------------------------------


def open_store(store: StoreLike | None = None, *, create: bool = False) -> Store:
    """The store itself.

    Raises:
        StoreNotFound: there is none, and `create` is false.
    """
    from runlore.opening import open_store as open_any

    return open_any(store, create=create)


def has_run(place: Store, uid: str) -> bool:
    """Whether the store has a run of this uid, in the trash or not."""
    from runlore.errors import RunNotFound

    try:
        place.open_run(uid)
    except RunNotFound:
        return False
    return True


def versions_taken(place: Store, kind: str, space: str, name: str) -> bool:
    """Whether a card of this name was ever registered, or begun to be."""
    from runlore.store.cards import CardName

    return bool(place.versions_taken(CardName(kind, space, name)))


def holds_claim(place: Store, about: Mapping[str, Any]) -> bool:
    """Whether a claim's run is there and not in the trash, or may just be being created."""
    from runlore.reader import get_run
    from runlore.store.claims import is_pending

    if not has_run(place, about["uid"]):
        return is_pending(about)
    return not get_run(about["uid"], store=place).deleted


# -- runs -----------------------------------------------------------------------------------------------------------


def find_runs(
    store: StoreLike | None, wanted: Expression | str | None, order: Sequence[OrderKey | str] | str | None = None,
    limit: int | None = None,
) -> list[RunView]:  # fmt: skip
    """Runs that a query, or its tree, finds, in order; the newest first by default."""
    from runlore.reader import RunView

    session = open_session(store)
    page = session.page(wanted, order, limit, facts=True, last=True)
    return [RunView(session, record) for record in page.runs]


def open_session(store: StoreLike | None) -> Session:
    """A store for reading, up to date.

    Raises:
        StoreNotFound: there is none.
    """
    from runlore.reader.session import Session

    return Session(store).refresh()


def handle_of(uid: str) -> Run | None:
    """The handle with which this process records a run at the moment."""
    from runlore.run import ends

    return ends.open_runs.get(uid)


def record_now(run: Run, capture: str) -> None:
    """Have one capture record, once, now."""
    from runlore.capture import Captures
    from runlore.run.capturing import RunSink

    captures = Captures(RunSink(run), {capture: True}, exclude=(run.store.location,))
    captures.start()
    captures.stop()
