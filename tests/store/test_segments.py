from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_truth import new_journal, new_run, points_of, record, truth
from tests.examples import examples

from runlore.errors import DamagedFile
from runlore.journal import liveness
from runlore.store import segments
from runlore.store.content import read_events, read_points
from runlore.store.seal_lock import sealing
from runlore.store.sealed.sealing import seal_run


@pytest.fixture(autouse=True)
def short_journals(tmp_path, monkeypatch):
    """Segments of every journal, in a cache directory of the test's own."""
    monkeypatch.setattr(segments, "MIN_BYTES", 1)
    monkeypatch.setenv("RUNLORE_CACHE", str(tmp_path / "cache"))


def plainly(directory, keys=None):
    """What the journals say, without segments."""
    with patch.object(segments, "MIN_BYTES", 1 << 60):
        return points_of(read_points(directory, keys)), list(map(repr, read_events(directory)))


def with_segments(directory, keys=None):
    return points_of(read_points(directory, keys)), list(map(repr, read_events(directory)))


def states(directory):
    return sorted(Path(directory, "segments").glob("*/state.json"))


steps = st.one_of(
    st.tuples(st.just("scalar"), st.sampled_from("ab\ud800"), st.floats(), st.none() | st.integers(0, 9)),
    st.tuples(st.just("row"), st.lists(st.sampled_from("abc"), min_size=1, unique=True), st.integers(0, 3)),
    st.tuples(st.just("event"), st.text(max_size=3)),
    st.tuples(st.just("columns"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=1)),
    st.tuples(st.just("read"), st.sampled_from([None, ["a"], ["b", "c"], ["\ud800"]])),
    st.tuples(st.just("many"), st.integers(1, 1500)),
)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1), steps), max_size=25), st.booleans())
def test_segments_say_what_the_journals_say(store, operations, disorder):
    directory = new_run(store)
    writers = [new_journal(directory) for _ in range(2)]
    now = 0
    for writer, (name, *arguments) in operations:
        journal = writers[writer]
        now += -1 if disorder and now % 3 == 0 else 2
        if name == "scalar":
            journal.scalar(*arguments, now)
        elif name == "row":
            journal.row(dict.fromkeys(arguments[0], now), arguments[1], now)
        elif name == "event":
            journal.event("note", "k", arguments[0], time_ns=now)
        elif name == "columns":
            journal.columns(*arguments)
        elif name == "many":
            for number in range(arguments[0]):
                journal.scalar("abc"[number % 3], number, number, now)
        else:
            assert with_segments(directory, *arguments) == plainly(directory, *arguments)
    assert with_segments(directory) == plainly(directory)
    for journal in writers:
        journal.close()
    assert with_segments(directory) == plainly(directory)
    expected = truth(directory)
    seal_run(store, directory)
    assert truth(directory) == expected
    assert not os.path.exists(os.path.join(directory, "segments"))


def test_only_what_the_journal_gained_is_decoded(store):
    directory = new_run(store)
    journal = new_journal(directory)
    for step in range(5000):
        journal.scalar("loss", step, step)
    read_points(directory)
    for step in range(5000, 5010):
        journal.scalar("loss", step, step)
    decoded = []
    read = segments.read

    def watched(*arguments, **options):
        chunk = read(*arguments, **options)
        decoded.append(len(chunk.points.key))
        return chunk

    with patch.object(segments, "read", watched):
        points = read_points(directory)
    assert decoded == [10]
    assert points.value.tolist() == list(range(5010))
    assert points.value.base is not None, "a series is mapped, not copied"
    journal.close()


def test_a_mapping_stays_what_it_was(store):
    directory = new_run(store)
    journal = new_journal(directory)
    for step in range(100):
        journal.scalar("loss", step, step)
    first = read_points(directory)
    for step in range(100, 5000):
        journal.scalar("loss", -1, step)
    read_points(directory)
    shutil.rmtree(os.path.join(directory, "segments"))
    assert first.value.tolist() == list(range(100))
    with pytest.raises(ValueError, match="read-only"):
        first.value[0] = 1
    journal.close()


@pytest.mark.parametrize("change", ["boot", "host", "version", "begin", "torn"])
def test_segments_that_cannot_be_trusted_are_made_again(store, change):
    directory = new_run(store)
    journal = new_journal(directory)
    for step in range(100):
        journal.scalar("loss", step, step)
    read_points(directory)
    (path,) = states(directory)
    state = json.loads(path.read_text())
    for column in (path.parent / state["folder"]).iterdir():
        column.write_bytes(bytes(column.stat().st_size))
    if change == "torn":
        path.write_text(path.read_text()[:-5])
    else:
        path.write_text(json.dumps({**state, change: 77}))
    assert with_segments(directory) == plainly(directory)
    assert len(list(path.parent.iterdir())) == 2, "the old ones are gone"
    journal.close()


