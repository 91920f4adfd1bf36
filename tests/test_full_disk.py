"""Disks that are full, stores that cannot be written to: training goes on, and what was lost is counted and said."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import suppress

import pytest

import runlore


def run_program(body, **environment):
    code = "import os, resource, sys\nimport runlore\n" + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "RUNLORE_CAPTURE": "0", **environment},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 320 kB."""
    directory = tmp_path / "small"
    directory.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk needs privileges: {done.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.mark.parametrize("mode", ["mmap", "write"])
def test_a_full_disk_does_not_reach_the_program_and_is_counted(small_disk, mode):
    done = run_program(
        """
        run = runlore.start("e")
        for step in range(12_000):
            run.log_metric("loss", float(step), step=step)
        run.log_artifact(b"x" * 1_000_000, "big")
        print(run.lost)
        """,
        RUNLORE_STORE=str(small_disk / "store"),
        RUNLORE_JOURNAL=mode,
    )
    assert done.returncode == 0, done.stderr
    lost = int(done.stdout)
    assert 2_000 < lost < 12_000
    assert done.stderr.count("No space left") <= 3
    assert "cannot grow" in done.stderr
    view = runlore.get_run("e#1", store=small_disk / "store")
    assert view.points + lost == 12_000 + 1, "the artifact"
    assert view.lost == lost + 1, "the stop event, which came after"
    assert view.metric("loss")["value"].tolist() == [float(step) for step in range(view.points)]


@pytest.mark.parametrize("mode", ["mmap", "write"])
@pytest.mark.parametrize(("last_line", "status"), [("pass", "succeeded"), ("sys.exit(3)", "failed")])
def test_how_a_run_ended_is_known_though_its_disk_was_full(small_disk, mode, last_line, status):
    done = run_program(
        f"""
        run = runlore.start("e")
        for step in range(12_000):
            run.log_metric("loss", float(step), step=step)
        {last_line}
        """,
        RUNLORE_STORE=str(small_disk / "store"),
        RUNLORE_JOURNAL=mode,
    )
    assert (status == "succeeded") == (done.returncode == 0)
    store = small_disk / "store"
    view = runlore.get_run("e#1", store=store)
    assert (view.status, view.lost) == (status, 12_001 - view.points), "the stop event is among what was lost"
    assert view.ended_ns is not None
    assert [event.value for event in view.events("stop")] == [{"status": status}]
    assert runlore.runs(f"status = '{status}'", store=store)["run"].tolist() == [1]


def test_recording_goes_on_when_there_is_room_again(small_disk):
    filler = small_disk / "filler"
    done = run_program(
        f"""
        import time
        run = runlore.start("e")
        run.log_metric("before", 1.0)
        file = os.open({str(filler)!r}, os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(file, b"x" * 4096):
                pass
        except OSError:
            os.close(file)
        for step in range(20_000):
            run.log_metric("during", float(step), step=step)
        os.unlink({str(filler)!r})
        time.sleep(1.1)
        run.log_metric("after", 1.0)
        run.log_metric("during", -1.0, step=-1)
        print(run.lost)
        """,
        RUNLORE_STORE=str(small_disk / "store"),
    )
    assert done.returncode == 0, done.stderr
    view = runlore.get_run("e#1", store=small_disk / "store")
    assert view.status == "succeeded"
    assert {"before", "after", "during"} <= set(view.metrics)
    assert view.lost == int(done.stdout) > 0
    assert len(view.metric("during")) + view.lost == 20_001
    assert [event.value for event in view.events("lost")] == [view.lost]


def test_a_quota_is_a_full_disk(tmp_path):
    done = run_program(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        run = runlore.start("e")
        for step in range(50_000):
            run.log_metric("loss", float(step), step=step)
        print(run.lost)
        """,
        RUNLORE_STORE=str(tmp_path / "store"),
    )
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stderr
    view = runlore.get_run("e#1", store=tmp_path / "store")
    assert view.points + int(done.stdout) == 50_000


@pytest.mark.parametrize("pages", range(2, 24, 2))
def test_a_disk_that_is_full_at_the_start_is_one_clear_error(small_disk, pages):
    """Wherever the start fails, it leaves no run behind that would look like one that crashed."""
    store = small_disk / "store"
    runlore.start("other", store=store, capture=False).finish()
    filler = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(filler, bytes(4096)):
            pass
    os.close(filler)
    os.truncate(small_disk / "filler", os.path.getsize(small_disk / "filler") - 4096 * pages)
    done = run_program("runlore.start('e')", RUNLORE_STORE=str(store))
    os.unlink(small_disk / "filler")
    found = runlore.runs(store=store).query("experiment == 'e'")
    if done.returncode == 0:
        assert found["status"].tolist() == ["succeeded"]
        return
    assert done.returncode == 1
    assert "No space left" in done.stderr.splitlines()[-1]
    assert len(found) == 0
    assert not list((store / "runs" / "e").iterdir())
    assert runlore.start("e", store=store, capture=False).number == 1


@pytest.fixture
def read_only_disk(tmp_path):
    """A store on a file system that is mounted read-only."""
    source = tmp_path / "source"
    with runlore.start("e", params={"a": 1}, store=source / "store", capture=False) as run:
        run.log_metric("m", 1.0)
        run.log_artifact(b"x", "x")
    target = tmp_path / "target"
    target.mkdir()
    for command in (["mount", "--bind", str(source), str(target)], ["mount", "-o", "remount,bind,ro", str(target)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting needs privileges: {done.stderr.strip()}")
    yield target / "store"
    subprocess.run(["umount", "-l", str(target)], check=True)


def test_a_read_only_store_is_read_whole_and_refuses_runs_in_one_line(read_only_disk):
    view = runlore.get_run("e#1", store=read_only_disk)
    assert (view.params, view.metrics, view.artifact("x").read_bytes()) == ({"a": 1}, {"m": 1.0}, b"x")
    assert len(runlore.experiment("e", store=read_only_disk).data()) == 5
    done = run_program("runlore.start('e')", RUNLORE_STORE=str(read_only_disk))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("runlore.errors.ReadOnlyStore: the store")
