"""Cells of a notebook: running one again ends the run that it started before.

Nothing here is loaded outside of a Jupyter kernel.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from runlore import model
from runlore.notices import say_once
from runlore.run import ends

if TYPE_CHECKING:
    from runlore.run.handle import Run


class Execution(NamedTuple):
    """One execution of a cell.

    Attributes:
        cell: the notebook's id of the cell; where a front end sends none, the cell's text.
        request: the id of the message that asked for it.
    """

    cell: str
    request: str


_started: WeakKeyDictionary[Run, Execution] = WeakKeyDictionary()
"""The execution in which each run was started."""


def current() -> Execution | None:
    """The cell that is being executed, or None where no kernel executes one."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None  # IPython in a terminal
    message = kernel.get_parent("shell")
    if message.get("header", {}).get("msg_type") != "execute_request":
        return None
    cell = message.get("metadata", {}).get("cellId") or message["content"]["code"]
    return Execution(str(cell), str(message["header"]["msg_id"]))


def end_earlier() -> None:
    """End the runs that an earlier execution of this cell started and left open, as `stopped`, and say so.

    Several runs of one execution, as in a loop, are left alone.
    """
    now = current()
    if now is None:
        return
    for run in list(ends.open_runs.values()):
        before = _started.get(run)
        if before is not None and before.cell == now.cell and before.request != now.request:
            say_once(
                f"{run.experiment}#{run.number} was still open and is ended as stopped: the cell that started it was "
                "run again. To end it in order, call its finish() before, or start it in a with block"
            )
            run.end(model.STOPPED, {"reason": "its cell was run again"})


def began(run: Run) -> None:
    """Remember which cell started a run."""
    now = current()
    if now is not None:
        _started[run] = now
