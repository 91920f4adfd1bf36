"""Threads, signal handlers and full disks."""

from __future__ import annotations

import errno
import gc
import os
import random
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from journal_oracle import RUN, facts_of, journals_in, points_of, read_facts

from runlore.journal import open_journal
from runlore.journal.decode import CLOSED, OPEN, read
from runlore.journal.written import WrittenJournal

if TYPE_CHECKING:
    from pathlib import Path

# The signals of the tests are those of pytest-timeout's other method.
pytestmark = pytest.mark.timeout(120, method="thread")

# -- threads ------------------------------------------------------------------------------------------------------


def test_threads_share_a_writer(journal):
    calls = 2000

    def work(number: int) -> None:
        for i in range(calls):
            journal.scalar(f"s{number}", float(i), i)
            if i % 10 == 0:
                journal.row({f"a{number}": i, f"b{number}": i}, i)
                journal.event("log", f"t{number}", i)
            if i % 100 == 0:
                journal.scalar(f"new {number} {i}", 1.0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chunk = read(journal.path)
    assert (chunk.damage, journal.lost) == ([], 0)
    series: dict[str, list[float]] = {}
    for _, key, step, _, _ in points_of(chunk):
        series.setdefault(key, []).append(step)
    for number in range(8):
        assert series[f"s{number}"] == list(range(calls))
        assert series[f"a{number}"] == series[f"b{number}"] == list(range(0, calls, 10))
        assert [e.value for e in chunk.events if e.key == f"t{number}"] == list(range(0, calls, 10))
    assert len(chunk.points.value) == 8 * (calls + 2 * calls // 10 + calls // 100)


def test_a_reader_during_writing_sees_whole_records_in_order(tmp_path, mode):
    journal = open_journal(str(tmp_path), RUN, mode)
    done = threading.Event()
    total = 40_000 if mode == "mmap" else 8_000

    def work() -> None:
        for i in range(total):
            journal.scalar("s", i * 3.0, i)
            if i % 50 == 0:
                journal.row({"a": i * 1.0, "b": -i * 1.0}, i)
                journal.event("log", "e", "x" * (i % 4000))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    context, seen, events = None, [], 0
    while True:
        finished = done.is_set()
        chunk = read(journal.path, context)
        assert chunk.damage == []
        context = chunk.context
        seen += [(key, step, value) for _, key, step, _, value in points_of(chunk)]
        events += len(chunk.events)
        if finished:
            break
    thread.join()
    journal.close()
    whole = [(key, step, value) for _, key, step, _, value in points_of(read(journal.path))]
    assert seen == whole
    assert events == total // 50


# -- signals ------------------------------------------------------------------------------------------------------


@contextmanager
def interrupted(handler, microseconds=150):
    """Call the handler all the time, in the middle of whatever the main thread does, but not in itself."""
    on = True

    def once_more(*_: object) -> None:
        try:
            handler()
        finally:
            if on:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.1, 2) * microseconds / 1e6)

    before = signal.signal(signal.SIGALRM, once_more)
    signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
    try:
        yield
    finally:
        on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def everything(directory: object) -> list[tuple]:
    facts = []
    for path in journals_in(directory):
        chunk = read(path)
        assert chunk.damage == []
        facts += facts_of(chunk)
    return facts


