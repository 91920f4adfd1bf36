"""Recording for a server: what is recorded arrives, with its number, and the spool is empty again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.server.live import serving
from tests.ship.trainings import Training, compare, journals, sync

import runlore
from runlore.errors import InvalidArgument, NotLocal, NotReachable, RunNotFound
from runlore.model import new_uid

PATIENT = "import runlore\nimport runlore.ship.store\nrunlore.ship.store._NUMBER_S = 60\n"
"""How a program begins that prints its run's number: a busy machine may need longer than a training would wait."""


def left_in(spool_root):
    """Files in the spool that are runs' or contents."""
    return [path for path in Path(spool_root).rglob("*") if path.is_file() and {"runs", "blobs"} & set(path.parts)]


def test_a_run_arrives_and_leaves_the_spool(address, store_path, spool_root):
    with runlore.start("iris/a", "first", params={"lr": 0.1}, store=address, capture=False) as run:
        for step in range(3000):
            run.log_metric("loss", step / 3, step=step)
        run.log_artifact(b"weights" * 1000, "model.bin")
        assert run.number == 1
    found = runlore.get_run(run.uid, store=store_path)
    assert (found.number, found.name, found.status, found.params) == (1, "first", "succeeded", {"lr": 0.1})
    assert found.metrics == {"loss": 2999 / 3}
    assert found.artifact("model.bin").read_bytes() == b"weights" * 1000
    assert left_in(spool_root) == []


def test_numbers_are_counted_by_the_server(address, store_path):
    with runlore.start("iris", store=store_path, capture=False):
        pass
    with runlore.start("iris", store=address, capture=False) as second, second.child("below") as third:
        pass
    assert [second.number, third.number] in ([2, 3], [3, 2])
    assert runlore.get_run(third.uid, store=store_path).parent == second.uid


def test_the_environment_names_the_store(address, store_path):
    code, out, err = Training(address, 100).ended()
    assert (code, err) == (0, "")
    uid = out.split()[0]
    assert runlore.get_run(uid, store=store_path).status == "succeeded"


def test_what_is_recorded_is_seen_while_it_is_recorded(address, store_path):
    run = runlore.start("iris", store=address, capture=False)
    run.log_metric("loss", 1.0)
    assert run.number == 1
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not runlore.get_run(run.uid, store=store_path).metrics:
        time.sleep(0.1)
    found = runlore.get_run(run.uid, store=store_path)
    assert (found.status, found.metrics) == ("running", {"loss": 1.0})
    run.finish()
    assert runlore.get_run(run.uid, store=store_path).status == "succeeded"


def test_a_run_is_resumed_where_it_was_not_recorded(address, store_path, spool_root, monkeypatch):
    with runlore.start("iris", "x", store=address, capture=False) as run:
        run.log_metric("loss", 2.0, step=1)
    monkeypatch.setenv("RUNLORE_SPOOL", str(spool_root) + "-elsewhere")
    with runlore.resume(run.uid, store=address, capture=False) as again:
        assert (again.number, again.experiment, again.name) == (1, "iris", "x")
        again.log_metric("loss", 1.0, step=2)
    found = runlore.get_run(run.uid, store=store_path)
    assert (found.metrics, found.status, found.number) == ({"loss": 1.0}, "succeeded", 1)
    with runlore.start("iris", store=address, join=run.uid, capture=False) as joined:
        joined.log_metric("loss", 0.5, step=3)
    assert runlore.get_run(run.uid, store=store_path).metrics == {"loss": 0.5}


def test_a_run_that_nobody_knows_is_not_resumed(address, tmp_path):
    with pytest.raises(RunNotFound):
        runlore.resume(new_uid(), store=address)
    with pytest.raises(RunNotFound):
        runlore.start("iris", store=address, join=new_uid())
    with pytest.raises(NotReachable, match="does not tell of it"):
        runlore.resume(new_uid(), store="http://127.0.0.1:9")


