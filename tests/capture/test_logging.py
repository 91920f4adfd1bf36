from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest
from recording import RecordingSink

import runlore
from runlore.capture import log_records
from runlore.capture.log_records import LoggingCapture
from runlore.reader.console import ConsoleLines

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(log_records.__file__)))
PROGRAM = f"""
import sys
sys.path.insert(0, {SOURCE!r})
from runlore.capture.log_records import LoggingCapture
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
    monkeypatch.setattr(log_records, "RECORDS_PER_SECOND", 0)
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


def test_colours_and_progress_are_as_on_the_console(sink, capture):
    logging.getLogger("x").warning("\x1b[31mred\x1b[0m 10%%\r\x1b[Kdone\x07\n\x1b]0;title\x07second")
    assert sink.events[0][2] == "done\nsecond"


def test_a_long_message_is_kept_and_a_longer_one_says_how_much_is_missing(sink, capture):
    logging.getLogger("x").warning("%s", "y" * 50_000)
    logging.getLogger("x").warning("%s", "y" * 100_000)
    assert sink.events[0][2] == "y" * 50_000
    assert sink.events[1][2].startswith("y" * 65_536)
    assert sink.events[1][2].endswith("34,464 more characters were not recorded]")


def test_secrets_in_an_exception_are_masked(sink, capture):
    try:
        int("https://ann:hunter2@example.org/x")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "hunter2" not in str(sink.events)


class Unprintable:
    def __str__(self):
        raise RuntimeError("no text")


def test_objects_without_a_text_do_not_reach_the_program(sink, capture, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger = logging.getLogger("odd")
    monkeypatch.setattr(logger, "propagate", False)
    logger.warning(Unprintable())
    assert "Unprintable" in sink.events[0][2]


# -- what is on the console already ---------------------------------------------------------------------------------

CONSOLE = """
import logging, sys
import runlore
{setup}
with runlore.start("logged", capture={{"git": False, "hardware": False}}) as run:
    {body}
"""
SETUPS = {
    "last resort": ("", "logging.warning('told')", "stderr"),
    "basic": ("logging.basicConfig(level='INFO')", "logging.info('told')", "stderr"),
    "on stdout": ("logging.basicConfig(level='INFO', stream=sys.stdout)", "logging.info('told')", "stdout"),
    "coloured": (
        "logging.basicConfig(level='INFO', format='\\x1b[31m%(message)s\\x1b[0m')",
        "logging.info('\\x1b[1mtold\\x1b[0m')",
        "stderr",
    ),
    "rich": (
        "from rich.logging import RichHandler; logging.basicConfig(level='INFO', handlers=[RichHandler()])",
        "logging.info('told')", "stdout",
    ),
    "a file": ("logging.basicConfig(level='INFO', filename='x.log')", "logging.info('told')", None),
    "no handler wants it": (
        "h = logging.StreamHandler(); h.setLevel('ERROR'); logging.basicConfig(level='INFO', handlers=[h])",
        "logging.info('told')", None,
    ),
    "a filter drops it": (
        "h = logging.StreamHandler(); h.addFilter(lambda r: False); logging.basicConfig(level='INFO', handlers=[h])",
        "logging.info('told')", None,
    ),
    "a stream of its own": (
        "import io; logging.basicConfig(level='INFO', stream=io.StringIO())", "logging.info('told')", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("setup", "body", "printed"), SETUPS.values(), ids=SETUPS)
def test_a_logged_line_is_shown_once(tmp_path, setup, body, printed):
    (tmp_path / "script.py").write_text(CONSOLE.format(setup=setup, body=body))
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store"), "COLUMNS": "100"}
    command = [sys.executable, "script.py"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    view = runlore.get_run("logged#1", store=tmp_path / "store")
    assert list(view.logs("logging")) == ["told"]
    shown = subprocess.run(
        [sys.executable, "-m", "runlore", "logs", "logged#1"], cwd=tmp_path, env=environment, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert shown.count("told") == 1, shown
    event = next(event for event in view.events("log") if event.key == "logging")
    assert event.extra.get("printed") == printed


QUEUED = """
import logging, logging.handlers, queue, sys
import runlore
records = queue.{queue}
root = logging.getLogger()
root.setLevel(logging.INFO)
run = runlore.start("e", capture={{"hardware": False, "git": False}})
if {early}:
    root.addHandler(logging.handlers.QueueHandler(records))
    logging.info("before anybody listens")
listener = logging.handlers.QueueListener(records, logging.StreamHandler(sys.stderr), respect_handler_level=True)
listener.start()
if not {early}:
    root.addHandler(logging.handlers.QueueHandler(records))
for number in range(3):
    logging.info("record %d", number)
listener.stop()
run.finish()
"""


@pytest.mark.parametrize("kind", ["Queue()", "SimpleQueue()"])
@pytest.mark.parametrize("early", [False, True])
def test_what_a_listener_prints_for_a_queue_is_on_the_console_once(tmp_path, kind, early):
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store")}
    body = QUEUED.format(queue=kind, early=early)
    subprocess.run([sys.executable, "-c", body], check=True, env=environment, capture_output=True)
    view = runlore.get_run("e#1", store=tmp_path / "store")
    lines = [line.text for line in ConsoleLines().of(view.events("log"))]
    if not early:
        assert lines == ["record 0", "record 1", "record 2"]
    assert [text for text in view.logs("logging") if text.startswith("record")] == ["record 0", "record 1", "record 2"]
    assert [text for text in view.logs("stderr") if text.startswith("record")] == ["record 0", "record 1", "record 2"]


def test_logging_is_left_as_it_was_found_but_for_what_others_wrapped_since(sink, monkeypatch):
    before = logging.Logger.callHandlers, logging.Handler.handle
    first, second = LoggingCapture(sink), LoggingCapture(sink)
    first.start()
    second.start()
    assert logging.Logger.callHandlers is not before[0]
    first.stop()
    assert logging.Logger.callHandlers is not before[0]
    second.stop()
    assert (logging.Logger.callHandlers, logging.Handler.handle) == before
    first.start()
    ours = logging.Logger.callHandlers

    def wrapped(*given):
        ours(*given)

    monkeypatch.setattr(logging.Logger, "callHandlers", wrapped)
    first.stop()
    sink.events.clear()
    second.start()
    logging.getLogger("x").warning("once")
    second.stop()
    logging.getLogger("x").warning("never")
    assert [value for _, _, value, _ in sink.events] == ["once"]
    monkeypatch.setattr(logging.Logger, "callHandlers", ours)
    second.start()
    second.stop()
    assert (logging.Logger.callHandlers, logging.Handler.handle) == before
