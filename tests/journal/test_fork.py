"""Forked children write journals of their own, whatever the parent was doing."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import pytest
from journal_oracle import MODES, RUN, facts_of, journals_in, points_of

from runlore.journal import open_journal
from runlore.journal.decode import CLOSED, OPEN, read
from runlore.journal.liveness import is_alive

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def in_a_child(work) -> int:
    """Run it in a forked child; how the child ended."""
    child = os.fork()
    if not child:
        code = 99
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def series(path: str) -> list[tuple]:
    return [(key, step) for _, key, step, _, _ in points_of(read(path))]


def test_a_child_writes_a_journal_of_its_own(journal, tmp_path):
    journal.columns({"fold": 1})
    journal.scalar("parent", 1.0, 0)
    journal.row({"a": 1.0, "b": 2.0}, 0)

    def work():
        before = journal.path
        journal.scalar("parent", 1.0, 1)
        journal.row({"a": 1.0, "b": 2.0}, 1)
        assert journal.path != before
        journal.close()

    assert in_a_child(work) == 0
    journal.scalar("parent", 1.0, 2)
    assert series(journal.path) == [("parent", 0.0), ("a", 0.0), ("b", 0.0), ("parent", 2.0)]
    [theirs] = [path for path in journals_in(tmp_path) if path != journal.path]
    chunk = read(theirs)
    assert series(theirs) == [("parent", 1.0), ("a", 1.0), ("b", 1.0)]
    assert (chunk.state, chunk.damage) == (CLOSED, [])
    assert chunk.extras[0][1] == {"fold": 1}
    assert chunk.context.header["writer"] != journal.writer


def test_a_child_that_logs_nothing_leaves_nothing(journal, tmp_path):
    assert in_a_child(lambda: None) == 0
    assert in_a_child(journal.close) == 0
    assert journals_in(tmp_path) == [journal.path]
    journal.scalar("parent", 1.0, 0)
    assert read(journal.path).state == OPEN


def test_a_child_that_closes_does_not_close_the_parent(journal):
    assert in_a_child(journal.close) == 0
    journal.scalar("parent", 1.0, 0)
    assert is_alive(journal.path, read(journal.path).context.header) == (True, "lock")
    code = "from runlore.journal import liveness; import sys; print(liveness.is_alive(sys.argv[1], {'lock': True}))"
    done = subprocess.run([sys.executable, "-c", code, journal.path], capture_output=True, text=True, check=True)
    assert done.stdout == "(True, 'lock')\n"


def test_grandchildren(journal, tmp_path):
    def work():
        journal.scalar("child", 1.0, 1)
        assert in_a_child(lambda: journal.scalar("grandchild", 1.0, 2)) == 0
        assert in_a_child(lambda: in_a_child(lambda: journal.scalar("great-grandchild", 1.0, 3))) == 0
        journal.scalar("child", 1.0, 4)

    assert in_a_child(work) == 0
    found = sorted(series(path) for path in journals_in(tmp_path))
    assert found == [
        [], [("child", 1.0), ("child", 4.0)], [("grandchild", 2.0)], [("great-grandchild", 3.0)]
    ]  # fmt: skip


def test_a_child_of_a_closed_writer_cannot_log(journal):
    from runlore.errors import RunEnded

    journal.close()

    def work():
        with pytest.raises(RunEnded):
            journal.scalar("a", 1.0)

    assert in_a_child(work) == 0


def test_a_child_that_exits_without_a_word_keeps_what_it_logged(journal, tmp_path):
    """`os._exit`, as multiprocessing's children do it: no clean-up runs."""

    def work():
        for i in range(1000):
            journal.scalar("child", 1.0, i)

    assert in_a_child(work) == 0
    [theirs] = [path for path in journals_in(tmp_path) if path != journal.path]
    chunk = read(theirs)
    assert (chunk.state, chunk.damage, len(chunk.points.value)) == (OPEN, [], 1000)
    assert is_alive(theirs, chunk.context.header) == (False, "lock")


def test_forks_while_threads_hold_the_lock(journal, tmp_path):
    stop = threading.Event()
    counts = [0, 0, 0]

    def work(number: int) -> None:
        while not stop.is_set():
            journal.row({"a": 1.0, f"b{counts[number] % 50}": 1.0}, counts[number])
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    children = []
    for number in range(20):
        child = os.fork()
        if not child:
            code = 1
            try:
                journal.scalar("child", 1.0, number)
                journal.close()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    deadline = time.monotonic() + 60
    for child in children:
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                assert status == 0
                break
            assert time.monotonic() < deadline, "a child hangs"
            time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    theirs = [path for path in journals_in(tmp_path) if path != journal.path]
    assert sorted(series(path)[0] for path in theirs) == [("child", float(i)) for i in range(20)]
    chunk = read(journal.path)
    assert chunk.damage == []
    assert len(chunk.points.value) == 2 * sum(counts)


def log_in_a_process(directory: str, mode: str, number: int) -> None:
    journal = open_journal(directory, RUN, mode)
    for i in range(100):
        journal.scalar(f"p{number}", 1.0, i)
    journal.close()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path, method):
    context = multiprocessing.get_context(method)
    jobs = [context.Process(target=log_in_a_process, args=(str(tmp_path), MODES[n % 2], n)) for n in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0, 0]
    chunks = [read(path) for path in journals_in(tmp_path)]
    assert sorted(facts_of(chunk)[0][1] for chunk in chunks) == ["p0", "p1", "p2"]
    assert [(chunk.state, len(chunk.points.value)) for chunk in chunks] == [(CLOSED, 100)] * 3


def test_an_inherited_writer_in_a_pool(journal, tmp_path):
    """A data loader: workers are forked with the writer in their memory, log, and are ended without ceremony."""
    context = multiprocessing.get_context("fork")
    jobs = [context.Process(target=lambda n=n: journal.scalar("worker", 1.0, n)) for n in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    theirs = [path for path in journals_in(tmp_path) if path != journal.path]
    assert sorted(series(path) for path in theirs) == [[("worker", float(n))] for n in range(4)]
