from __future__ import annotations

import os
import shutil
import subprocess
import sys
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from store_truth import new_journal, new_run, record, truth

from runlore.errors import DamagedFile, RunNotFound, UnsupportedFormat
from runlore.journal import decode, liveness
from runlore.journal import format as fmt
from runlore.store.content import journals, read_events, read_points
from runlore.store.sealed.files import EVENTS, METRICS, read_summary
from runlore.store.sealed.sealing import seal_run


def test_points_and_events_of_several_writers_come_in_time_order(store):
    directory = new_run(store)
    first, second = new_journal(directory), new_journal(directory)
    for step in range(4):
        (first, second)[step % 2].scalar("loss", step, step, 100 + step)
        (first, second)[step % 2].event("note", f"n{step}", step, time_ns=(100 + step) * 10**9)
    first.close()
    second.close()
    points = read_points(directory)
    assert points.value.tolist() == [0, 1, 2, 3]
    assert [points.writers[w] for w in points.writer] == [first.writer, second.writer] * 2
    assert [event.value for event in read_events(directory)] == [0, 1, 2, 3]
    assert [header["writer"] for header in points.headers] == points.writers


def test_ties_are_ordered_by_writer_sequence_and_position(store):
    directory = new_run(store)
    writers = sorted((new_journal(directory) for _ in range(2)), key=lambda journal: journal.writer)
    writers[1].row({"b": 1, "a": 2}, time=5)
    writers[0].scalar("a", 3, time=5)
    writers[1].scalar("b", 4, time=5)
    for writer in writers:
        writer.close()
    found = read_points(directory)
    assert found.value.tolist() == [3, 1, 2, 4]
    seal_run(store, directory)
    assert read_points(directory).value.tolist() == [3, 1, 2, 4]


def test_only_the_series_wanted_are_read(store):
    directory = new_run(store)
    record(directory)
    whole = read_points(directory)
    for _ in range(2):
        part = read_points(directory, ["a", "loss", "none"])
        mask = np.isin(np.array(whole.names)[whole.key], ["a", "loss"])
        assert part.names == ["a", "loss"]
        assert part.value.tolist() == whole.value[mask].tolist()
        assert len(read_points(directory, [])) == 0
        assert len(read_points(directory, ["none"])) == 0
        seal_run(store, directory)


def test_only_the_kinds_wanted_are_read(store):
    directory = new_run(store)
    record(directory)
    for _ in range(2):
        assert [event.kind for event in read_events(directory, ["param", "note"])] == ["note", "param"]
        assert read_events(directory, []) == []
        seal_run(store, directory)


