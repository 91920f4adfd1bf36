from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest
from recording import RecordingSink

from runlore.capture import _logging
from runlore.capture._logging import LoggingCapture

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(_logging.__file__)))
PROGRAM = f"""
import sys
sys.path.insert(0, {SOURCE!r})
from runlore.capture._logging import LoggingCapture
class Sink:
    events = []
    def event(self, kind, key, value, **extra): self.events.append((key, value, extra["level"], extra["logger"]))
capture = LoggingCapture(Sink())
if "capture" in sys.argv: capture.start()
{{body}}
capture.stop()
import json
if "capture" in sys.argv: print("EVENTS", json.dumps(Sink.events))
"""


def run_program(body, *arguments):
    program = PROGRAM.replace("{body}", body)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    output, _, events = done.stdout.partition("EVENTS")
    return output, done.stderr, json.loads(events) if events else None


@pytest.fixture
def capture(sink):
    one = LoggingCapture(sink)
    one.start()
    yield one
    one.stop()


def test_arguments_are_filled_in(sink, capture):
    logging.getLogger("training.loop").warning("hello %s, %d", "you", 3)
    _, key, value, extra = sink.events[0]
    assert (key, value) == ("logging", "hello you, 3")
    assert (extra["level"], extra["logger"]) == ("WARNING", "training.loop")
    assert extra["path"] == __file__
    assert extra["line"] > 1
    assert extra["time_ns"] > 1e18


def test_levels_and_handlers_stay(sink, capture):
    handlers, level = list(logging.root.handlers), logging.root.level
    logging.getLogger("quiet").debug("nobody asked for this")
    assert sink.events == []
    assert (logging.root.handlers, logging.root.level) == (handlers, level)


def test_an_exception_is_named(sink, capture):
    try:
        int("no")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert sink.events[0][3]["exception"] == "ValueError: invalid literal for int() with base 10: 'no'"


def test_arguments_that_do_not_fit_are_kept_as_they_are(sink, capture, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger = logging.getLogger("odd")
    monkeypatch.setattr(logger, "propagate", False)
    logger.warning("%d", "text")
    assert sink.events[0][2] == "%d ('text',)"


def test_a_flood_is_counted(sink, capture, monkeypatch):
    monkeypatch.setattr(capture, "_allowance", 3.0)
    monkeypatch.setattr(_logging, "RECORDS_PER_SECOND", 0)
    for _ in range(10):
        logging.getLogger("flood").warning("x")
    capture.stop()
    assert len(sink.events) == 4
    assert sink.facts("console") == {"dropped_logging_records": 7}


def test_each_run_receives_its_own(sink):
    other = RecordingSink()
    for number, one in enumerate((sink, other)):
        capture = LoggingCapture(one)
        capture.start()
        logging.getLogger("x").warning("run %d", number)
        capture.stop()
        capture.stop()
    assert [event[2] for event in sink.events] == ["run 0"]
    assert [event[2] for event in other.events] == ["run 1"]


def test_a_sink_that_logs_does_not_recurse(sink, capture, monkeypatch):
    kept = sink.event

    def event(*arguments, **extra):
        kept(*arguments, **extra)
        logging.getLogger("sink").warning("from inside")

    monkeypatch.setattr(sink, "event", event)
    logging.getLogger("x").warning("once")
    assert [event[2] for event in sink.events] == ["once"]


@pytest.mark.parametrize(
    "body",
    [
        "import logging; logging.basicConfig(level='INFO', stream=sys.stdout); logging.info('a %s', 1)",
        "import logging; logging.warning('to stderr by default')",
        "import logging; logging.getLogger('x').warning('last resort'); logging.info('unseen')",
    ],
)
def test_a_program_that_imports_logging_later_is_seen_and_not_changed(body):
    plain_output, plain_error, _ = run_program(body)
    output, error, events = run_program(body, "capture")
    assert (output, error) == (plain_output, plain_error)
    assert len(events) == 1


def test_logging_is_not_imported_for_it():
    output, _, _ = run_program("print('logging' in sys.modules)", "capture")
    assert output == "False\n"
