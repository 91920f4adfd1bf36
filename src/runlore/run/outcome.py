"""What an exception leaves behind: the status that a run ends with, and what is recorded of the reason.

The exception is the program's own and may be anything: one whose text cannot be made, takes for ever to make, or is
larger than memory should hold. Nothing here raises or waits for long, so that it reaches the program's user as it is.
"""

from __future__ import annotations

import threading
from types import FunctionType

from runlore.model import FAILED, STOPPED, SUCCEEDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MAX_MESSAGE_CHARACTERS = 16_384
_MAX_TRACEBACK_CHARACTERS = 262_144
_MAX_FRAMES = 1000
_MAX_SECONDS = 5.0
"""For making a text. Then it goes on in a daemon thread, for nobody."""
_PLAIN = (str, int, float, bool, bytes, type(None))
_mro_of = vars(type)["__mro__"].__get__
_names_of = vars(type)["__dict__"].__get__


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
        text = str(value) if _is_quick(value) else _in_time(lambda: str(value))
        if text is None:
            return f"<a {_name_of(type(value))} without a text: its __str__ did not return within {_MAX_SECONDS:g} s>"
        text = str.__str__(text)  # whatever methods a subclass of it has
    except BaseException as error:  # noqa: BLE001 - the value is the program's, and so is what it raises: it is told
        return f"<a {_name_of(type(value))} without a text: its __str__ raised {_name_of(type(error))}>"
    return _cut(text, _MAX_MESSAGE_CHARACTERS)


def _is_quick(value: object) -> bool:
    """Whether no code of the program's runs when the text is made."""
    if type(value) in _PLAIN:
        return True
    kinds = _mro_of(type(value))
    if BaseException not in kinds or any(_defines_text(kind) for kind in kinds):
        return False
    return all(type(item) in _PLAIN for item in vars(BaseException)["args"].__get__(value))


def _defines_text(kind: type) -> bool:
    return any(isinstance(_names_of(kind).get(name), FunctionType) for name in ("__str__", "__repr__"))


def _in_time(make: Callable[[], str]) -> str | None:
    """What the function gives, or None where it takes too long. It runs in a thread, unless there can be none.

    Raises:
        BaseException: what the function raises.
    """
    found: list[str] = []
    raised: list[BaseException] = []

    def call() -> None:
        try:
            found.append(make())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            raised.append(error)

    thread = threading.Thread(target=call, name="runlore-text", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread left, or the interpreter is shutting down
        return make()
    thread.join(_MAX_SECONDS)
    if raised:
        raise raised[0]
    return found[0] if found else None


def _name_of(kind: type) -> str:
    return str(vars(type)["__name__"].__get__(kind))  # whatever its metaclass says of names


def _traceback_of(error: BaseException, instead: str) -> str:
    try:
        text = _in_time(lambda: _format(error))
        if text is None:
            return f"{instead}\n(the traceback could not be made within {_MAX_SECONDS:g} s)"
        return _cut(text, _MAX_TRACEBACK_CHARACTERS)
    except BaseException as failure:  # noqa: BLE001 - no descriptor to load the module with, a cause that raises …
        return f"{instead}\n(the traceback could not be made: {_name_of(type(failure))})"


def _format(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-_MAX_FRAMES))


def _cut(text: str, characters: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters are left out …\n{text[-half:]}"
