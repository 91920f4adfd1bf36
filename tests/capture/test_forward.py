"""The forwarder's steps, in orders that real processes take only now and then."""

from __future__ import annotations

import json
import os

import pytest

from runlore.capture._relay import Relay
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
    out, err, target, token = pipes(), pipes(), pipes(), pipes()
    plan = {"mark": "mark", "channels": [["stdout", True, False], ["stderr", True, False]]}
    run = {"directory": str(tmp_path), "uid": "0" * 32, "mode": "auto"}
    relay = Relay(plan, [*token, out[0], target[1], err[0], target[1]], lambda _: True, 1)
    os.write(token[1], b"A" + json.dumps(run).encode())
    os.close(out[1])
    relay.on_ready(out[0])
    assert relay.watched() == {err[0]}
    os.write(err[1], b"last words\n")
    os.close(err[1])
    relay.after_the_program()
    journals = list(tmp_path.glob("*.rlj"))
    assert [(event.key, event.value) for event in read(str(journals[0])).events] == [("stderr", "last words")]
    assert os.read(target[0], 100) == b"last words\n"
