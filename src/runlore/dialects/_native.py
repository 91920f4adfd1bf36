"""What dialects need of Runlore beyond its public API, in one place: nothing else of them knows how runs are kept.

Imports are made inside the functions: a program that only records loads no database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.journal.values import flatten, number_of, step_of, to_json
from runlore.run.handle import check_columns

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from runlore.query import Expression, OrderKey
    from runlore.reader import RunView
    from runlore.run import Run
    from runlore.store import DirectoryStore

    Place: TypeAlias = DirectoryStore
    """A store that is open."""
    Store: TypeAlias = "str | os.PathLike[str] | DirectoryStore | None"
    """A store as an argument; see `runlore.start`."""

__all__ = [
    "check_columns",
    "claim",
    "claimed",
    "claims",
    "content_path",
    "find_runs",
    "flatten",
    "handle_of",
    "has_run",
    "holds_claim",
    "is_number",
    "location",
    "number_of",
    "open_store",
    "record_now",
    "release",
    "step_of",
    "to_json",
]


def is_number(value: Any) -> bool:
    """Whether a metric event's value is a point of a series: a number, not a text or list."""
    from runlore.store.summary import is_number as is_point

    return is_point(value)


# -- stores ---------------------------------------------------------------------------------------------------------


def open_store(store: Store = None, *, create: bool = False) -> Place:
    """The store itself.

    Raises:
        StoreNotFound: there is none, and `create` is false.
    """
    from runlore.store import open_store as open_directory

    return open_directory(store, create=create)


def location(place: Place) -> str:
    """Where a store is, for messages."""
    return place.root


def content_path(store: Store, digest: str) -> str:
    """A file that holds contents. It need not exist: they may be gone."""
    return open_store(store).blob_path(digest)


def has_run(place: Place, uid: str) -> bool:
    """Whether the store has a run of this uid, in the trash or not."""
    from runlore.errors import RunNotFound

    try:
        place.find_run(uid)
    except RunNotFound:
        return False
    return True


def claim(place: Place, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
    """Claim a name that only one may have; whether it was free."""
    from runlore.store import claims as names

    return names.claim(place.root, namespace, name, about)


def claimed(place: Place, namespace: str, name: str) -> dict[str, Any] | None:
    """What was said when the name was claimed; None where it is free."""
    from runlore.store import claims as names

    return names.claimed(place.root, namespace, name)


def claims(place: Place, namespace: str) -> list[dict[str, Any]]:
    """All claims of a namespace, each with its `name`."""
    from runlore.store import claims as names

    return names.claims(place.root, namespace)


def release(place: Place, namespace: str, name: str, about: Mapping[str, Any]) -> None:
    """Give a name back, if it is still claimed with exactly this."""
    from runlore.store import claims as names

    names.release(place.root, namespace, name, about)


def holds_claim(place: Place, about: Mapping[str, Any]) -> bool:
    """Whether a claim's run is there and not in the trash, or may just be being created."""
    from runlore.reader import get_run
    from runlore.store import claims as names

    if not has_run(place, about["uid"]):
        return names.is_pending(about)
    return not get_run(about["uid"], store=place).deleted


# -- runs -----------------------------------------------------------------------------------------------------------


def find_runs(
    store: Store, wanted: Expression, order: Sequence[OrderKey] | str | None = None, limit: int | None = None
) -> list[RunView]:
    """Runs that the tree of a query finds, in order; the newest first by default."""
    from runlore.reader import RunView
    from runlore.reader.session import Session

    session = Session(store).refresh()
    page = session.page(wanted, order, limit)
    return [RunView(session, row) for row in session.rows([key.id for key in page.runs])]


def handle_of(uid: str) -> Run | None:
    """The handle with which this process records a run at the moment."""
    from runlore.run import ends

    return ends.open_runs.get(uid)


def record_now(run: Run, capture: str) -> None:
    """Have one capture record, once, now."""
    from runlore.capture import Captures
    from runlore.run.capturing import RunSink

    captures = Captures(RunSink(run), {capture: True}, exclude=(run.store.root,))
    captures.start()
    captures.stop()
