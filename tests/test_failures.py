"""Which failures are kept from the program, and which are its own."""

from __future__ import annotations

import functools
import signal

import pytest

from runlore.failures import is_environmental, is_foreign, is_of_signal_handler, reason_of


def raised_in(path, name="wrapper", error="OSError(28, 'No space left on device')"):
    """An error that passed a function of a module in this file, caught here."""
    namespace = {"__name__": name}
    exec(compile(f"def function():\n    raise {error}", path, "exec"), namespace)
    try:
        namespace["function"]()
    except (OSError, ValueError, KeyboardInterrupt) as caught:
        return caught


@pytest.mark.parametrize(
    ("path", "name", "ours"),
    [
        ("/usr/lib/python3/site-packages/tracer/wrap.py", "tracer.wrap", True),
        ("/usr/lib/python3/dist-packages/tracer.py", "tracer", True),
        ("/usr/lib/python3/shutil.py", "shutil", True),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap", True),
        ("/home/me/train.py", "__main__", False),
        ("<string>", "", False),
    ],
)
def test_whose_code_an_error_came_from(path, name, ours):
    error = raised_in(path, name)
    assert (is_environmental(error), is_foreign(error)) == (ours, not ours)


@pytest.mark.parametrize(
    "error", ["OSError('in words')", "TimeoutError()", "ValueError(28, 'x')", "KeyboardInterrupt()"]
)
def test_what_no_system_call_raised_is_not_the_surroundings(error):
    assert not is_environmental(raised_in("/x/site-packages/x.py", error=error))


def test_a_library_that_is_not_installed_is_not_the_surroundings():
    assert not is_environmental(ModuleNotFoundError("No module named 'x'", name="x"))
    assert is_environmental(ModuleNotFoundError("No module named 'runlore.x'", name="runlore.x"))


class Handler:
    def method(self, number, frame):
        raise TimeoutError(110, "too slow")

    def __call__(self, number, frame):
        raise TimeoutError(110, "too slow")


@pytest.mark.parametrize(
    "handler", [Handler(), Handler().method, functools.partial(Handler.method, None), lambda *_: Handler()(1, None)]
)
def test_signal_handlers_of_every_kind_are_known(handler):
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeoutError) as raised:
            signal.raise_signal(signal.SIGUSR1)
        assert is_of_signal_handler(raised.value)
        assert not is_environmental(raised.value)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not is_of_signal_handler(raised_in("/x.py"))


def test_reasons_are_the_same_for_every_file():
    assert reason_of(OSError(28, "No space left on device", "/a")) == "No space left on device"
    assert reason_of(OSError()) == "OSError"
