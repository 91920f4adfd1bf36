"""`diff`: what differs between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import flag, json_option, runs_argument, store_option, wide_option
from runlore.cli._output import layout_width, len_of, print_json, say, shorten_head, shown
from runlore.cli._session import find_run, is_system, open_session
from runlore.cli._table import Column, View, print_table
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader import RunView

_SECTIONS = ("run", "params", "metrics", "tags", "artifacts")
_IN_THE_TITLE = (("run", "experiment"), ("run", "number"))


@command("diff")
@runs_argument
@flag("--all", "-a", "everything", help="Also what is the same in all runs.")
@wide_option
@store_option
@json_option
def diff(runs: tuple[str, ...], everything: bool, wide: bool, store: str | None, json: bool) -> None:
    """Show what differs between runs: params, last metrics, tags, artifacts.

    \b
    Examples:
      runlore diff iris#1 iris#2
      runlore diff iris#1 iris#2 iris#3 --all
      runlore diff 0192f0c1a2b4 0192f0c1b771 --json
    """
    from runlore.reader import compare

    if len(runs) < 2:
        raise InvalidArgument(f"{runs[0]!r} alone cannot differ; name at least two runs")
    session = open_session(store)
    views = [find_run(session, name) for name in runs]
    frame = compare(views, everything=everything)
    rows = [(*index, *values) for index, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)]
    if json:
        print_json(_document(views, rows))
    elif rows:
        _print(list(frame.columns), rows, everything=everything, wide=wide)
    else:
        say("no difference")


def _document(views: Sequence[RunView], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "runs": [{"uid": view.uid, "experiment": view.experiment, "number": view.number} for view in views],
        "differences": [{"section": row[0], "key": row[1], "values": list(row[2:])} for row in rows],
    }


def _print(names: Sequence[str], rows: list[tuple[Any, ...]], *, everything: bool, wide: bool) -> None:
    rows = [row for row in rows if everything or not (is_system(row[1]) or row[:2] in _IN_THE_TITLE)]
    rows.sort(key=lambda row: _SECTIONS.index(row[0]))
    limit = None if wide else layout_width()
    for_key, share = _shares([row[1] for row in rows], len(names), limit)
    columns = [
        Column("section" if limit is None else ""), Column("key", whole=True),
        *(Column(_tail(name, share), most=share or len(name), tail=True) for name in names),
    ]  # fmt: skip
    cells, before = [], ""
    for section, key, *values in rows:
        first = "" if section == before and limit is not None else section
        cells.append([first, _tail(key, for_key), *(_side(section, key, value) for value in values)])
        before = section
    print_table(columns, cells, View(None, wide), how="--wide and --json show all")


def _side(section: str, key: str, value: Any) -> str:
    if value is None:
        return "-"
    if section == "tags" and value == "":
        return "yes"
    return fmt.duration(value) if key == "duration_s" else fmt.value(value) or '""'


def _tail(name: str, most: int | None) -> str:
    """A path, or the name of a run; of one that is too long the end, which tells it from others."""
    return name if most is None else shorten_head(shown(name), most)


def _shares(keys: Sequence[str], runs: int, limit: int | None) -> tuple[int | None, int | None]:
    """Characters that a key, and that each value, may have, so that all runs are seen; None: as many as there are."""
    if limit is None:
        return None, None
    for_key = min(max((len_of(shown(key)) for key in keys), default=0), max(12, limit // 4))
    section = max(map(len, _SECTIONS))
    return for_key, max(8, (limit - section - 2 - for_key) // runs - 2)
