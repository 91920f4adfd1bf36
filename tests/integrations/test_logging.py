"""Python's `logging`, kept on the console of a run."""

from __future__ import annotations

import logging

import pytest

import runlore
from runlore.errors import WrongType
from runlore.integrations.logging import RunHandler


@pytest.fixture
def logger():
    found = logging.getLogger("tests.of.runlore")
    found.setLevel(logging.DEBUG)
    found.propagate = False
    yield found
    found.propagate = True
    for handler in list(found.handlers):
        found.removeHandler(handler)


def lines(run):
    found = runlore.experiment(run.experiment).data(run=run.uid, event="log")
    assert set(found["key"]) <= {"logging"}
    return list(zip(found.get("level", ()), found["value"], strict=True))


def test_records_go_to_the_run_with_level_place_and_exception(run, logger):
    logger.addHandler(RunHandler())
    logger.debug("seen: %d", 1)
    try:
        1 / 0  # noqa: B018 - it raises
    except ZeroDivisionError:
        logger.exception("failed")
    assert lines(run) == [("DEBUG", "seen: 1"), ("ERROR", "failed")]
    last = runlore.experiment("e").data(event="log").iloc[-1]
    assert (last["logger"], last["path"], last["exception"]) == (
        "tests.of.runlore", __file__, "ZeroDivisionError: division by zero",
    )  # fmt: skip
    assert list(runlore.get_run(run.uid).logs()) == ["seen: 1", "failed"]


def test_a_handler_of_one_run_and_level_keeps_to_them_and_raises_nothing(run, store, logger, capsys):
    handler = RunHandler(run, level="WARNING")
    logger.addHandler(handler)
    logger.info("below")
    with runlore.start("other", capture=False) as other:
        logger.warning("mine %s", "ghp_" + "a1B2c3" * 6)
        bad = {"msg": "%d", "args": ("no number",), "levelno": logging.WARNING, "levelname": "WARNING"}
        handler.handle(logging.makeLogRecord(bad))  # handlers of pytest's own would raise
    run.finish()
    logger.warning("after the end")
    assert lines(run) == [("WARNING", "mine ***"), ("WARNING", "%d ('no number',)")]
    assert lines(other) == []
    assert capsys.readouterr().err == ""
    with pytest.raises(WrongType, match="run='e' must be a run"):
        RunHandler("e")


def test_without_a_run_nothing_is_kept_and_nothing_fails(store, logger):
    logger.addHandler(RunHandler())
    logger.warning("to nobody")
    assert not store.exists()


def test_a_console_that_is_captured_has_a_record_once(store, logger):
    logger.addHandler(RunHandler())
    with runlore.autolog("logging", silent=True), runlore.start("e", capture={"hardware": False, "git": False}) as run:
        logger.debug("heard by the handler")
    assert list(runlore.get_run(run.uid).logs("logging")) == ["heard by the handler"]


def test_autolog_keeps_every_record_once_adds_no_handler_and_leaves_logging_as_it_was(store, logger):
    before = logging.Logger.callHandlers, logging.Handler.handle, list(logging.root.handlers)
    logger.addHandler(RunHandler())
    with runlore.autolog("logging", silent=True):
        assert logging.root.handlers == before[2]
        logger.warning("to nobody")
        with runlore.start("e", capture=False) as run:
            logger.warning("once")
            logging.getLogger("another").error("also")
    assert lines(run) == [("WARNING", "once"), ("ERROR", "also")]
    assert (logging.Logger.callHandlers, logging.Handler.handle, list(logging.root.handlers)) == before


def test_what_is_too_much_is_counted(run, logger, monkeypatch):
    from runlore.capture import log_records

    monkeypatch.setattr(log_records, "BURST_RECORDS", 2)
    monkeypatch.setattr(log_records, "RECORDS_PER_SECOND", 0)
    handler = RunHandler()
    handler._kept._allowance = 2.0
    logger.addHandler(handler)
    for number in range(5):
        logger.info("%d", number)
    handler.close()
    assert [text for _, text in lines(run)] == ["0", "1"]
    (fact,) = runlore.experiment("e").data(event="capture")["value"]
    assert fact == {"dropped_logging_records": 3}
