"""The code that a program leaves with, noticed where it calls `sys.exit`, `exit` or `quit`.

In `sys.exit(main())` the function is looked up before `main` starts a run: a hook that comes with the first run is too
late. So it comes with `import runlore`. It changes nothing of what the program sees: the same `SystemExit`, by a
subclass, with the same code. A bare `raise SystemExit(3)` outside of a `with` block still leaves no trace that a
library could see.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_code: Any = None
_getframe = getattr(sys, "_getframe", None)
_previous_exit: Any = sys.exit


class NoticedExit(SystemExit):
    """A `SystemExit` that tells whether it ended the program or was caught on the way."""

    def __del__(self) -> None:
        if _getframe is not None and _getframe().f_back is not None:
            notice(None)  # some code caught it, and goes on


def notice(code: Any) -> None:
    """The program is about to end with this code; a launcher says so, which sees every `SystemExit` of its script."""
    global _code  # noqa: PLW0603 - of the process
    _code = code


def noticed() -> Any:
    """What the program is about to leave with: None where it ends in order, or by what no hook sees."""
    return _code


def _on_sys_exit(status: Any = None, /) -> None:
    notice(status)
    if not isinstance(_previous_exit, BuiltinFunctionType):
        _previous_exit(status)  # somebody else replaced sys.exit before us
    raise NoticedExit(status)


def _hook() -> None:
    """Once a process, when this is imported."""
    sys.exit = _on_sys_exit  # type: ignore[assignment]
    words = sys.modules.get("_sitebuiltins")
    if words is None:
        return  # python -S
    before = words.Quitter.__call__

    def leave(self: Any, code: Any = None) -> None:
        notice(code)
        try:
            before(self, code)
        except SystemExit as error:
            raise NoticedExit(*error.args) from None

    words.Quitter.__call__ = leave


_hook()
