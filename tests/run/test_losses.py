"""What could not be kept: it never reaches the program, is said once, and is counted whatever it was."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from sklearn.base import BaseEstimator

import runlore
from runlore.errors import InvalidArgument, NotStored, RunloreError, StoreNotFound
from runlore.media import Encoded, encode_model
from runlore.model import new_uid
from runlore.store import blobs

PRELUDE = """
import os, resource, shutil, signal, sys, threading, time
import runlore

def use_up_descriptors():
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    path = tmp_path / "store"
    monkeypatch.setenv("RUNLORE_STORE", str(path))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def run_program(store, tmp_path):
    def run_program(body, code=0, **environment):
        script = tmp_path / "program.py"
        script.write_text(PRELUDE + textwrap.dedent(body))
        done = subprocess.run(
            [sys.executable, str(script)], env={**os.environ, **environment}, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    return run_program


# -- contents ---------------------------------------------------------------------------------------------------------

LARGE = {
    "log_artifact": "run.log_artifact(bytes(3_000_000), 'big')",
    "log_artifact of a file": "run.log_artifact('big')",
    "log_artifacts": "print(run.log_artifacts('folder'))",
    "log_text": "run.log_text('x' * 3_000_000, 'big')",
    "log_table": "import numpy as np; run.log_table({'x': np.random.default_rng(0).random(400_000)}, 'big')",
    "log_html": "run.log_html('x' * 3_000_000, 'big')",
    "log_audio": "import numpy as np; run.log_audio(np.random.default_rng(0).random(900_000), 'big', sample_rate=8)",
    "log_model": (
        "import numpy as np; from sklearn.neighbors import KNeighborsRegressor;"
        "x = np.random.default_rng(0).random((50_000, 8)); run.log_model(KNeighborsRegressor().fit(x, x), 'big')"
    ),
}


NEEDS = {"log_audio": "soundfile", "log_model": "skops"}


@pytest.mark.parametrize("call", LARGE)
def test_contents_that_find_no_room_are_counted_said_once_and_found(call, run_program, store, tmp_path):
    if call in NEEDS:
        pytest.importorskip(NEEDS[call], reason=f"{call} needs {NEEDS[call]}: pip install 'runlore[media,models]'")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "big", tmp_path / "folder" / "big"):
        place.write_bytes(bytes(3_000_000))
    done = run_program(f"""
        run = runlore.start("e")
        resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, 800_000))
        {LARGE[call]}
        run.log_text("small", "small")
        assert run.lost == 1, run.lost
    """)
    assert done.stderr.count("could not be kept: File too large") == 1
    view = runlore.get_run("e#1")
    assert (view.status, view.lost) == ("succeeded", 1)
    assert [item.name for item in view.artifacts()] == ["small"]
    assert [event.value["reason"] for event in view.events("lost") if event.key != "records"] == ["File too large"]
    assert runlore.runs("lost > 0")["run"].tolist() == [1]
    assert done.stdout == ("0\n" if call == "log_artifacts" else "")
    shown = subprocess.run([sys.executable, "-m", "runlore", "show", "e#1"], capture_output=True, text=True, check=True)
    assert re.search(r"lost\n +records +1 could not be kept", shown.stdout)


def test_many_losses_of_one_kind_are_said_once(run_program):
    done = run_program("""
        with runlore.start("e") as run:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            for step in range(50):
                run.log_artifact(os.urandom(300_000), "sample", step=step)
    """)
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert runlore.get_run("e#1").lost == 50


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("shutil.rmtree(blobs); open(blobs, 'w').close()", "Not a directory"),
        ("shutil.rmtree(blobs); os.symlink('/nonexistent/place', blobs)", "No such file or directory"),
    ],
)
def test_a_place_for_contents_that_is_none(run_program, spoil, reason):
    done = run_program(f"""
        with runlore.start("e") as run:
            run.log_text("first", "first")
            blobs = os.path.join(run.store.root, "blobs")
            {spoil}
            run.log_text("second", "second")
    """)
    assert "artifact 'second'" in done.stderr
    assert reason in done.stderr
    assert runlore.get_run("e#1").lost == 1


def test_a_directory_of_contents_that_was_removed_is_made_again(store):
    with runlore.start("e") as run:
        run.log_text("first", "first")
        shutil.rmtree(store / "blobs")
        run.log_text("second", "second")
    assert runlore.get_run("e#1").lost == 0
    assert runlore.get_run("e#1").artifact("second").read_text() == "second"


