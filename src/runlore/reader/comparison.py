"""What differs between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.reader.run_view import RunView
from runlore.reader.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from runlore.store.base import StoreLike

_ATTRIBUTES = ("experiment", "number", "name", "status", "user", "host", "group", "description", "duration_s")


def compare(
    runs: Sequence[str | RunView], *, everything: bool = False, store: StoreLike | None = None
) -> pd.DataFrame:  # fmt: skip
    """What differs between runs: one row a field, one column a run.

    Args:
        runs: uids, their beginnings, or `experiment#number`; or runs as `get_run` gives them.
        everything: also what is the same in all.
        store: where they are, for texts.

    Returns:
        A DataFrame indexed by (section, key): sections `run`, `params`, `metrics`, `tags` and `artifacts` (by digest).
        Columns are `experiment#number`. A field that a run does not have is None.

    Raises:
        InvalidArgument: fewer than two runs.
        RunNotFound: one does not exist.

    Example:
        >>> import runlore
        >>> for lr in (0.1, 0.01):
        ...     with runlore.start("iris", params={"lr": lr, "seed": 1}) as run:
        ...         pass
        >>> runlore.compare(["iris#1", "iris#2"]).loc[("params", "lr")].tolist()
        [0.1, 0.01]
    """
    import pandas as pd

    from runlore.reader import columns

    views = _views(list(runs), store)
    if len(views) < 2:
        raise InvalidArgument(f"runs={list(runs)!r}: at least two runs are needed for a comparison")
    sides = [_fields(view, digests) for view, digests in zip(views, _digests(views), strict=True)]
    rows: dict[tuple[str, str], list[Any]] = {}
    for field in dict.fromkeys(field for side in sides for field in side):
        values = [side.get(field) for side in sides]
        if everything or any(not _same(values[0], value) for value in values[1:]):
            rows[field] = values
    sections, keys = zip(*rows, strict=True) if rows else ((), ())
    index = pd.MultiIndex.from_arrays([columns.labels(sections, "section"), columns.labels(keys, "key")])
    titles = [f"{view.experiment}#{view.number}" for view in views]
    if len(set(titles)) < len(titles):
        titles = [view.uid for view in views]
    return pd.DataFrame(list(rows.values()), index=index, columns=columns.labels(titles), dtype=object)


def _views(runs: list[str | RunView], store: StoreLike | None) -> list[RunView]:
    named = [run for run in runs if not isinstance(run, RunView)]
    if not named:
        return [run for run in runs if isinstance(run, RunView)]
    session = Session(store).refresh()
    found = iter(session.find_all(named, "runs"))
    return [run if isinstance(run, RunView) else RunView(session, next(found)) for run in runs]


def _digests(views: list[RunView]) -> list[dict[str, str]]:
    """Of each run, the latest contents of each artifact. Those of one session are asked for at once."""
    by_session: dict[int, list[RunView]] = {}
    for view in views:
        by_session.setdefault(id(view._session), []).append(view)  # noqa: SLF001 - one of the reader's own
    found: dict[tuple[int, str], dict[str, str]] = {}
    for key, mine in by_session.items():
        records = mine[0]._session.index.artifacts([view.uid for view in mine])  # noqa: SLF001 - as above
        for uid, artifacts in records.items():
            found[key, uid] = {item.name: (item.digest or "")[:12] for item in artifacts}
    return [found.get((id(view._session), view.uid), {}) for view in views]  # noqa: SLF001 - as above


def _fields(view: RunView, digests: dict[str, str]) -> dict[tuple[str, str], Any]:
    fields: dict[tuple[str, str], Any] = {("run", name): getattr(view, name) for name in _ATTRIBUTES}
    fields.update({("params", key): value for key, value in view.params.items()})
    fields.update({("metrics", key): value for key, value in view.metrics.items()})
    fields.update({("tags", key): value for key, value in view.tags.items()})
    fields.update({("artifacts", name): digest for name, digest in digests.items()})
    return fields


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)  # noqa: PLR0124 - NaN is the same as NaN here