def test_a_signal_handler_that_logs(tmp_path, mode):
    journal = open_journal(str(tmp_path), RUN, mode)
    handled = 0

    def handler(*_: object) -> None:
        nonlocal handled
        number, handled = handled, handled + 1
        journal.scalar("handler", 1.0, number)
        journal.scalar(f"handler {number % 300}", 1.0, number)
        journal.row({"ha": 1.0, f"hb{number % 50}": 2.0}, number)
        journal.event("log", "handler", number, step=number)

    rounds = 6000
    with interrupted(handler):
        for i in range(rounds):
            journal.scalar("main", 2.0, i)
            journal.row({"a": 1.0, f"b{i % 40}": 2.0}, i)
            journal.event("log", "main", "x" * 300, step=i)
            if i % 500 == 0:
                journal.columns({"round": i})
                journal.event("log", "big", "y" * 20_000, step=i)
    journal.close()
    assert handled > 20
    steps: dict[tuple, list] = {}
    for kind, key, step, *_ in everything(tmp_path):
        steps.setdefault((kind, key), []).append(step)
    for key in [("point", "main"), ("point", "a"), ("log", "main")]:
        assert steps[key] == list(range(rounds)), key
    for key in [("point", "handler"), ("point", "ha"), ("log", "handler")]:
        assert sorted(steps[key]) == list(range(handled)), key
    assert sum(len(v) for (_, key), v in steps.items() if key.startswith("handler ")) == handled
    assert journal.lost == 0
    assert [read(path).state for path in journals_in(tmp_path)] == [CLOSED] * len(journals_in(tmp_path))