def test_a_file_that_cannot_be_read_is_a_loss(store, capfd):
    """The kernel refuses to read the start of this one: an I/O error."""
    with runlore.start("e") as run:
        run.log_artifact("/proc/self/mem")
    assert "artifact 'mem'" in capfd.readouterr().err
    assert runlore.get_run("e#1").lost == 1
    assert not [name for name in os.listdir(store / "blobs") if name.endswith(".tmp")]


# -- what is no file --------------------------------------------------------------------------------------------------


def make_special(place):
    import socket

    os.mkfifo(place / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "socket"))


@pytest.mark.parametrize(("name", "kind"), [("pipe", "a pipe"), ("socket", "a socket"), ("/dev/null", "a device")])
def test_what_is_no_file_is_refused_without_waiting(store, tmp_path, name, kind):
    make_special(tmp_path)
    with runlore.start("e") as run, pytest.raises(InvalidArgument, match=f"{name}.*{kind}"):
        run.log_artifact(name)
    assert (run.lost, runlore.get_run("e#1").artifacts()) == (0, [])


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgument, match="a pipe"):
        blobs.put_file(str(tmp_path), str(tmp_path / "pipe"))


def test_a_file_that_grows_is_copied_as_it_was(store, tmp_path, monkeypatch):
    """It grows between the look at its size and the end of the copying."""
    path = tmp_path / "log.txt"
    path.write_bytes(b"a" * 3_000_000)

    def grow():
        with path.open("ab") as file:
            file.write(b"b" * 3_000_000)
        return "0" * 32

    monkeypatch.setattr(blobs, "new_uid", grow)
    with runlore.start("e") as run:
        run.log_artifact(path)
    assert runlore.get_run("e#1").artifact("log.txt").read_bytes() == b"a" * 3_000_000


def test_files_that_say_that_they_are_empty_are_kept(store):
    with runlore.start("e") as run:
        run.log_artifact("/proc/self/status")
    assert "Name:" in runlore.get_run("e#1").artifact("status").read_text()


# -- directories ------------------------------------------------------------------------------------------------------


