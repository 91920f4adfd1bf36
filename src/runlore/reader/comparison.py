"""What differs between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.reader.api import get_run
from runlore.reader.run_view import RunView

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd

    from runlore.store import DirectoryStore

_ATTRIBUTES = ("experiment", "number", "name", "status", "user", "host", "group", "description", "duration_s")


def compare(
    runs: Sequence[str | RunView],
    *,
    everything: bool = False,
    store: str | os.PathLike[str] | DirectoryStore | None = None,
) -> pd.DataFrame:
    """What differs between runs: one row a field, one column a run.

    Args:
        runs: uids, or runs as `get_run` gives them.
        everything: also what is the same in all.
        store: where they are, for uids.

    Returns:
        A DataFrame indexed by (section, key): sections `run`, `params`, `metrics`, `tags` and `artifacts` (by digest).
        Columns are `experiment#number`. A field that a run does not have is None.

    Raises:
        InvalidArgument: fewer than two runs.
        RunNotFound: one does not exist.

    Example:
        >>> import runlore
        >>> uids = []
        >>> for lr in (0.1, 0.01):
        ...     with runlore.start("iris", params={"lr": lr, "seed": 1}) as run:
        ...         uids.append(run.uid)
        >>> runlore.compare(uids).loc[("params", "lr")].tolist()
        [0.1, 0.01]
    """
    import pandas as pd

    views = [run if isinstance(run, RunView) else get_run(run, store=store) for run in runs]
    if len(views) < 2:
        raise InvalidArgument(f"runs={list(runs)!r}: at least two runs are needed for a comparison")
    sides = [_fields(view) for view in views]
    rows: dict[tuple[str, str], list[Any]] = {}
    for field in dict.fromkeys(field for side in sides for field in side):
        values = [side.get(field) for side in sides]
        if everything or any(not _same(values[0], value) for value in values[1:]):
            rows[field] = values
    index = pd.MultiIndex.from_tuples(list(rows), names=["section", "key"]) if rows else pd.MultiIndex(
        levels=[[], []], codes=[[], []], names=["section", "key"]
    )  # fmt: skip
    titles = [f"{view.experiment}#{view.number}" for view in views]
    if len(set(titles)) < len(titles):
        titles = [view.uid for view in views]
    return pd.DataFrame(list(rows.values()), index=index, columns=titles, dtype=object)


def _fields(view: RunView) -> dict[tuple[str, str], Any]:
    fields: dict[tuple[str, str], Any] = {("run", name): getattr(view, name) for name in _ATTRIBUTES}
    fields.update({("params", key): value for key, value in view.params.items()})
    fields.update({("metrics", key): value for key, value in view.metrics.items()})
    fields.update({("tags", key): value for key, value in view.tags.items()})
    fields.update({("artifacts", item.name): (item.digest or "")[:12] for item in view.artifacts()})
    return fields


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)  # noqa: PLR0124 - NaN is the same as NaN here
