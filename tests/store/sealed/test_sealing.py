from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store_truth import new_journal, new_run, record, truth
from tests.examples import examples

from runlore.errors import ReadOnlyStore
from runlore.journal import liveness
from runlore.journal.decode import Context
from runlore.store import open_store
from runlore.store.content import journals, read_events, read_points
from runlore.store.journal_files import journal_paths
from runlore.store.sealed import sorting
from runlore.store.sealed import writer as sealed_writer
from runlore.store.sealed.files import METRICS, VERSION, read_summary
from runlore.store.sealed.sealing import seal_run, seal_store
from runlore.store.summary import RunSummary

HERE = Path(__file__).parents[1]
"""Where the programs that these tests run are."""
SEALED_FILES = ["events.parquet", "metrics.parquet"]


def files(directory):
    return sorted(
        os.path.relpath(os.path.join(folder, name), directory)
        for folder, _, names in os.walk(directory)
        for name in names
    )


# -- sealing and re-reading agree -----------------------------------------------------------------------------------

number = st.floats(width=64) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 2.0**63])
step = st.none() | st.integers(-5, 50) | st.sampled_from([0.5, -0.0, 2.0**53, 2.0**63, -(2.0**63), math.inf, 1e300])
moment = st.integers(-(2**62), 2**62) | st.integers(0, 5)
key = st.sampled_from(["loss", "train/loss", "損失", "\ud800", "\\ud800", "a" * 3000, "🙂", "e\u0301", "é", " "])
value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | key,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
columns = st.dictionaries(st.sampled_from(["fold", "rank", "層"]), value, max_size=2)
operation = st.one_of(
    st.tuples(st.just("scalar"), key, number, step, moment),
    st.tuples(st.just("row"), st.dictionaries(key, number, min_size=1, max_size=4), step, moment),
    st.tuples(st.just("event"), st.sampled_from(["note", "metric", "\udfff", "種"]), key, value, step, columns, moment),
    st.tuples(st.just("columns"), columns),
)
script = st.lists(st.tuples(st.integers(0, 1), operation), max_size=25)


def play(directory, operations):
    writers = {}
    for number_of_writer, (name, *arguments) in operations:
        if number_of_writer not in writers:
            writers[number_of_writer] = new_journal(directory)
        journal = writers[number_of_writer]
        if name == "scalar":
            series, numeric, at, time_ns = arguments
            journal.scalar(series, numeric, at, _now=lambda now=time_ns: now)
        elif name == "row":
            values, at, time_ns = arguments
            with patch("runlore.journal.writer.time_ns", lambda now=time_ns: now):
                journal.row(values, at)
        elif name == "event":
            kind, series, content, at, extra, time_ns = arguments
            journal.event(kind, series, content, step=at, time_ns=time_ns, extra=extra)
        else:
            journal.columns(*arguments)
    for journal in writers.values():
        journal.close()


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script, script, st.booleans())
@example([(0, ("scalar", "loss", math.nan, 2.0**63, 3)), (0, ("columns", {"fold": 1}))], [], True)
def test_sealing_and_reading_again_agree_with_the_journals(store, first, second, small):
    directory = new_run(store)
    with (
        patch.object(sealed_writer, "_GROUP_ROWS", (4, 4) if small else (1 << 17, 1 << 21)),
        patch.object(sealed_writer, "_GROUP_EVENTS", 3 if small else 1 << 15),
        patch.object(sorting.PointSorter.__init__, "__defaults__", (3 if small else 1 << 22,)),
    ):
        for operations in (first, second):
            play(directory, operations)
            expected = truth(directory)
            seal_run(store, directory)
            assert truth(directory) == expected
            for name in expected[0]["names"][:2]:
                one = read_points(directory, [name])
                mask = [found == name for found in expected[0]["key"]]
                assert one.value.tobytes() == np.frombuffer(expected[0]["value"])[mask].tobytes()


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script, script)
def test_the_footer_says_what_the_journals_say(store, first, second):
    directory = new_run(store)
    for operations in (first, second):
        play(directory, operations)
        seal_run(store, directory)
    if not first and not second:
        return
    points, events = read_points(directory), read_events(directory)
    about = read_summary(directory)
    summary = RunSummary.load(about["summary"])
    assert about["points"] == len(points)
    assert summary.points == len(points) + sum(
        event.kind == "metric" and isinstance(event.value, (int, float)) for event in events
    )
    assert set(about["writers"]) == set(points.writers)
    for writer in about["writers"].values():
        assert Context.load(writer["context"]).header == writer["header"]
        assert (writer["state"], writer["lost"], writer["damage"]) == ("closed", 0, [])


