"""Which failures are the surroundings' doing: a full disk, no descriptor left, a library that cannot be loaded now.

Those must not reach a training script: what could not be kept is counted, and said. Everything else must reach it,
above all what the program's own code raised in the middle of a call of ours: a signal handler (`TimeoutError` of an
alarm), a method of an object that was logged.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

_INSTALLED = ("/site-packages/", "/dist-packages/")


def is_environmental(error: BaseException) -> bool:
    """Whether the error says that something around the program does not work now.

    An `OSError` counts where a system call failed (it has an `errno`), and not in code of the program's own. An
    `ImportError` counts where the module is Runlore's own, no descriptor is left to open it with, or the interpreter is
    shutting down; a library that is not installed is another matter.

    Example:
        >>> is_environmental(OSError(28, "No space left on device")), is_environmental(TimeoutError("too slow"))
        (True, False)
    """
    if isinstance(error, ImportError):
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        ours = (cause.name or "").partition(".")[0] == "runlore"
        return ours or sys.is_finalizing() or (not isinstance(cause, ModuleNotFoundError) and _no_descriptor_left())
    return isinstance(error, OSError) and error.errno is not None and not is_foreign(error)


def is_foreign(error: BaseException) -> bool:
    """Whether code of the program's own was running where the error arose: a signal handler, a callback.

    That is code which is neither Runlore's, nor the standard library's, nor an installed package's; and whatever is a
    signal handler. It is looked for below the frame in which the error was caught: whoever called us is foreign, too.
    """
    trace = error.__traceback__
    below = trace.tb_next if trace is not None else None
    while below is not None:
        if not _is_library(below.tb_frame):
            return True
        below = below.tb_next
    return is_of_signal_handler(error)


def is_of_signal_handler(error: BaseException) -> bool:
    """Whether a signal handler of the program's raised it, wherever that interrupted the program."""
    import signal

    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def reason_of(error: BaseException) -> str:
    """The error in words, without a path or number that would make each one look new."""
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:500]


def _is_library(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    path = frame.f_code.co_filename
    return package == "runlore" or package in sys.stdlib_module_names or any(part in path for part in _INSTALLED)


def _code_of(handler: object) -> CodeType | None:
    """The code of a handler: a function, a method, a partial, an object that can be called."""
    while hasattr(handler, "func"):
        handler = handler.func
    function = getattr(handler, "__func__", handler)
    method = vars(type(handler)).get("__call__")
    return getattr(function, "__code__", None) or getattr(method, "__code__", None)


def _no_descriptor_left() -> bool:
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    os.close(descriptor)
    return False