def test_a_directory_with_everything_in_it(store, tmp_path):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.txt").write_text("a")
    for name in ("back\\slash", "line\nbreak", os.fsdecode(b"\xff\xfe"), " "):
        (folder / name).write_text(name, errors="surrogateescape")
    (folder / "link.txt").symlink_to(folder / "inner" / "a.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "self").symlink_to(folder)
    (folder / "inner" / "broken").symlink_to("nowhere")
    make_special(folder)
    with runlore.start("e") as run, pytest.warns(UserWarning, match=r"kept all other files") as warned:
        assert run.log_artifacts(folder, "x/y/") == 6
    assert len(warned) == 1
    for named in (
        "'up' (a link to a directory)", "'self' (a link to a directory)", "'inner/broken' (a broken link)",
        "'pipe' (a pipe)", "'socket' (a socket)",
    ):  # fmt: skip
        assert named in str(warned[0].message)
    assert warned[0].filename == __file__
    view = runlore.get_run("e#1")
    assert view.lost == 0
    kept = {item.name for item in view.artifacts()}
    assert {"x/y/inner/a.txt", "x/y/link.txt", "x/y/back\\slash", "x/y/line\nbreak", "x/y/ "} < kept
    assert view.artifact("x/y/link.txt").read_text() == "a"
    target = view.artifact("x/y/line\nbreak").download(tmp_path / "copies")
    assert os.path.dirname(target) == str(tmp_path / "copies" / "x" / "y")
    assert "\n" not in target


def test_a_file_with_any_name_is_kept_under_it(store, tmp_path):
    (tmp_path / "a\\b\n").write_text("x")
    with runlore.start("e") as run:
        run.log_artifact(tmp_path / "a\\b\n")
    assert [item.name for item in runlore.get_run("e#1").artifacts()] == ["a\\b\n"]


def test_a_file_that_vanishes_is_a_loss_and_the_others_are_kept(store, tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)

    def remove_another():
        (folder / "b").unlink(missing_ok=True)
        return new_uid()

    monkeypatch.setattr(blobs, "new_uid", remove_another)
    with runlore.start("e") as run:
        assert run.log_artifacts(folder) == 2
    assert (run.lost, runlore.get_run("e#1").lost) == (1, 1)


# -- a store that is deleted ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["mmap", "write"])
@pytest.mark.parametrize("more", [0, 5, 5000])
def test_a_store_that_is_deleted_meanwhile(run_program, store, mode, more):
    done = run_program(
        f"""
        run = runlore.start("e", params={{"a": 1, "b": 2}})
        for step in range(3000):
            run.log_metric("loss", 1.0, step)
            run.log_metrics({{"a": 1.0, "b": 2.0}}, step)
        run.log_event("note", "long", "x" * 3_000_000)
        assert run.lost == 0
        shutil.rmtree(run.store.root)
        for step in range({more}):
            run.log_metric("loss", 1.0, step)
        run.log_text("kept nowhere")
        print(run.lost)
        run.finish()
        print(run.lost)
        """,
        RUNLORE_JOURNAL=mode,
    )
    before = 1 + 2 + 6000 + 1 + more + 1
    assert done.stdout.split() == [str(before), str(before + 1)], "the stop event is gone, too"
    assert done.stderr.count("deleted while it was written") == 1
    assert len(done.stderr.splitlines()) <= 3
    assert not store.exists(), "it does not come back"


def test_a_run_whose_store_is_moved_loses_nothing(store, tmp_path):
    with runlore.start("e") as run:
        run.log_metric("m", 1.0)
        store.rename(tmp_path / "other")
        for step in range(5000):
            run.log_metric("m", 1.0, step)
    assert run.lost == 0
    assert runlore.get_run("e#1", store=tmp_path / "other").points == 5001


# -- no descriptor left -----------------------------------------------------------------------------------------------

COLD = {
    "log_text": "run.log_text('x')",
    "log_artifact": "run.log_artifact(b'x', 'x')",
    "log_table": "run.log_table({'a': [1]})",
    "log_html": "run.log_html('<b>x</b>')",
    "log_histogram": "run.log_histogram([1.0])",
    "log_curve": "run.log_curve([1], [2])",
    "log_roc": "run.log_roc([0, 1], [0.1, 0.2])",
    "log_confusion_matrix": "run.log_confusion_matrix([1], [1])",
    "log_image": "run.log_image([[0.5]])",
    "log_figure": "run.log_figure(object())",
    "log_audio": "run.log_audio([0.5], sample_rate=8000)",
    "log_model": "run.log_model(object())",
    "log_data_ref": "run.log_data_ref([1, 2])",
    "log_system": "run.log_system()",
    "log_artifacts": "run.log_artifacts(os.path.dirname(__file__))",
}


@pytest.mark.parametrize("call", COLD)
def test_without_a_descriptor_left_the_first_call_of_each_is_a_loss(run_program, call):
    done = run_program(f"""
        run = runlore.start("e")
        use_up_descriptors()
        {COLD[call]}
        run.log_params({{"a": {{"b": 1}}}})
        run.log_metrics({{"m": 1.0}})
        run.set_tags({{"t": "u"}})
        run.log_span("span", 1, 2)
        run.alert("look")
        print(run.lost)
        run.finish()
    """)
    assert done.stdout == "1\n"
    assert done.stderr.count("Too many open files") == 1
    view = runlore.get_run("e#1")
    assert (view.status, view.lost, view.params, view.metrics) == ("succeeded", 1, {"a/b": 1}, {"m": 1.0})


@pytest.mark.parametrize("capture", ["0", "1"])
@pytest.mark.parametrize("block", [True, False])
def test_without_a_descriptor_left_the_programs_own_exception_is_what_its_user_sees(run_program, capture, block):
    head = "with runlore.start('e') as run:" if block else "if runlore.start('e'):"
    done = run_program(
        f"""
        {head}
            runlore.active_run().log_metric("m", 1.0)
            use_up_descriptors()
            raise LookupError("the program's own")
        """,
        code=1,
        RUNLORE_CAPTURE=capture,
    )
    assert done.stderr.splitlines()[-1] == "LookupError: the program's own"
    assert "During handling" not in done.stderr
    view = runlore.get_run("e#1")
    assert (view.status, view.metrics["m"]) == ("failed", 1.0)
    assert (view.exit["exception"], view.exit["message"]) == ("LookupError", "the program's own")


def test_at_the_interpreters_shutdown_nothing_is_raised(run_program):
    done = run_program("""
        class Late:
            def __del__(self):
                run.log_text("late")
                run.log_table({"a": [1]})
        run = runlore.start("e")
        runlore.run.ends.forget(run)  # or it would have ended
        late = Late()
        late.itself = late
    """)
    assert "Traceback" not in done.stderr


def test_a_run_that_cannot_start_without_descriptors_says_what_to_do(run_program):
    done = run_program("runlore.start('other').finish(); use_up_descriptors(); runlore.start('e')", code=1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("runlore.errors.NotStored: the run cannot be started: Too many open files")
    assert "ulimit -n" in last
    assert len(runlore.runs()) == 1


# -- places that are gone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [None, ".runlore", "some/where"])
def test_a_working_directory_that_was_deleted(tmp_path, monkeypatch, place):
    monkeypatch.delenv("RUNLORE_STORE", raising=False)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for call in (runlore.start, runlore.resume, runlore.experiment):
        with pytest.raises(StoreNotFound, match=r"working directory, which was deleted.*RUNLORE_STORE"):
            call("e", store=place)
    with runlore.start("e", store=tmp_path / "store", capture=False) as run:
        with pytest.raises(FileNotFoundError, match="the working directory was deleted"):
            run.log_artifact("model.bin")
        run.log_metric("m", 1.0)
    assert run.lost == 0


def test_a_directory_that_cannot_be_made_is_a_clear_error(store):
    with runlore.start("e") as run:
        shutil.rmtree(store)
        store.write_text("")
        with pytest.raises(NotStored, match="outputs"):
            run.outputs_directory()
        with pytest.raises(RunloreError, match="cannot be started"):
            runlore.start("e", store=run.store)


# -- what the program's own code raises -------------------------------------------------------------------------------


class Alarm(TimeoutError):
    pass


@pytest.fixture
def alarm():
    """Arm the alarm; what its handler raises is an argument."""

    def arm(error, seconds=0.05):
        def handler(number, frame):
            raise error

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.getsignal(signal.SIGALRM)
    yield arm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "error",
    [TimeoutError("too slow"), TimeoutError(110, "timed out"), Alarm("mine"), BrokenPipeError(32, "pipe"), OSError()],
)
@pytest.mark.parametrize("call", ["log_artifact", "log_text", "log_encoded", "log_model"])
def test_an_alarm_of_the_programs_own_goes_through(store, alarm, error, call):
    class Model(BaseEstimator):
        def predict(self, rows):
            time.sleep(5)

    large = bytes(400_000_000)
    calls = {
        "log_artifact": lambda run: run.log_artifact(large, "x"),
        "log_text": lambda run: run.log_text("x" * 400_000_000, "x"),
        "log_encoded": lambda run: run.log_encoded(
            Encoded(data=large, media_type="x/y", suffix=".x", kind="text"), "x"
        ),
        "log_model": lambda run: run.log_model(Model(), "x", example=[[1.0]]),
    }
    with runlore.start("e") as run:
        assert encode_model is not None, "imported by now: imports swallow some errors"
        with pytest.raises(type(error)) as raised:  # noqa: PT012 - on a busy machine it goes off before the call begins
            alarm(error)
            calls[call](run)
        assert raised.value is error
    view = runlore.get_run("e#1")
    assert (view.lost, view.artifacts()) == (0, [])
    assert not [name for name in os.listdir(store) if name.endswith(".tmp")]


@pytest.mark.parametrize("mode", ["mmap", "write"])
@pytest.mark.parametrize("error", [TimeoutError("too slow"), OSError(5, "own")])
def test_an_alarm_goes_through_while_a_journal_grows(store, monkeypatch, mode, error):
    """It arrives in the system call that makes room, or writes."""
    monkeypatch.setenv("RUNLORE_JOURNAL", mode)
    name = {"mmap": "posix_fallocate", "write": "pwrite"}[mode]
    real = getattr(os, name)

    def handler(number, frame):
        raise error

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGALRM)
        return real(*arguments)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with runlore.start("e") as run:
            monkeypatch.setattr(os, name, interrupted)
            with pytest.raises(OSError) as raised:
                run.log_event("note", "n", "x" * 1_000_000)
            assert raised.value is error
            monkeypatch.setattr(os, name, real)
            run.log_event("note", "n", "after")
    finally:
        signal.signal(signal.SIGALRM, before)
    view = runlore.get_run("e#1")
    assert (view.lost, view.damage, [event.value for event in view.events("note")]) == (0, [], ["after"])


def test_what_an_object_raises_goes_through(store):
    class Broken:
        def __array__(self, *_, **__):
            raise OSError(28, "the object's own")

    with runlore.start("e") as run:
        with pytest.raises(OSError, match="the object's own"):
            run.log_image(Broken())
        run.log_metric("m", 1.0)
    assert run.lost == 0
