"""Who lives: by lock, by process, by age."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

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


def test_a_process_that_is_ending_does_not_live_longer_than_its_lock(tmp_path):
    """Its lock goes before it does: whoever looks in between finds it dead."""
    for turn in range(20):
        directory = tmp_path / str(turn)
        directory.mkdir()
        process, child, path = start_writer(directory)
        header = header_of(path)
        os.kill(child, signal.SIGKILL)
        process.kill()
        told = []
        while not told or told[-1][0]:
            told.append(liveness.is_alive(path, header))
        assert {how for alive, how in told if alive} <= {"lock"}, told
        process.wait()
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
    assert not os.path.exists(liveness.lock_path(journal.path))


def test_a_journal_whose_lock_file_is_gone_is_told_by_its_process(tmp_path):
    process, child, path = start_writer(tmp_path)
    try:
        os.unlink(liveness.lock_path(path))
        assert liveness.is_alive(path, header_of(path)) == (True, "process")
    finally:
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
    assert liveness.is_alive(path, header_of(path)) == (False, "process")


def test_a_writer_that_lost_its_lock_by_a_copy_made_in_its_own_process_lives(tmp_path):
    """POSIX drops a process's locks on a file as soon as it closes any descriptor of it."""
    (tmp_path / "origin").mkdir()
    journal = open_journal(str(tmp_path / "origin"), RUN)
    journal.scalar("a", 1.0)
    shutil.copytree(tmp_path / "origin", tmp_path / "copy")
    assert ask_another_process(journal.path) == "True process"
    journal.close()


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


@pytest.mark.parametrize("locks", ["with its lock", "without its lock"])
def test_a_copy_of_a_living_journal_is_judged_by_its_age(tmp_path, locks):
    origin, copy = tmp_path / "origin", tmp_path / "copy"
    origin.mkdir()
    process, child, path = start_writer(origin)
    try:
        subprocess.run(["cp", "-r", str(origin), str(copy)], check=True)
        [copied] = journals_in(copy)
        if locks == "without its lock":
            os.unlink(liveness.lock_path(copied))
        assert liveness.is_alive(copied, header_of(copied)) == (True, "age")
        assert liveness.is_alive(path, header_of(path)) == (True, "lock")
    finally:
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
    assert liveness.is_alive(copied, header_of(copied)) == (False, "process")
    assert liveness.is_alive(path, header_of(path)) == (False, "lock")


# -- every combination ----------------------------------------------------------------------------------------------

HERE = {"host": "here", "boot": "this", "pid": 7, "pid_started": 70, "pid_space": 700, "lock": True}
EARLIER = {"boot": "earlier", "created_ns": 0}
OLD = {"pid_space": None, "file": None}
"""What journals of earlier versions do not say."""

TABLE = [
    # lock, process, header, whether it is a copy, age in minutes; alive, told by
    ("held", "there", HERE, False, 99, True, "lock"),
    ("held", "gone", {**HERE, "host": "container"}, False, 99, True, "lock"),
    ("held", "gone", {**HERE, **EARLIER, "host": "other"}, False, 99, True, "lock"),
    ("held", "gone", {}, False, 99, True, "lock"),
    # on this machine, since it was started
    ("free", "gone", HERE, False, 0, False, "lock"),
    ("free", "reused", HERE, False, 0, False, "lock"),
    ("free", "there", HERE, False, 99, True, "process"),  # it lost its lock
    ("gone", "gone", HERE, False, 0, False, "process"),
    ("gone", "there", HERE, False, 99, True, "process"),
    ("fifo", "gone", HERE, False, 0, False, "process"),
    ("fifo", "there", HERE, False, 99, True, "process"),
    ("none", "there", {**HERE, "lock": False}, False, 99, True, "process"),  # a network mount
    ("none", "gone", {**HERE, "lock": False}, False, 0, False, "process"),
    ("none", "reused", {**HERE, "lock": False}, False, 0, False, "process"),
    ("none", "hidden", {**HERE, "lock": False}, False, 99, True, "process"),
    ("gone", "hidden", HERE, False, 99, True, "process"),
    # a copy in another directory of this machine
    ("free", "there", HERE, True, 0, True, "age"),
    ("free", "there", HERE, True, 16, False, "age"),
    ("gone", "there", HERE, True, 0, True, "age"),
    ("gone", "there", HERE, True, 16, False, "age"),
    ("none", "there", {**HERE, "lock": False}, True, 0, True, "age"),
    ("none", "there", {**HERE, "lock": False}, True, 16, False, "age"),
    ("free", "gone", HERE, True, 0, False, "process"),
    ("gone", "gone", HERE, True, 0, False, "process"),
    # in a container of this machine, whose process ids mean nothing here
    ("free", "gone", {**HERE, "host": "container"}, False, 0, False, "lock"),
    ("free", "gone", {**HERE, "pid_space": 1}, False, 0, False, "lock"),
    ("free", "there", {**HERE, "pid_space": 1}, False, 99, False, "lock"),
    ("gone", "gone", {**HERE, "host": "container"}, False, 0, True, "age"),
    ("gone", "gone", {**HERE, "pid_space": 1}, False, 16, False, "age"),
    ("free", "gone", {**HERE, "pid_space": 1}, True, 0, True, "age"),
    ("none", "gone", {**HERE, "host": "container", "lock": False}, False, 0, True, "age"),
    ("none", "gone", {**HERE, "pid_space": 1, "lock": False}, False, 16, False, "age"),
    # before this machine was started
    ("free", "there", {**HERE, **EARLIER}, False, 0, False, "process"),
    ("gone", "there", {**HERE, **EARLIER}, False, 0, False, "process"),
    ("none", "there", {**HERE, **EARLIER, "lock": False}, False, 0, False, "process"),
    # on another machine
    ("free", "there", {**HERE, "host": "other", "boot": "another"}, True, 0, True, "age"),
    ("free", "there", {**HERE, "host": "other", "boot": "another"}, True, 16, False, "age"),
    ("gone", "there", {**HERE, "host": "other", "boot": "another"}, True, 0, True, "age"),
    ("gone", "gone", {**HERE, "host": "other", "boot": "another"}, True, 16, False, "age"),
    ("none", "gone", {**HERE, "host": "other", "boot": "another", "lock": False}, False, 0, True, "age"),
    ("gone", "there", {**HERE, "boot": "another"}, True, 0, True, "age"),  # which has the name of this one
    ("free", "gone", {**HERE, "boot": "another"}, True, 16, False, "age"),
    ("gone", "gone", {**HERE, "host": "other", **EARLIER}, True, 0, True, "age"),
    ("gone", "there", {**HERE, "boot": ""}, False, 0, True, "age"),  # whose system names no boots
    ("gone", "there", {**HERE, "boot": ""}, False, 16, False, "age"),
    # by an earlier version
    ("free", "gone", {**HERE, **OLD}, False, 0, False, "lock"),
    ("free", "there", {**HERE, **OLD}, True, 0, True, "age"),
    ("gone", "gone", {**HERE, **OLD}, True, 0, False, "process"),
    ("gone", "there", {**HERE, **OLD}, True, 16, False, "age"),
    ("none", "there", {**HERE, **OLD, "lock": False}, False, 99, True, "process"),
    # whoever it was died before it wrote a header, or the header is damaged
    ("free", "gone", {}, False, 0, False, "lock"),
    ("gone", "gone", {}, False, 0, True, "age"),
    ("gone", "gone", {}, False, 16, False, "age"),
    # clocks
    ("gone", "there", {**HERE, "host": "other", "boot": "another"}, True, -30, True, "age"),
    ("gone", "there", {**HERE, "host": "other", "boot": "another"}, True, -60 * 24 * 365, False, "age"),
]


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


