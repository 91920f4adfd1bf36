"""`python -m runlore.dialects NAME script.py …`: a script, or `-m module`, in which a dialect is installed.

What `runlore exec --dialect` starts. To the script it looks as if `python script.py …` had started it.
"""

from __future__ import annotations

import os
import runpy
import sys
from types import ModuleType, TracebackType

from runlore import dialects, leaving
from runlore.errors import RunloreError

_OURS = frozenset({__file__, runpy.__file__, runpy.run_module.__code__.co_filename})
"""The files whose frames lead to the script."""


def main(arguments: list[str]) -> None:
    """Install the dialect and run the script.

    Args:
        arguments: the dialect, then the script and its arguments, or `-m`, a module and its arguments.
    """
    name, *command = arguments
    try:
        dialects.install(name)
    except RunloreError as error:
        raise SystemExit(f"runlore: {error}") from None
    try:
        if command[0] == "-m":
            sys.argv = command[1:]
            sys.path[0] = os.getcwd()
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command
            _run_script(command[0])
    except SystemExit as error:
        leaving.notice(error.code)  # also of one that no hook sees, such as a bare `raise SystemExit(3)`
        raise
    except BaseException:
        _hide_this_program()
        raise


def _hide_this_program() -> None:
    """Have whoever shows or records the exception see it as `python script.py` would have raised it."""
    hook = sys.excepthook  # of the script, and of its runs, as they are at the end

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        while trace is not None and trace.tb_frame.f_code.co_filename in _OURS:
            trace = trace.tb_next
        hook(kind, BaseException.with_traceback(error, trace), trace)

    sys.excepthook = show


def _run_script(path: str) -> None:
    """Run the file as `__main__`, so that what it defines can be pickled and found by `multiprocessing`."""
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"runlore: can't open file {path!r}: {error.strerror}\n")
        raise SystemExit(2) from None
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__  # type: ignore[attr-defined] # as the interpreter gives it to a script
    sys.modules["__main__"] = module
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the user's script


if __name__ == "__main__":
    main(sys.argv[1:])
