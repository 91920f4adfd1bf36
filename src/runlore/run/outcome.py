"""What an exception leaves behind: the status that a run ends with, and what is recorded of the reason.

The exception is the program's own and may be anything: one whose text cannot be made, or is larger than memory should
hold. Nothing here raises, so that it reaches the program's user as it is.
"""

from __future__ import annotations

from runlore.model import FAILED, STOPPED, SUCCEEDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_MESSAGE_CHARACTERS = 16_384
_MAX_TRACEBACK_CHARACTERS = 262_144
_MAX_FRAMES = 1000


def status_of(error: BaseException | None, *, terminated: bool = False) -> tuple[str, dict[str, Any]]:
    """The status that an exception leaves behind, and what to record of it.

    Args:
        error: what ended the run; None: its end in order.
        terminated: SIGTERM has arrived.
    """
    if error is None:
        return SUCCEEDED, {}
    kind = type(error)
    if issubclass(kind, SystemExit):
        return status_of_exit(vars(SystemExit)["code"].__get__(error), terminated=terminated)
    if issubclass(kind, KeyboardInterrupt) or terminated:
        # No traceback: importing what formats it would make Python forget to end by SIGINT.
        return STOPPED, {"reason": "SIGTERM" if terminated else "KeyboardInterrupt"}
    name, message = _name_of(kind), text_of(error)
    return FAILED, {"exception": name, "message": message, "traceback": _traceback_of(error, f"{name}: {message}")}


def status_of_exit(code: Any, *, terminated: bool = False) -> tuple[str, dict[str, Any]]:
    """The same for `sys.exit(code)`."""
    if terminated:
        return STOPPED, {"reason": "SIGTERM"}
    if code is None or (isinstance(code, int) and code == 0):
        return SUCCEEDED, {"exit_code": 0}
    if not isinstance(code, int):
        return FAILED, {"exit_code": 1, "message": text_of(code)}
    seen = int(code) if -(2**31) <= code < 2**31 else -1  # as CPython makes it one that a process can end with
    return FAILED, {"exit_code": seen, "message": f"sys.exit({seen})"}


def text_of(value: object) -> str:
    """The value as text, cut to what fits beside a run; or why it has none."""
    try:
        text = "".join((str(value),))
    except BaseException as error:  # noqa: BLE001 - the value is the program's, and so is what it raises: it is told
        return f"<a {_name_of(type(value))} without a text: its __str__ raised {_name_of(type(error))}>"
    return _cut(text, _MAX_MESSAGE_CHARACTERS)


def _name_of(kind: type) -> str:
    return str(vars(type)["__name__"].__get__(kind))  # whatever its metaclass says of names


def _traceback_of(error: BaseException, instead: str) -> str:
    try:
        import traceback

        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-_MAX_FRAMES)
        return _cut("".join(lines), _MAX_TRACEBACK_CHARACTERS)
    except BaseException as failure:  # noqa: BLE001 - no descriptor to load the module with, a cause that raises …
        return f"{instead}\n(the traceback could not be made: {_name_of(type(failure))})"


def _cut(text: str, characters: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters are left out …\n{text[-half:]}"
