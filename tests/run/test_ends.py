"""How runs end, whatever the program does. Each case is a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import runlore

PRELUDE = """
import os, signal, sys, threading, time
import runlore
"""


def run_program(tmp_path, body, *, timeout=60, **options):
    script = tmp_path / "program.py"
    script.write_text(PRELUDE + textwrap.dedent(body))
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store"), "RUNLORE_CAPTURE": "0"}
    return subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **options,
    )


def only_run(tmp_path, experiment="e"):
    return runlore.experiment(experiment, store=tmp_path / "store").run(-1)


CASES = {
    "normal": ("r = runlore.start('e'); r.log_metric('m', 1)", "succeeded", 0),
    "finish": ("r = runlore.start('e'); r.finish('failed')", "failed", 0),
    "exception": ("r = runlore.start('e'); raise ValueError('boom')", "failed", 1),
    "with_exception": ("with runlore.start('e'): raise ValueError('boom')", "failed", 1),
    "exit_0": ("r = runlore.start('e'); sys.exit(0)", "succeeded", 0),
    "exit_none": ("r = runlore.start('e'); sys.exit()", "succeeded", 0),
    "exit_3": ("r = runlore.start('e'); sys.exit(3)", "failed", 3),
    "exit_of_main_3": ("def main():\n  r = runlore.start('e'); return 3\nsys.exit(main())", "failed", 3),
    "exit_of_main_0": ("def main():\n  r = runlore.start('e'); return 0\nsys.exit(main())", "succeeded", 0),
    "exit_of_main_none": ("def main():\n  r = runlore.start('e')\nsys.exit(main())", "succeeded", 0),
    "exit_of_main_text": ("def main():\n  r = runlore.start('e'); return 'no'\nsys.exit(main())", "failed", 1),
    "exit_imported": ("from sys import exit\nr = runlore.start('e'); exit(3)", "failed", 3),
    "exit_of_site_3": ("r = runlore.start('e'); exit(3)", "failed", 3),
    "quit_of_main_2": ("def main():\n  r = runlore.start('e'); return 2\nquit(main())", "failed", 2),
    "exit_of_site_0": ("r = runlore.start('e'); exit()", "succeeded", 0),
    "exit_of_site_caught": ("r = runlore.start('e')\ntry: exit(3)\nexcept SystemExit: pass", "succeeded", 0),
    "exit_of_main_caught": (
        "def main():\n  r = runlore.start('e'); return 3\ntry: sys.exit(main())\nexcept SystemExit: pass",
        "succeeded",
        0,
    ),
    "exit_text": ("r = runlore.start('e'); sys.exit('no data')", "failed", 1),
    "with_exit_3": ("with runlore.start('e'): sys.exit(3)", "failed", 3),
    "with_raise_system_exit": ("with runlore.start('e'): raise SystemExit(4)", "failed", 4),
    "exit_caught": ("r = runlore.start('e')\ntry: sys.exit(3)\nexcept SystemExit: pass", "succeeded", 0),
    "exit_in_thread": (
        "r = runlore.start('e')\nt = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()", "succeeded", 0,
    ),
    "keyboard_interrupt": ("r = runlore.start('e'); os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", "stopped", -2),
    "with_keyboard_interrupt": ("with runlore.start('e'): raise KeyboardInterrupt", "stopped", -2),
    "sigterm": ("r = runlore.start('e'); os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)", "stopped", -15),
    "os_exit": ("r = runlore.start('e'); r.log_metric('m', 1); os._exit(0)", "crashed", 0),
    "kill_9": ("r = runlore.start('e'); r.log_metric('m', 1); os.kill(os.getpid(), 9)", "crashed", -9),
    "terminal_status_wins": ("r = runlore.start('e'); r.log_status('stopped'); raise ValueError", "stopped", 1),
    "first_finish_wins": ("r = runlore.start('e'); r.finish('stopped'); r.finish('failed')", "stopped", 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_status_and_exit_code(tmp_path, case):
    body, status, code = CASES[case]
    done = run_program(tmp_path, body)
    assert done.returncode == code, done.stderr
    assert only_run(tmp_path).status == status


def test_an_exception_leaves_type_message_and_traceback_and_is_still_printed(tmp_path):
    done = run_program(tmp_path, "def f():\n    raise ValueError('boom')\nr = runlore.start('e')\nf()")
    exit_ = only_run(tmp_path).exit
    assert (exit_["exception"], exit_["message"]) == ("ValueError", "boom")
    assert "in f" in exit_["traceback"]
    assert "ValueError: boom" in done.stderr


def test_hooks_that_were_there_before_still_run(tmp_path):
    done = run_program(
        tmp_path,
        """
        sys.excepthook = lambda *a: print("my hook", flush=True)
        r = runlore.start('e')
        raise ValueError
        """,
    )
    assert done.stdout == "my hook\n"
    assert only_run(tmp_path).status == "failed"


def test_a_sigterm_handler_that_was_there_before_decides(tmp_path):
    done = run_program(
        tmp_path,
        """
        def graceful(number, frame):
            print("saving", flush=True)
            sys.exit(7)
        signal.signal(signal.SIGTERM, graceful)
        r = runlore.start('e')
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        """,
    )
    assert (done.stdout, done.returncode) == ("saving\n", 7)
    assert only_run(tmp_path).status == "stopped"


def test_an_ignored_sigterm_stays_ignored(tmp_path):
    done = run_program(
        tmp_path,
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        r = runlore.start('e')
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    assert done.returncode == 0
    assert only_run(tmp_path).status == "succeeded"


def test_every_open_run_ends_with_an_exception(tmp_path):
    run_program(tmp_path, "a = runlore.start('e'); b = runlore.start('e'); c = runlore.start('e'); c.finish(); 1 / 0")
    statuses = [run.status for run in runlore.experiment("e", store=tmp_path / "store")]
    assert statuses == ["failed", "failed", "succeeded"]


def test_a_forked_child_that_exits_does_not_end_its_parents_run(tmp_path):
    run_program(
        tmp_path,
        """
        r = runlore.start('e')
        pid = os.fork()
        if pid == 0:
            r.log_metric('child', 1.0)
            sys.exit(3)
        os.waitpid(pid, 0)
        r.log_metric('parent', 1.0)
        """,
    )
    run = only_run(tmp_path)
    assert run.status == "succeeded"
    assert run.metrics == {"child": 1.0, "parent": 1.0}


def test_an_orphan_does_not_keep_a_dead_run_alive(tmp_path):
    script = """
        r = runlore.start('e')
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        r.log_metric('m', 1.0)
        os.kill(os.getpid(), 9)
    """
    done = run_program(
        tmp_path,
        "import subprocess\n"
        + textwrap.dedent(script).replace("time.sleep(20)", "os.close(1); os.close(2); time.sleep(3)"),
    )
    assert done.returncode == -9
    assert only_run(tmp_path).status == "crashed"


def test_a_living_run_is_running_and_a_killed_one_crashed(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        PRELUDE + "r = runlore.start('e'); r.log_metric('m', 1.0); print('up', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store"), "RUNLORE_CAPTURE": "0"}
    with subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        run = only_run(tmp_path)
        assert (run.status, run.liveness, run.metrics) == ("running", "lock", {"m": 1.0})
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 60
        while run.refresh().status == "running" and time.monotonic() < deadline:
            time.sleep(0.05)
    assert run.status == "crashed"
    assert run.ended_ns == run.updated_ns


def test_sigterm_is_caught_only_while_a_run_is_open_and_never_in_a_child(tmp_path):
    done = run_program(
        tmp_path,
        """
        def handler():
            return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        before = handler()
        r = runlore.start('e')
        during = handler()
        pid = os.fork()
        if pid == 0:
            os._exit(10 + handler())
        child = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        s = runlore.start('e')
        r.finish()
        still = handler()
        s.finish()
        print(before, during, child, still, handler())
        """,
    )
    assert done.stdout == "True False 11 False True\n"


def test_a_pool_whose_workers_record_runs_ends(tmp_path):
    done = run_program(
        tmp_path,
        """
        import multiprocessing

        def work(number):
            with runlore.start('e'):
                return number

        with multiprocessing.get_context('fork').Pool(16) as pool:
            print(sum(pool.map(work, range(64))))
        """,
        timeout=30,
    )
    assert done.stdout == "2016\n"
    assert len(runlore.experiment("e", store=tmp_path / "store")) == 64