def test_ranks_and_forks_write_journals_of_the_same_run(address, store_path, spool_root):
    run = runlore.start("iris", store=address, capture=False)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=run.log_metric, args=("forked", 1.0))
    child.start()
    child.join()
    program = (
        f"{PATIENT}with runlore.start('ignored', capture=False) as run:\n    run.log_metric('joined', 2.0)\n"
        "    print(run.uid, run.number)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **run.env()}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [run.uid, "1"]
    assert done.stderr == ""
    copy = pickle.loads(pickle.dumps(run))
    copy.log_metric("copied", 3.0)
    run.finish()
    sync(address)  # the forked child closed nothing; its journal is left to whoever comes next
    found = runlore.get_run(run.uid, store=store_path)
    assert found.metrics == {"forked": 1.0, "joined": 2.0, "copied": 3.0}
    assert (found.status, found.experiment) == ("succeeded", "iris")
    deadline = time.monotonic() + 30  # this process looks every few seconds whether its children live
    while time.monotonic() < deadline and left_in(spool_root):
        time.sleep(0.1)
    assert left_in(spool_root) == []


def test_who_joins_is_told_the_number_also_where_the_first_process_sends_its_journal(address):
    """The shipper of the run's first process may see the journal before the one of the process that writes it."""
    program = (
        f"{PATIENT}from runlore.ship.journals import Outgoing\nOutgoing.take = lambda journal: None\n"
        "with runlore.start('ignored', capture=False) as run:\n    print(run.uid, run.number)"
    )
    with runlore.start("iris", store=address, capture=False) as run:
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **run.env()}, capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == [run.uid, "1"], done.stderr


def test_offline_nothing_is_sent_and_sync_sends_it(address, store_path, spool_root, monkeypatch):
    monkeypatch.setenv("RUNLORE_OFFLINE", "1")
    with runlore.start("iris", store=address, capture=False) as run:
        run.log_metric("loss", 1.0)
        assert run.number == 0
    assert not journals(store_path)
    monkeypatch.delenv("RUNLORE_OFFLINE")
    code, out, _ = sync(address, "--dry-run")
    assert code == 0
    assert run.uid in out
    assert not journals(store_path)
    code, out, _ = sync(address)
    assert code == 0
    assert f"iris#1  {run.uid}  sent" in out
    assert runlore.get_run(run.uid, store=store_path).number == 1
    assert left_in(spool_root) == []
    assert sync(address)[1] == "Nothing waits.\n"


def test_what_a_killed_process_left_is_sent_by_the_next_run(address, store_path):
    training = Training(address, 100_000, 0.001, RUNLORE_OFFLINE="1", RUNLORE_KEEP_SPOOL="0")
    uid = training.uid()
    training.process.kill()
    training.ended()
    with runlore.start("iris", store=address, capture=False) as run:
        assert run.number == 1
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not journals(store_path).get((uid, ""), journals_of(store_path, uid)):
            time.sleep(0.1)
    sync(address)
    assert runlore.get_run(uid, store=store_path).status == "crashed"


def journals_of(store_path, uid):
    return [path for place, path in journals(store_path).items() if place[0] == uid]


def test_the_spool_is_kept_where_that_is_wanted(address, store_path, spool_root, monkeypatch):
    monkeypatch.setenv("RUNLORE_KEEP_SPOOL", "1")
    with runlore.start("iris", store=address, capture=False) as run:
        run.log_artifact(b"x", "x")
    assert compare(spool_root, store_path) == 1
    assert sync(address)[1] == "Nothing waits.\n"
    assert runlore.get_run(run.uid, store=store_path).status == "succeeded"


def test_a_server_that_was_emptied_gets_everything_again(store_path, tmp_path, spool_root):
    from tests.ship.faulty import FaultyProxy

    from runlore.store import open_store

    other = open_store(tmp_path / "emptied", create=True).location
    with serving(store_path) as first, serving(other) as second, FaultyProxy(first, lambda _: "") as proxy:
        run = runlore.start("iris", store=proxy.address, capture=False)
        run.log_artifact(b"model", "m")
        for step in range(5000):
            run.log_metric("loss", float(step), step=step)
        assert run.number == 1
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not journals(store_path):
            time.sleep(0.05)
        proxy.target = ("127.0.0.1", int(second.rpartition(":")[2]))
        run.log_metric("loss", -1.0, step=5001)
        run.finish()
    found = runlore.get_run(run.uid, store=other)
    assert (found.number, found.status, found.metrics) == (1, "succeeded", {"loss": -1.0})
    assert found.artifact("m").read_bytes() == b"model"
    assert len(found.metric("loss")) == 5001


@pytest.mark.parametrize("store", ["http://", "https://user:pass@host", "ftp://host", "http://host?x=1", "http://a:b"])
def test_an_address_that_is_none_is_refused_at_once(store, spool_root):
    with pytest.raises(InvalidArgument, match="store"):
        runlore.start("iris", store=store)
    assert not spool_root.exists()