@pytest.mark.parametrize("disorder", [False, True])
def test_more_points_than_fit_into_memory_are_sorted_all_the_same(store, disorder):
    directory = new_run(store)
    generator = np.random.default_rng(0)
    writers = [new_journal(directory) for _ in range(2)]
    for at in range(3000):
        place = int(generator.integers(0, 100)) if disorder else at
        writers[at % 2].scalar(f"k{at % 3}", at, place)
        if at % 10 == 0:
            writers[at % 2].row({"k1": at, "row": at}, None if disorder else place)
    for writer in writers:
        writer.close()
    expected = truth(directory)
    with (
        patch.object(sorting.PointSorter.__init__, "__defaults__", (100,)),
        patch.object(sealed_writer, "_GROUP_ROWS", (128, 128)),
        patch("runlore.journal.decode._PIECE_BYTES", 1),
    ):
        seal_run(store, directory)
    assert truth(directory) == expected
    table = pq.read_table(os.path.join(directory, METRICS)).to_pandas()
    table["place"] = table["step"].fillna(-math.inf)
    table["key"] = table["key"].astype(object)
    table["time_ns"] += table["delay_ns"]
    order = ["key", "place", "time_ns", "writer", "sequence", "position"]
    assert table[order].equals(table[order].sort_values(order, ignore_index=True))


def test_other_programs_read_the_points(store):
    directory = new_run(store)
    record(directory)
    journal = new_journal(directory)
    journal.scalar("none", 1.5)
    journal.close()
    seal_run(store, directory)
    table = pq.read_table(os.path.join(directory, METRICS)).to_pandas()
    assert table.query("key == 'loss'")["value"].tolist() == [1 / (at + 1) for at in range(20)]
    assert table.query("key == 'none'")["step"].isna().all()
    times = pl.scan_parquet(os.path.join(directory, METRICS)).select(pl.col("time_ns") + pl.col("delay_ns")).collect()
    assert sorted(times["time_ns"]) == read_points(directory).time_ns.tolist()
    kinds = pq.read_table(os.path.join(directory, "events.parquet"))["kind"].to_pylist()
    assert sorted(filter(None, kinds)) == ["note", "param", "start", "stop"]


def test_an_end_that_only_the_journal_s_header_tells_is_sealed(store):
    directory = new_run(store)
    journal = new_journal(directory)
    journal.event("start", "start", {"experiment": "e", "number": 1})
    journal.scalar("loss", 1.0, 1)
    journal._note_end("failed")
    journal.close()
    expected = truth(directory)
    assert [event.value for event in read_events(directory, ["stop"])] == [{"status": "failed"}]
    assert seal_run(store, directory).outcome == "sealed"
    assert truth(directory) == expected
    assert journal_paths(directory) == []
    assert seal_run(store, directory).outcome == "nothing"


# -- resealing ------------------------------------------------------------------------------------------------------


def test_what_is_recorded_later_lies_beside_and_is_taken_in(store):
    directory = new_run(store)
    record(directory)
    seal_run(store, directory)
    metrics = os.stat(os.path.join(directory, METRICS))
    journal = new_journal(directory)
    journal.event("tag", "good", "yes")
    journal.close()
    expected = truth(directory)
    assert seal_run(store, directory).outcome == "sealed"
    assert os.stat(os.path.join(directory, METRICS)) == metrics, "without new points, the old ones stay where they are"
    assert truth(directory) == expected
    record(directory, base=3)
    expected = truth(directory)
    assert seal_run(store, directory).points == len(expected[0]["key"])
    assert truth(directory) == expected
    assert files(directory) == SEALED_FILES
    assert set(RunSummary.load(read_summary(directory)["summary"]).tags) == {"good"}


def test_an_empty_run_is_not_sealed(store):
    directory = new_run(store)
    assert seal_run(store, directory).outcome == "nothing"
    assert files(directory) == []


# -- who lives ------------------------------------------------------------------------------------------------------


def test_a_living_writer_keeps_the_run_from_being_sealed(store):
    directory = new_run(store)
    record(directory)
    journal = new_journal(directory)
    journal.scalar("loss", 1)
    for force in (False, True):
        result = seal_run(store, directory, force=force)
        assert (result.outcome, journal.writer in result.reason) == ("live", True)
    journal.close()
    assert seal_run(store, directory).outcome == "sealed"


def abandoned(directory, **header):
    """A journal of a writer that ended without closing it, somewhere."""
    with patch.object(liveness, "acquire", lambda _: None):
        journal = new_journal(directory)
    journal.scalar("loss", 1, 1)
    copy = shutil.copyfile(journal.path, directory + ".copy")
    journal.close()
    with open(copy, "rb") as file:
        data = bytearray(file.read())
    from zlib import crc32

    from runlore.journal import format as fmt

    length = fmt.FILE_HEADER.unpack_from(data)[4]
    about = json.loads(data[64 : 64 + length]) | header
    text = json.dumps(about, separators=(",", ":")).encode().ljust(length)
    assert len(text) == length
    data[64 : 64 + length] = text
    data[:64] = fmt.file_header(bytes(text), 0)
    assert crc32(text)
    with open(journal.path, "wb") as file:
        file.write(data)
    return journal.path


