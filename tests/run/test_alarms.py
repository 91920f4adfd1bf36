"""What a program's own alarm raises in the midst of a call reaches the program unchanged, wherever it goes off."""

from __future__ import annotations

import os
import sys

import pytest

import runlore
from runlore.media.encoded import Encoded

SOURCE = os.path.dirname(runlore.__file__)


class Alarm(OSError):
    """The program's own."""


CALLS = {
    "log_metric": lambda run: run.log_metric("m", 1.0),
    "log_metrics": lambda run: run.log_metrics({"m": 1.0, "n": 2.0}),
    "log_params": lambda run: run.log_params({"a": {"b": [1, "x"]}}),
    "set_tag": lambda run: run.set_tag("a", "b"),
    "log_text": lambda run: run.log_text("x" * 1000, "x"),
    "log_artifact": lambda run: run.log_artifact(__file__),
    "log_encoded": lambda run: run.log_encoded(
        Encoded(data=b"x" * 300, media_type="x/y", suffix=".x", kind="text"), "x"
    ),
}


class Clock:
    """Raises where the interpreter lets signals through: when a function begins, and when one of C's is done."""

    def __init__(self, error, wanted):
        self.error, self.wanted, self.seen = error, wanted, 0

    def __call__(self, frame, event, arg):
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(SOURCE):
            self.seen += 1
            if self.seen == self.wanted:
                sys.setprofile(None)
                raise self.error

    @property
    def went_off(self):
        return self.seen >= self.wanted


# An alarm between the opening of a file and the block that closes it: CPython closes it, and says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("error", [Alarm("mine"), TimeoutError(110, "mine")], ids=repr)
@pytest.mark.parametrize("call", CALLS)
def test_an_alarm_goes_through_wherever_it_goes_off(tmp_path, call, error):
    store = tmp_path / "store"
    with runlore.start("e", store=store, capture=False) as run:
        CALLS[call](run)  # imports swallow some errors
        step, clock = 0, None
        while clock is None or clock.went_off:
            step += 1
            clock = Clock(error, step)
            raised = None
            sys.setprofile(clock)
            try:
                CALLS[call](run)
            except OSError as found:
                raised = found
            finally:
                sys.setprofile(None)
            assert raised is (error if clock.went_off else None), f"step {step}"
            assert run.lost == 0
            assert not [name for _, _, names in os.walk(store) for name in names if name.endswith(".tmp")], (
                f"step {step}"
            )
        run.log_metric("after", 1.0)
    assert step > 3
    view = runlore.get_run(run.uid, store=store)
    assert (view.lost, view.damage, view.metrics["after"]) == (0, [], 1.0)