@pytest.mark.parametrize(("variable", "value"), [
    ("RUNLORE_OFFLINE", "yes"), ("RUNLORE_SYNC_TIMEOUT", "soon"), ("RUNLORE_SYNC_TIMEOUT", "-1"),
    ("RUNLORE_KEEP_SPOOL", "2"),
])  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_at_once(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidArgument, match=variable):
        runlore.start("iris", store="http://127.0.0.1:9")


def test_the_store_of_a_run_reads_from_the_server(address, store_path):
    with runlore.start("iris", store=address, capture=False) as run:
        run.log_metric("loss", 1.5)
        run.log_artifact(b"model", "m")
    for store in (run.store, address):
        found = runlore.get_run(run.uid, store=store)
        assert (found.number, found.status, found.metrics) == (1, "succeeded", {"loss": 1.5})
        assert found.artifact("m").read_bytes() == b"model"
    assert run.store.claim("name", "x", {"uid": run.uid})
    assert not run.store.claim("name", "x", {"uid": "other"})


def test_recording_for_a_server_loads_nothing_heavy(address, tmp_path):
    program = (
        "import sys, runlore\n"
        f"with runlore.start('iris', store={address!r}, capture=False) as run:\n"
        "    run.log_metric('loss', 1.0)\n"
        "    assert run.number == 1\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'sqlite3', 'asyncio', 'click', 'rich', 'logging', 'msgspec'}\n"
        "print(sorted(heavy & set(sys.modules)), runlore.active_run.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[]"), done.stdout


def test_files_that_the_program_writes_itself_become_artifacts(address, store_path, spool_root):
    with runlore.start("iris", store=address, capture=False) as run:
        outputs = Path(run.outputs_directory())
        assert outputs == Path(run.outputs_directory())
        (outputs / "plots").mkdir()
        (outputs / "plots" / "a.svg").write_text("<svg/>")
        (outputs / "model.bin").write_bytes(b"model")
        with runlore.start("iris", store=address, join=run.uid, capture=False) as joined:
            assert joined.outputs_directory() == str(outputs)
        assert outputs.is_dir(), "it is the run's, and not that of who joined it"
    found = runlore.get_run(run.uid, store=store_path)
    assert sorted(item.name for item in found.artifacts()) == ["outputs/model.bin", "outputs/plots/a.svg"]
    assert found.artifact("outputs/model.bin").read_bytes() == b"model"
    assert not outputs.exists()
    with pytest.raises(NotLocal):
        _ = run.path


def test_a_script_that_fails_says_so_at_the_server(address, store_path):
    program = (
        f"import runlore\nrun = runlore.start('iris', store={address!r}, capture=False)\nprint(run.uid, flush=True)\n"
        "raise ValueError('no')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert runlore.get_run(done.stdout.strip(), store=store_path).status == "failed"


def test_many_runs_in_one_process(address, store_path, spool_root):
    runs = [runlore.start("iris", store=address, capture=False) for _ in range(40)]
    for run in runs:
        run.log_metric("loss", 1.0)
    for run in runs:
        run.finish()
    assert sorted(run.number for run in runs) == list(range(1, 41))
    assert left_in(spool_root) == []
    assert len(runlore.runs(store=store_path)) == 40


PRINTS = """
import os, signal, sys, runlore
run = runlore.start("iris", store=sys.argv[1])
print("to the console"); sys.stdout.flush()
os.write(2, b"and by the descriptor\\n")
print(run.uid, file=open(sys.argv[2], "w"))
if sys.argv[3] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
run.finish()
"""


@pytest.mark.parametrize("end", ["finished", "killed"])
def test_the_console_of_the_default_captures_arrives(address, store_path, tmp_path, end):
    program = tmp_path / "prints.py"
    program.write_text(PRINTS)
    subprocess.run(
        [sys.executable, program, address, tmp_path / "uid", end],
        capture_output=True,
        check=end == "finished",
        timeout=120,
    )
    uid = (tmp_path / "uid").read_text().strip()
    deadline = time.monotonic() + 30
    while True:
        sync(address)
        lines = set(runlore.get_run(uid, store=store_path).logs())
        if lines == {"to the console", "and by the descriptor"}:
            break
        assert time.monotonic() < deadline, lines


def test_whoever_is_told_a_number_finds_the_run(address, store_path):
    runs = [runlore.start("iris", store=address, capture=False) for _ in range(20)]
    for run in runs:
        assert runlore.get_run(f"iris#{run.number}", store=store_path).uid == run.uid
        run.finish()