@pytest.fixture
def machine(monkeypatch):
    """A machine named `here`, in the boot `this`, whose process 7 is what is wanted."""

    def become(process: str) -> None:
        started = {"there": 70, "reused": 71}.get(process)
        monkeypatch.setattr(liveness, "boot_id", lambda: "this")
        monkeypatch.setattr(liveness, "process_space", lambda: 700)
        monkeypatch.setattr(liveness, "process_started", lambda pid: started if pid == 7 else None)
        monkeypatch.setattr(liveness.os, "uname", lambda: SimpleNamespace(nodename="here"))

        def kill(pid: int, number: int) -> None:
            assert number == 0
            raise PermissionError if process == "hidden" else ProcessLookupError

        monkeypatch.setattr(liveness.os, "kill", kill)

    return become


@pytest.mark.parametrize(("lock", "process", "header", "is_copy", "minutes", "alive", "how"), TABLE)
@pytest.mark.timeout(20)
def test_who_lives(tmp_path, machine, lock, process, header, is_copy, minutes, alive, how):
    path = tmp_path / "w.rlj"
    path.write_bytes(b"contents")
    written = time.time_ns() - minutes * 60 * 10**9
    os.utime(path, ns=(written, written))
    status = path.stat()
    header = dict(header)
    if header:
        header.setdefault("created_ns", time.time_ns())
        header.setdefault("file", [status.st_dev, status.st_ino + is_copy])
    place, holder = liveness.lock_path(str(path)), None
    if lock == "fifo":
        os.mkfifo(place)
    elif lock in ("held", "free"):
        open(place, "x").close()
    if lock == "held":
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, place], stdin=-1, stdout=-1)
        assert holder.stdout.readline()
    try:
        machine(process)
        assert liveness.is_alive(str(path), header) == (alive, how)
    finally:
        if holder is not None:
            holder.communicate(b"\n")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
def test_what_is_no_file_has_no_living_writer(tmp_path, kind):
    path = str(tmp_path / "w.rlj")
    make = {"fifo": os.mkfifo, "directory": os.mkdir, "link": lambda place: os.symlink("nowhere", place)}[kind]
    make(path)
    assert liveness.is_alive(path, {}) == (False, "age")
    assert liveness.lock_problem(path) == ""
    make(liveness.lock_path(path))
    assert "where a regular file should be" in liveness.lock_problem(path)
    assert liveness.is_alive(path, {}) == (False, "age")


def test_file_systems(tmp_path):
    assert liveness.file_system("/proc") == "proc"
    assert liveness.file_system(str(tmp_path)) in liveness.LOCAL_FILE_SYSTEMS
    assert liveness._look_up(0xFFFFF, "/proc/sys/kernel") == "proc"
    assert not liveness.can_map("/proc")


def test_a_process_that_does_not_exist():
    assert liveness.process_started(2**22 + 1) is None
    assert liveness.process_started(os.getpid()) > 0
    assert len(liveness.boot_id()) == 36