def test_columns_of_a_writer_reach_its_later_events_and_own_ones_come_first(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.event("note", "before", 1)
    journal.columns({"fold": 1, "own": "writer"})
    journal.event("note", "after", 2, extra={"own": "event"})
    journal.columns({})
    journal.event("note", "last", 3)
    journal.close()
    for _ in range(2):
        assert [event.extra for event in read_events(directory)] == [{}, {"fold": 1, "own": "event"}, {}]
        assert [columns for _, _, columns in read_points(directory).extras] == [{"fold": 1, "own": "writer"}, {}]
        seal_run(store, directory)


def test_an_empty_run_and_none(store):
    directory = new_run(store)
    assert len(read_points(directory)) == 0
    assert read_events(directory) == []
    assert journals(directory) == []
    for function in (read_points, read_events, journals):
        with pytest.raises(RunNotFound, match="no run at"):
            function(directory + "x")


def test_a_second_copy_of_sealed_journals_changes_nothing(store, tmp_path):
    directory = new_run(store)
    record(directory)
    expected = truth(directory)
    shutil.copytree(os.path.join(directory, "journal"), tmp_path / "copy")
    seal_run(store, directory)
    shutil.copytree(tmp_path / "copy", os.path.join(directory, "journal"), dirs_exist_ok=True)
    assert truth(directory) == expected
    assert [state.sealed for state in journals(directory)] == [True]
    assert seal_run(store, directory).outcome == "nothing"
    assert truth(directory) == expected
    assert journals(directory) == []


@pytest.mark.parametrize("grown", [True, False])
def test_a_journal_that_grew_after_it_was_sealed_is_read_from_there(store, tmp_path, grown, monkeypatch):
    directory = new_run(store)
    journal = new_journal(directory)
    for step in range(100):
        journal.scalar("loss", step, step)
    shutil.copyfile(journal.path, tmp_path / "early")
    journal.columns({"fold": 1})
    for step in range(100, 3000):
        journal.scalar("late" if step % 2 else "loss", step, step)
    if grown:
        journal.close()
        late = shutil.copyfile(journal.path, tmp_path / "late")
    else:
        late = shutil.copyfile(journal.path, tmp_path / "late")
        journal.close()
    expected = truth(directory)
    monkeypatch.setattr(liveness, "process_started", lambda _: None)  # its writer is dead
    shutil.copyfile(tmp_path / "early", journal.path)
    assert seal_run(store, directory).points == 100
    shutil.copyfile(late, journal.path)
    assert truth(directory) == expected
    assert seal_run(store, directory).points == 3000
    assert truth(directory) == expected
    assert journals(directory) == []


def test_journals_tell_their_state(store):
    directory = new_run(store)
    record(directory)
    living = new_journal(directory)
    living.scalar("a", 1)
    states = {state.writer: state for state in journals(directory)}
    assert states[living.writer].state == "open"
    assert {state.state for state in states.values()} == {"open", "closed"}
    assert all(state.size == os.stat(state.path).st_size and not state.damage for state in states.values())
    living.close()


def test_a_journal_in_many_pieces(store):
    directory = new_run(store)
    record(directory, 4000)
    expected = truth(directory)
    with patch.object(decode, "_PIECE_BYTES", fmt.FRAME_BYTES):
        assert truth(directory) == expected
        seal_run(store, directory)
    assert truth(directory) == expected


def test_a_newer_format_is_refused_and_left_alone(store):
    directory = new_run(store)
    record(directory)
    with patch("runlore.store.sealed.writer.VERSION", 3):
        seal_run(store, directory)
    before = _made(os.path.join(directory, EVENTS))
    for function in (read_points, read_events, journals, read_summary, lambda d: seal_run(store, d)):
        with pytest.raises(UnsupportedFormat, match="version 3; this Runlore reads up to 2"):
            function(directory)
    assert _made(os.path.join(directory, EVENTS)) == before


def _made(path):
    """Which file it is, and when it was last written. When it was last read is another matter."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def test_points_that_are_gone_are_said_to_be(store):
    directory = new_run(store)
    record(directory)
    seal_run(store, directory)
    os.unlink(os.path.join(directory, METRICS))
    with pytest.raises(DamagedFile, match="points of the run"):
        read_points(directory)
    assert len(read_events(directory)) == 4


def test_points_of_another_generation_are_refused(store):
    directory, other = new_run(store), new_run(store)
    for run in (directory, other):
        record(run)
        seal_run(store, run)
    shutil.copyfile(os.path.join(other, METRICS), os.path.join(directory, METRICS))
    with pytest.raises(DamagedFile, match="generation"):
        read_points(directory)


@pytest.mark.parametrize("name", [METRICS, EVENTS])
def test_a_cut_or_overwritten_sealed_file_is_said_to_be_damaged(store, name):
    directory = new_run(store)
    record(directory)
    expected = truth(directory)
    seal_run(store, directory)
    path = os.path.join(directory, name)
    with open(path, "rb") as file:
        whole = file.read()
    for damaged in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"x" * len(whole)):
        with open(path, "wb") as file:
            file.write(damaged)
        with pytest.raises(DamagedFile, match=name):
            truth(directory)
    for place in range(0, len(whole), 37):
        with open(path, "wb") as file:
            file.write(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert truth(directory) == expected
        except DamagedFile:
            continue


def test_a_parquet_file_of_somebody_else_is_refused(store):
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = new_run(store)
    pq.write_table(pa.table({"a": [1]}), os.path.join(directory, EVENTS))
    with pytest.raises(DamagedFile, match="did not write"):
        read_points(directory)


def test_reading_a_small_sealed_run_asks_for_no_pool_of_threads(store):
    """Arrow's pool can abort a program that ends while its threads are starting."""
    directory = new_run(store)
    record(directory)
    seal_run(store, directory)
    asked = []

    def noting(method):
        def read(self, *arguments, **options):
            asked.append(options["use_threads"])
            return method(self, *arguments, **options)

        return read

    with pytest.MonkeyPatch.context() as patched:
        for name in ("read_row_group", "read_row_groups"):
            patched.setattr(pq.ParquetFile, name, noting(getattr(pq.ParquetFile, name)))
        assert read_events(directory)
        assert len(read_points(directory))
    assert len(asked) >= 3
    assert not any(asked)


def test_reading_events_of_a_sealed_run_does_not_import_pandas(store):
    """It takes longer than all the rest; pyarrow imports it for many a small thing."""
    directory = new_run(store)
    record(directory)
    seal_run(store, directory)
    code = (
        "import sys; from runlore.store.content import read_events; "
        f"found = read_events({directory!r}, ['param', 'nothing']); print(len(found), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