def test_where_the_store_cannot_be_written_to_the_cache_directory_has_them(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.scalar("loss", 1, 1)
    places = segments._places(directory)
    mkdir = os.mkdir

    def read_only(path, *arguments):
        if str(path).startswith(places[0]):
            raise OSError(30, "Read-only file system")
        mkdir(path, *arguments)

    with patch("runlore.store.segments.os.mkdir", read_only):
        assert with_segments(directory) == plainly(directory)
    assert not os.path.exists(places[0])
    assert list(Path(places[1]).glob("*/state.json"))
    journal.close()
    seal_run(store, directory)
    assert not os.path.exists(places[1])


def test_without_room_for_segments_the_journal_is_read(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.scalar("loss", 1, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    with patch.object(segments, "_write_at", full):
        assert with_segments(directory) == plainly(directory)
    assert with_segments(directory) == plainly(directory)
    journal.close()


def test_while_another_reader_brings_them_up_to_date_the_rest_is_decoded(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.scalar("loss", 1, 1)
    read_points(directory)
    journal.scalar("loss", 2, 2)
    (state,) = states(directory)
    before = state.read_text()
    with sealing(str(state.parent)) as lock:
        assert lock is not None
        assert with_segments(directory) == plainly(directory)
        assert state.read_text() == before
    assert with_segments(directory) == plainly(directory)
    assert state.read_text() != before
    journal.close()


def test_short_closed_and_many_sided_journals_have_none(store):
    directory = new_run(store)
    record(directory)
    read_points(directory)
    assert states(directory) == []
    journal = new_journal(directory)
    journal.row({f"k{number}": number for number in range(5)}, 1)
    with patch.object(segments, "MAX_KEYS", 5):
        assert with_segments(directory) == plainly(directory)
        assert len(states(directory)) == 1
        journal.scalar("one more", 1)
        assert with_segments(directory) == plainly(directory)
    with patch.object(segments, "MIN_BYTES", 1 << 25):
        assert segments.refresh(directory, journal.writer, journal.path, None) is None
    journal.close()


def test_a_journal_that_grew_after_it_was_sealed(store, tmp_path):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.columns({"fold": 1})
    for step in range(100):
        journal.scalar("loss", step, step)
    early = shutil.copyfile(journal.path, tmp_path / "early")
    for step in range(100, 3000):
        journal.scalar("loss", step, step)
    late = shutil.copyfile(journal.path, tmp_path / "late")
    journal.close()
    shutil.copyfile(early, journal.path)
    seal_run(store, directory)
    shutil.copyfile(late, journal.path)
    expected = plainly(directory)
    assert len(expected[0]["key"]) == 3000
    assert with_segments(directory) == expected
    assert len(states(directory)) == 1
    assert with_segments(directory) == expected


READER = """
import os, sys
import numpy
from runlore.store import content, segments
segments.MIN_BYTES = 1
count = int(sys.argv[2])
replace, write = os.replace, segments._write_at
def step(function):
    def stepped(*arguments):
        global count
        count -= 1
        if count == 0:
            os.kill(os.getpid(), 9)
        function(*arguments)
    return stepped
os.replace, segments._write_at = step(replace), step(write)
content.read_points(sys.argv[1])
"""


def test_killed_while_they_are_written_readers_lose_nothing(store):
    directory = new_run(store)
    journal = new_journal(directory)
    for count in (1, 4, 6, 7, 8):
        for step in range(20):
            journal.scalar("loss", step, step)
        journal.event("note", "n", count)
        killed = subprocess.run([sys.executable, "-c", READER, directory, str(count)], timeout=60, check=False)
        assert killed.returncode in (-signal.SIGKILL, 0)
        assert killed.returncode == -signal.SIGKILL or count == 8
        with patch.object(segments, "MIN_BYTES", 1 << 60):
            expected = truth(directory)
        assert truth(directory) == expected
    journal.close()


def test_a_run_that_was_deleted_is_not_made_again(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.scalar("loss", 1)
    kept = shutil.copyfile(journal.path, directory + ".copy")
    journal.close()
    shutil.rmtree(directory)
    with pytest.raises(FileNotFoundError):
        segments.refresh(directory, journal.writer, kept, None)
    assert not os.path.exists(directory)


def test_a_boot_is_told_apart(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.scalar("loss", 1, 1)
    read_points(directory)
    (path,) = states(directory)
    folder = json.loads(path.read_text())["folder"]
    with patch.object(liveness, "boot_id", lambda: "another"):
        read_points(directory)
    assert json.loads(path.read_text())["folder"] != folder
    journal.close()


def go_on(directory, writer):
    for step in range(20):
        writer.scalar("m", float(step), step)
    return with_segments(directory)


@pytest.fixture
def live(store):
    """A run with segments, and its writer."""
    directory = new_run(store)
    writer = new_journal(directory)
    assert go_on(directory, writer) == plainly(directory)
    yield directory, writer
    writer.close()


@pytest.mark.parametrize("folder", ["..", "../..", "/tmp", "", ".", "a/b", "\0", None, 7, ["x"]])
def test_a_state_that_names_another_place_is_made_again(live, folder):
    directory, writer = live
    [path] = states(directory)
    path.write_text(json.dumps({**json.loads(path.read_text()), "folder": folder}))
    assert go_on(directory, writer) == plainly(directory)
    assert len(json.loads(states(directory)[0].read_text())["folder"]) == 32


@pytest.mark.parametrize("part", ["state.json", "generation", "writer", "segments"])
@pytest.mark.parametrize("kind", ["fifo", "link", "file"])
def test_no_link_is_followed_and_no_fifo_waited_for_in_the_place_of_segments(live, tmp_path, part, kind):
    directory, writer = live
    [state] = states(directory)
    [generation] = [path for path in state.parent.iterdir() if path.is_dir()]
    places = {"state.json": state, "generation": generation, "writer": state.parent, "segments": state.parent.parent}
    place = places[part]
    elsewhere = tmp_path / "elsewhere"
    place.rename(elsewhere)
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "file":
        place.touch()
    else:
        place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert go_on(directory, writer) == plainly(directory)
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_a_column_that_is_no_file_is_damage_and_nothing_waits(live, tmp_path, kind):
    directory, _ = live
    column = next(states(directory)[0].parent.glob("*/*.value"))
    column.rename(tmp_path / "elsewhere")
    if kind == "fifo":
        os.mkfifo(column)
    else:
        column.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedFile, match="FIFO" if kind == "fifo" else "link"):
        read_points(directory)