def test_where_only_age_tells_sealing_waits_for_a_week_or_for_force(store):
    directory = new_run(store)
    path = abandoned(directory, host="", boot="", pid_started=1)
    assert "may live" in seal_run(store, directory).reason or seal_run(store, directory).outcome == "live"
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
    assert "may live; it wrote 3,600 s ago" in seal_run(store, directory).reason
    expected = truth(directory)
    kept = shutil.copyfile(path, directory + ".kept")
    assert seal_run(store, directory, force=True).outcome == "sealed"
    assert truth(directory) == expected
    other = new_run(store)
    os.makedirs(os.path.join(other, "journal"), exist_ok=True)
    moved = shutil.copyfile(kept, os.path.join(other, "journal", os.path.basename(path)))
    week_ago = time.time() - 8 * 24 * 3600
    os.utime(moved, (week_ago, week_ago))
    assert seal_run(store, other).outcome == "sealed"


# -- damage ---------------------------------------------------------------------------------------------------------


def test_damaged_journals_are_kept(store):
    directory = new_run(store)
    journal = new_journal(directory)
    for at in range(3000):
        journal.scalar("loss", at, at)
    journal.close()
    with open(journal.path, "r+b") as file:
        file.seek(40_000)
        file.write(b"damage")
    with open(journal.path, "rb") as file:
        damaged = file.read()
    expected = truth(directory)
    for _ in range(2):
        seal_run(store, directory)
        assert truth(directory) == expected
        assert files(directory) == [f"damaged/{journal.writer}.rlj", *SEALED_FILES]
        about = read_summary(directory)["writers"][journal.writer]
        assert about["damage"]
        assert about["damage"][0].startswith(f"{journal.writer}: ")
        shutil.copyfile(os.path.join(directory, "damaged", journal.writer + ".rlj"), journal.path)
    with open(journal.path, "ab") as file:
        file.write(b"more")
    seal_run(store, directory)
    assert files(directory) == [f"damaged/{journal.writer}-2.rlj", f"damaged/{journal.writer}.rlj", *SEALED_FILES]
    with open(os.path.join(directory, "damaged", journal.writer + ".rlj"), "rb") as file:
        assert file.read() == damaged


def test_journals_cut_anywhere_are_sealed_once(store):
    source = new_run(store)
    record(source, 30)
    (state,) = journals(source)
    with open(state.path, "rb") as file:
        whole = file.read()
    for length in range(0, len(whole), 97):
        directory = new_run(store)
        with open(os.path.join(directory, "journal", "w.rlj"), "wb") as file:
            file.write(whole[:length])
        expected = truth(directory)
        seal_run(store, directory, force=True)
        assert truth(directory) == expected
        assert seal_run(store, directory).outcome == "nothing"
        assert truth(directory) == expected


# -- several at once ------------------------------------------------------------------------------------------------

READER = """
import os, sys
from store_truth import truth
expected = {line: None for line in sys.stdin.read().splitlines()}
print("ready", flush=True)
rounds = 0
while True:
    for directory in expected:
        found = truth(directory)
        if expected[directory] is None:
            expected[directory] = found
        assert found == expected[directory], directory
    rounds += 1
    if os.path.exists(sys.argv[1]) and rounds > 1:
        break
print(rounds)
"""

SEALER = """
import sys
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_store
print(seal_store(open_store(sys.argv[1])).outcomes.get("sealed", 0))
"""