@pytest.mark.parametrize("error", [KeyboardInterrupt, IndexError])
def test_a_handler_that_raises_leaves_a_whole_journal(tmp_path, mode, error):
    """Ctrl-C in a notebook: the call that was interrupted may or may not be there, every other one is."""
    journal = open_journal(str(tmp_path), RUN, mode)
    returned, interruptions, armed = [], 0, False

    def handler(*_: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise error

    step = 0
    with interrupted(handler, 120):
        while interruptions < 300 and step < 200_000:
            step += 1
            try:
                armed = True
                if step % 3:
                    journal.scalar(f"s{step % 700}", 1.0, step)
                elif step % 2:
                    journal.row({"a": 1.0, f"b{step % 40}": 2.0}, step)
                else:
                    journal.event("log", "e", "x" * (step % 5000), step=step)
                armed = False
                returned.append(step)
            except error:
                interruptions += 1
    journal.scalar("end", 1.0, -1)
    assert interruptions > 10
    for state in (OPEN, CLOSED):
        chunks = [read(path) for path in journals_in(tmp_path)]
        assert [chunk.damage for chunk in chunks] == [[]] * len(chunks)
        assert chunks[0].state == state
        steps = [fact[2] for chunk in chunks for fact in facts_of(chunk)]
        assert set(returned) <= set(steps)
        assert set(steps) <= set(range(step + 1)) | {-1}
        assert len({fact[1:3] for chunk in chunks for fact in facts_of(chunk)}) == len(steps)
        journal.close()
    assert [name for name in os.listdir(tmp_path) if name.endswith(".lock")] == []


def test_a_handler_that_closes(tmp_path, mode):
    """At any moment: the journal ends in order, and what follows is refused."""
    from runlore.errors import RunEnded

    for delay in range(1, 120):
        journal = open_journal(str(tmp_path), RUN, mode)
        signal.signal(signal.SIGALRM, lambda *_, journal=journal: journal.close())
        signal.setitimer(signal.ITIMER_REAL, delay * 37e-6)
        logged = 0
        with suppress(RunEnded):
            while True:
                journal.row({"a": 1.0, f"b{logged % 30}": 1.0, "c": 3.0}, logged)
                logged += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        chunk = read(journal.path)
        assert (chunk.state, chunk.damage) == (CLOSED, [])
        assert len(chunk.points.value) // 3 - logged in (0, 1)
        os.unlink(journal.path)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert os.listdir(tmp_path) == []


# -- no room ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"this machine lets nobody mount: {made.stderr.decode()}")
    yield mount
    gc.collect()
    subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(directory: Path) -> Path:
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            with pytest.raises(OSError, match="No space"):
                write_for_ever(file, b"x" * size)
    return filler


def write_for_ever(file, content: bytes) -> None:
    while True:
        file.write(content)


def test_a_full_disk_is_counted_said_once_and_survived(small_disk, mode, capfd, monkeypatch):
    monkeypatch.setattr("runlore.journal.appender._RETRY_SECONDS", 0.0)
    journal = open_journal(str(small_disk), RUN, mode)
    journal.columns({"fold": 1})
    for i in range(100):
        journal.scalar("before", 1.0, i)
    filler = fill(small_disk)
    for i in range(4_000):
        journal.scalar("during", 1.0, i)
        if i % 100 == 0:
            journal.row({"new a": i, "new b": i}, i)
            journal.event("log", "line", "x" * 500, step=i)
    journal.columns({"fold": 2})
    journal.scalar("unknown key", 1.0)
    calls = 4_000 + 40 + 40 + 1
    kept = read(journal.path)
    assert kept.damage == []
    counted = len([k for _, k, *_ in points_of(kept) if k == "during"]) + len(kept.events)
    counted += len([k for _, k, *_ in points_of(kept) if k == "new a"])
    reports = len([e for e in kept.events if e.kind == "lost"])
    assert journal.lost == calls - (counted - reports) > 0
    assert kept.lost == journal.lost
    filler.unlink()
    journal.scalar("after", 1.0)
    journal.scalar("unknown key", 2.0)
    journal.row({"new a": 1.0, "new b": 2.0}, -1)
    lost = journal.lost
    journal.close()
    chunk = read(journal.path)
    assert (chunk.state, chunk.damage, chunk.lost) == (CLOSED, [], lost)
    report = [event for event in chunk.events if event.kind == "lost"][-1]
    assert (report.key, report.value) == ("records", lost)
    last = points_of(chunk)[-4:]
    assert [key for _, key, *_ in last] == ["after", "unknown key", "new a", "new b"]
    assert chunk.extras[-1][1] == {"fold": 2}
    assert chunk.extras[-1][0] < last[0][0]
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert "No space left on device" in said[0]
    assert f"{lost:,} records" in said[1]


def test_a_retry_waits_a_moment(small_disk, capfd):
    journal = open_journal(str(small_disk), RUN)
    filler = fill(small_disk)
    for i in range(3000):
        journal.scalar("s", 1.0, i)
    lost = journal.lost
    assert lost > 0
    filler.unlink()
    journal.scalar("s", 1.0)
    assert journal.lost == lost + 1
    journal.close()
    assert read(journal.path).state == CLOSED


def test_what_is_too_large_for_the_disk_does_not_stop_the_rest(small_disk, mode, capfd):
    journal = open_journal(str(small_disk), RUN, mode)
    journal.event("log", "too large", "x" * 3_000_000)
    for i in range(3000):
        journal.scalar("s", 1.0, i)
    journal.event("log", "too large", "x" * 3_000_000)
    assert journal.lost == 2
    journal.close()
    chunk = read(journal.path)
    assert (chunk.state, chunk.damage, len(chunk.points.value)) == (CLOSED, [], 3000)
    assert [event.kind for event in chunk.events] == ["lost", "lost"]


def test_a_disk_that_is_full_from_the_start(small_disk, mode):
    fill(small_disk)
    with pytest.raises(OSError, match="No space"):
        open_journal(str(small_disk), RUN, mode)
    assert os.listdir(small_disk) == ["filler"]


def test_a_child_on_a_full_disk_counts(small_disk, mode, capfd, monkeypatch):
    """Its first record would open a journal of its own: that fails, and is counted there."""
    monkeypatch.setattr("runlore.journal.appender._RETRY_SECONDS", 0.0)
    journal = open_journal(str(small_disk), RUN, mode)
    filler = fill(small_disk)
    child = os.fork()
    if not child:
        code = 1
        try:
            journal.columns({"rank": 1})
            for _ in range(10):
                journal.scalar("child", 1.0)
            lost = journal.lost
            filler.unlink()
            journal.scalar("child", 2.0)
            journal.close()
            code = 0 if lost == 10 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    journal.close()
    [theirs] = [path for path in journals_in(small_disk) if path != journal.path]
    chunk = read(theirs)
    assert chunk.points.value.tolist() == [2.0]
    assert (chunk.lost, chunk.events[0].value, chunk.extras[0][1]) == (10, 10, {"rank": 1})


@pytest.mark.parametrize("limit", [100_000, 100_012, 100_040], ids=["between records", "in a scalar", "in a row"])
def test_a_file_size_limit(tmp_path, mode, limit):
    """A limit that is not a multiple of a record's size cuts a `pwrite` short before the next one fails."""
    program = f"""
import os, resource, sys
from runlore.journal import open_journal
journal = open_journal({str(tmp_path)!r}, {RUN!r}, {mode!r})
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
for i in range(5_000):
    journal.scalar("s", 1.0, i)
    journal.row({{"a": 2.0, "b": 3.0}}, i)
print(journal.lost)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal._next_try = 0
journal.scalar("after", 1.0)
journal.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lost = int(done.stdout)
    [path] = journals_in(tmp_path)
    chunk = read(path)
    assert (chunk.state, chunk.damage, chunk.lost) == (CLOSED, [], lost)
    values = [*chunk.points.value]
    kept = values.count(1.0) - 1
    rows = values.count(2.0)
    assert values == [1.0, 2.0, 3.0] * min(kept, rows) + [1.0] * (kept - rows) + [1.0]
    assert kept + rows == 10_000 - lost
    assert 1500 < kept + rows < 2600
    assert done.stderr.count("File too large") == 1


def test_a_broken_stderr_does_not_matter(small_disk, monkeypatch):
    class Broken:
        def write(self, text: str) -> None:
            raise RuntimeError("reentrant call")

    monkeypatch.setattr(sys, "__stderr__", Broken())
    journal = open_journal(str(small_disk), RUN)
    fill(small_disk)
    for i in range(3000):
        journal.scalar("s", 1.0, i)
    assert journal.lost
    journal.close()
    monkeypatch.setattr(sys, "__stderr__", None)


def test_a_directory_that_was_removed(tmp_path, mode):
    directory = tmp_path / "run"
    directory.mkdir()
    journal = open_journal(str(directory), RUN, mode)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    for i in range(5000):
        journal.scalar("s", 1.0, i)
    assert journal.lost == 5000
    journal.close()
    assert journal.lost == 5000


def test_a_descriptor_that_the_program_closed(tmp_path, mode, capfd):
    """A daemon that closes everything loses what it logs afterwards, and is told."""
    journal = open_journal(str(tmp_path), RUN, mode)
    journal.scalar("s", 1.0)
    path = journal.path
    os.close(journal._fd)
    for i in range(5000):
        journal.scalar("s", 1.0, i)
    journal.close()
    assert journal.lost > 0
    assert "Bad file descriptor" in capfd.readouterr().err
    assert read(path).damage == []


def test_no_quota_is_the_same_as_no_room():
    from runlore.journal.file import _NO_ROOM

    assert {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} == _NO_ROOM
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_closing_a_full_journal_ends_it(small_disk, mode, capfd):
    journal = open_journal(str(small_disk), RUN, mode)
    fill(small_disk)
    for i in range(4000):
        journal.scalar("s", float(i), i)
    lost = journal.lost
    assert lost
    journal.close()
    chunk = read(journal.path)
    assert len(chunk.points.value) == 4000 - lost
    assert (chunk.damage, chunk.lost) == ([], lost)
    assert chunk.state == (CLOSED if mode == "mmap" else chunk.state)
    assert read_facts(journal.path)


def test_an_interruption_while_a_record_is_taken_back_leaves_a_working_journal(tmp_path):
    """What a handler of Ctrl-C raises may come out of any call, also of those that clear up after a failed write."""

    class Interrupted(WrittenJournal):
        __slots__ = ()

        def _take_back(self, buffer: memoryview, start: int, end: int) -> None:
            super()._take_back(buffer, start, end)
            raise KeyboardInterrupt

    journal = Interrupted(str(tmp_path), RUN)
    journal.scalar("s", 1.0)
    with pytest.raises(KeyboardInterrupt):
        journal.scalar("s", 2.0, _pwrite=lambda fd, data, at: os.pwrite(fd, data[:12], at))
    journal.scalar("s", 3.0)
    journal.close()
    assert journals_in(tmp_path) == [journal.path]
    chunk = read(journal.path)
    assert (chunk.state, chunk.damage, chunk.points.value.tolist()) == (CLOSED, [], [1.0, 3.0])
