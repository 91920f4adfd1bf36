from __future__ import annotations

import pytest

from runlore.capture import _record
from runlore.capture._record import Recorder


@pytest.fixture
def batches():
    return []


@pytest.fixture
def recorder(batches):
    return Recorder(lambda *batch: batches.append(batch))


def test_lines_become_one_batch_with_a_time_each(recorder, batches):
    recorder.feed(b"a\nb\n")
    recorder.feed(b"c")
    assert batches == []
    assert 0 < recorder.wait_seconds() <= _record.BATCH_SECONDS
    recorder.close()
    assert [batch[0] for batch in batches] == ["a\nb\nc"]
    assert len(batches[0][2]) == 3
    assert batches[0][1] > 1e18


def test_a_due_batch_goes_out(recorder, batches, monkeypatch):
    recorder.feed(b"a\n")
    recorder.flush_due()
    assert batches == []
    monkeypatch.setattr(recorder, "_due", 0.0)
    recorder.flush_due()
    assert [batch[0] for batch in batches] == ["a"]
    assert recorder.wait_seconds() is None


def test_a_flood_is_cut_and_its_end_kept(recorder, batches, monkeypatch):
    monkeypatch.setattr(_record, "BYTES_PER_SECOND", 0)
    line = b"x" * 99 + b"\n"
    for _ in range(200):
        recorder.feed(line * 1000)
    recorder.feed(b"Traceback: the end\n")
    recorder.close()
    text = "\n".join(batch[0] for batch in batches)
    assert text.endswith("Traceback: the end")
    assert "were not recorded here" in text
    assert 8e6 < len(text) < 9e6
    kept = text.count("x" * 99)
    assert kept + recorder.dropped_lines == 200_000
    assert recorder.dropped_bytes == recorder.dropped_lines * 100


def test_recording_goes_on_after_a_flood(recorder, batches, monkeypatch):
    for _ in range(100):
        recorder.feed(b"flood\n" * 20_000)
    monkeypatch.setattr(recorder, "_refilled", recorder._refilled - 3600)
    recorder.feed(b"later\n")
    assert not recorder._tail
    recorder.close()
    lines = "\n".join(batch[0] for batch in batches).split("\n")
    assert lines[-1] == "later"
    assert sum("were not recorded" in line for line in lines) == 1


def test_tokens_that_are_printed_are_masked(recorder, batches):
    recorder.feed(b"using ghp_" + b"a1B2" * 9 + b"\n")
    recorder.close()
    assert batches[0][0] == "using ***"


def test_colours_of_a_batch_are_recorded_beside_it(recorder, batches):
    recorder.feed(b"plain\n\x1b[31mred\x1b[0m \x1b[1mbold\x1b[0m\n\x1b[31mred again\x1b[0m\n")
    recorder.close()
    assert batches[0][0] == "plain\nred bold\nred again"
    assert batches[0][4] == {"31": [[1, 0, 3], [2, 0, 9]], "1": [[1, 4, 8]]}


def test_a_line_with_a_masked_secret_has_no_colours(recorder, batches):
    token = b"ghp_" + b"a1B2" * 9
    recorder.feed(b"\x1b[31mkey " + token + b"\x1b[0m\n\x1b[32mfine\x1b[0m\n")
    recorder.close()
    assert token.decode() not in batches[0][0]
    assert batches[0][4] == {"32": [[1, 0, 4]]}