def start(program, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def test_readers_during_sealing_by_two_sealers(store, tmp_path):
    runs = [new_run(store) for _ in range(30)]
    for index, directory in enumerate(runs):
        record(directory, 10 + index)
        record(directory, 5, base=2)
    expected = [truth(directory) for directory in runs]
    stop = tmp_path / "stop"
    reader = start(READER, stop, stdin=subprocess.PIPE)
    reader.stdin.write("\n".join(runs))
    reader.stdin.close()
    reader.stdout.readline()
    sealers = [start(SEALER, store.root) for _ in range(2)]
    counts = [int(sealer.communicate(timeout=60)[0]) for sealer in sealers]
    stop.touch()
    faults = reader.stderr.read()
    reader.stdout.close()
    reader.stderr.close()
    assert reader.wait(timeout=60) == 0, faults
    assert sum(counts) == 30, "each run is sealed once"
    assert [truth(directory) for directory in runs] == expected
    assert all(files(directory) == SEALED_FILES for directory in runs)


def test_threads_of_one_process_do_not_seal_together(store):
    directory = new_run(store)
    record(directory)
    expected = truth(directory)
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(seal_run(store, directory).outcome)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("sealed") == 1
    assert set(outcomes) <= {"sealed", "busy", "nothing"}
    assert truth(directory) == expected


# -- the store ------------------------------------------------------------------------------------------------------


def test_the_runs_of_a_store_are_sealed_but_for_those_that_cannot_be(store):
    good, bad, live = new_run(store, "a"), new_run(store, "a/b"), new_run(store)
    for directory in (good, bad):
        record(directory)
    (state,) = journals(bad)
    with open(state.path, "r+b") as file:
        file.seek(8)
        file.write(b"\x02\x00")  # a newer format
    from zlib import crc32

    with open(state.path, "r+b") as file:
        head = file.read(24)
        file.write(crc32(head).to_bytes(4, "little"))
    journal = new_journal(live)
    journal.scalar("a", 1)
    seen = []
    result = seal_store(store, progress=lambda done, total: seen.append((done, total)))
    assert result.outcomes == {"sealed": 1, "failed": 1, "live": 1}
    assert [directory for directory, _ in result.failures] == [bad]
    assert "version 2" in result.failures[0][1]
    assert seen[-1] == (3, 3)
    assert result.sealed_bytes == sum(os.stat(os.path.join(good, name)).st_size for name in SEALED_FILES)
    journal.close()


def test_a_limit_leaves_the_rest_for_later(store):
    for _ in range(3):
        record(new_run(store))
    assert seal_store(store, limit=2).outcomes == {"sealed": 2}
    assert seal_store(store).outcomes == {"sealed": 1}
    assert seal_store(store).outcomes == {}


def test_a_store_that_cannot_be_written_to_stays_as_it_is(store):
    directory = new_run(store)
    record(directory)
    expected = truth(directory)
    with (
        patch("runlore.store.sealed.sealing.os.access", lambda *_: False),
        pytest.raises(ReadOnlyStore, match="Nothing was changed"),
    ):
        seal_store(store)
    assert truth(directory) == expected


# -- forever --------------------------------------------------------------------------------------------------------


SAMPLES = [HERE.parent / "assets" / "sealed" / version for version in ("v1", "v2")]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_sealed_runs_of_every_version_open_forever(sample):
    expected = json.loads((sample / "truth.json").read_text(encoding="ascii"))
    points, events = read_points(str(sample / "run")), read_events(str(sample / "run"))
    assert [
        [points.names[k], repr(s), t, repr(v), points.writers[w], q]
        for k, s, t, v, w, q in zip(
            points.key.tolist(), points.step.tolist(), points.time_ns.tolist(), points.value.tolist(),
            points.writer.tolist(), points.sequence.tolist(), strict=True,
        )
    ] == expected["points"]  # fmt: skip
    assert [repr(event) for event in events] == expected["events"]
    assert [list(change) for change in points.extras] == expected["extras"]
    assert RunSummary.load(read_summary(str(sample / "run"))["summary"]).points == expected["summary_points"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_runs_of_every_version_are_sealed_again(tmp_path, sample):
    store = open_store(str(tmp_path), create=True)
    directory = new_run(store)
    shutil.copytree(sample / "run", directory, dirs_exist_ok=True)
    record(directory)
    expected = truth(directory)
    assert seal_run(store, directory).outcome == "sealed"
    assert truth(directory) == expected
    assert read_summary(directory)["version"] == VERSION


# -- size -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "limit"), [(True, 4.0), (False, 6.0)])
def test_noisy_losses_at_random_times_take_six_bytes_a_point_at_most(store, rows, limit):
    """Float32 losses of 50 series, steps at random within 10 ms, single records at random within some microseconds."""
    directory = new_run(store)
    generator = np.random.default_rng(0)
    names = [f"layer{index:02}/loss" for index in generator.permutation(50)]
    journal = new_journal(directory)
    now = 1_700_000_000_000_000_000
    for step in range(4000):
        now += int(generator.integers(100_000_000, 110_000_000))
        losses = (1 + 0.1 * generator.standard_normal(50)).astype(np.float32).tolist()
        if rows:
            with patch("runlore.journal.writer.time_ns", lambda at=now: at):
                journal.row(dict(zip(names, losses, strict=True)), step)
            continue
        late = np.cumsum(generator.integers(500, 4500, 50)).tolist()
        for name, loss, after in zip(names, losses, late, strict=True):
            journal.scalar(name, loss, step, _now=lambda at=now + after: at)
    journal.close()
    assert seal_run(store, directory).sealed_bytes / 200_000 <= limit
    late_journal = new_journal(directory)
    late_journal.scalar("late", 1.0, 1)
    late_journal.close()
    assert seal_run(store, directory).sealed_bytes / 200_000 <= limit, "nor after it was sealed again"
