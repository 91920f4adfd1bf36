"""The forwarder's steps, in orders that real processes take only now and then."""

from __future__ import annotations

import os

import pytest

from runlore.capture._forward import Forwarder
from runlore.journal.decode import read


@pytest.fixture
def pipes():
    opened = []

    def make():
        ends = os.pipe()
        os.set_blocking(ends[0], False)
        opened.extend(ends)
        return ends

    yield make
    for descriptor in opened:
        try:
            os.close(descriptor)
        except OSError:  # noqa: PERF203 - closed by the test
            continue


def test_a_stream_that_ended_before_the_program_does_not_cost_the_other_one_its_last_words(tmp_path, pipes):
    out, err, target, status = pipes(), pipes(), pipes(), pipes()
    forwarder = Forwarder(
        {
            "mark": "mark", "channels": [["stdout", out[0], target[1]], ["stderr", err[0], target[1]]], "token": -1,
            "control": -1, "pidfd": -1, "pid": 1, "terminal": None, "status": status[1], "directory": str(tmp_path),
            "uid": "0" * 32, "mode": "auto",
        }
    )  # fmt: skip
    poll = forwarder._register()
    os.close(out[1])
    forwarder._pass_on(forwarder._channels[0], poll)
    assert forwarder._channels[0].ended
    os.write(err[1], b"last words\n")
    os.close(err[1])
    forwarder._after_the_program(poll)
    journals = list(tmp_path.glob("*.rlj"))
    assert [(event.key, event.value) for event in read(str(journals[0])).events] == [("stderr", "last words")]
    assert os.read(target[0], 100) == b"last words\n"
