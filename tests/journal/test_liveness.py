"""Who lives: by lock, by process, by age."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from journal_oracle import RUN, journals_in

from runlore.journal import liveness, open_journal
from runlore.journal.decode import read

ORPHAN = """
import os, sys, time
from runlore.journal import open_journal
journal = open_journal(sys.argv[1], "0" * 32, sys.argv[2])
journal.scalar("a", 1.0)
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""


def header_of(path: str) -> dict:
    return read(path).context.header


def ask_another_process(path: str) -> str:
    code = (
        "import sys; from runlore.journal.liveness import is_alive; from runlore.journal.decode import read;"
        "print(*is_alive(sys.argv[1], read(sys.argv[1]).context.header))"
    )
    return subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def untrusted(monkeypatch):
    """As on a network mount."""
    monkeypatch.setattr(liveness, "file_system", lambda _: "nfs4")


def start_writer(directory, mode="mmap"):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", ORPHAN, str(directory), mode], stdout=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    [path] = journals_in(directory)
    return process, child, path


def test_a_writer_lives_until_it_is_killed_whatever_its_children_do(tmp_path, mode):
    process, child, path = start_writer(tmp_path, mode)
    try:
        assert liveness.is_alive(path, header_of(path)) == (True, "lock")
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.kill(child, 0)  # the orphan is there
        assert liveness.is_alive(path, header_of(path)) == (False, "lock")
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_zombie_does_not_live(tmp_path, untrusted):
    process, child, path = start_writer(tmp_path)
    try:
        header = {**header_of(path), "lock": False}
        assert liveness.is_alive(path, header) == (True, "process")
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it ended, and nobody has collected it
        assert liveness.is_alive(path, header) == (False, "process")
    finally:
        process.wait()
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_reader_in_the_same_process_does_not_drop_the_lock(tmp_path, mode):
    journal = open_journal(str(tmp_path), RUN, mode)
    journal.scalar("a", 1.0)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    paths = [journal.path, str(link / os.path.basename(journal.path)), os.path.relpath(journal.path)]
    for path in paths:
        assert liveness.is_alive(path, header_of(path)) == (True, "lock")
    assert ask_another_process(journal.path) == "True lock"
    journal.close()
    assert ask_another_process(journal.path) == "False lock"


def test_a_journal_whose_lock_file_is_gone_is_dead(tmp_path):
    process, child, path = start_writer(tmp_path)
    process.kill()
    process.wait()
    os.kill(child, signal.SIGKILL)
    process.stdout.close()
    os.unlink(liveness.lock_path(path))
    assert liveness.is_alive(path, header_of(path)) == (False, "lock")


def test_without_locks_the_process_tells(tmp_path, untrusted):
    journal = open_journal(str(tmp_path), RUN)
    header = header_of(journal.path)
    assert (header["lock"], type(journal).__name__) == (False, "WrittenJournal")
    assert os.listdir(tmp_path) == [os.path.basename(journal.path)]
    assert liveness.is_alive(journal.path, header) == (True, "process")
    assert liveness.is_alive(journal.path, {**header, "pid_started": 1}) == (False, "process")
    assert liveness.is_alive(journal.path, {**header, "pid": 2**22 + 1}) == (False, "process")
    journal.close()


@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"boot": "another"}, {"pid_started": None}, {"boot": ""}])
def test_without_locks_and_on_another_machine_age_tells(tmp_path, untrusted, other):
    journal = open_journal(str(tmp_path), RUN)
    header = {**header_of(journal.path), **other}
    assert liveness.is_alive(journal.path, header) == (True, "age")
    silent = os.stat(journal.path).st_mtime_ns - liveness.SILENCE_NS
    os.utime(journal.path, ns=(silent, silent))
    assert liveness.is_alive(journal.path, header) == (False, "age")
    journal.scalar("a", 1.0)
    assert liveness.is_alive(journal.path, header) == (True, "age")
    journal.close()
    os.unlink(journal.path)
    assert liveness.is_alive(journal.path, header) == (False, "age")


def test_a_damaged_header_does_not_hide_a_lock(tmp_path):
    process, child, path = start_writer(tmp_path)
    try:
        assert liveness.is_alive(path, {}) == (True, "lock")
    finally:
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
    assert liveness.is_alive(path, {}) == (False, "lock")


def test_a_copy_of_a_living_journal_is_not_alive(tmp_path):
    origin, copy = tmp_path / "origin", tmp_path / "copy"
    origin.mkdir()
    journal = open_journal(str(origin), RUN)
    subprocess.run(["cp", "-r", str(origin), str(copy)], check=True)
    [path] = journals_in(copy)
    assert liveness.is_alive(path, header_of(path)) == (False, "lock")
    assert liveness.is_alive(journal.path, header_of(journal.path)) == (True, "lock")
    journal.close()


def test_file_systems(tmp_path):
    assert liveness.file_system("/proc") == "proc"
    assert liveness.file_system(str(tmp_path)) in liveness.LOCAL_FILE_SYSTEMS
    assert liveness._look_up(0xFFFFF, "/proc/sys/kernel") == "proc"
    assert not liveness.can_map("/proc")


def test_a_process_that_does_not_exist():
    assert liveness.process_started(2**22 + 1) is None
    assert liveness.process_started(os.getpid()) > 0
    assert len(liveness.boot_id()) == 36
