"""`exec` as a shell sees it: real programs, real signals, a real terminal."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager

import processes
import pytest

import runlore


def view(name: str):
    return runlore.get_run(f"{name}#-1")


def test_a_program_is_a_run(store):
    done = processes.run(
        "exec", "-e", "ex/one", "--name", "first", "-p", "lr=0.1", "-p", "opt=adam", "-p", "on=true",
        "-t", "tagged", "-t", "a=b=c", "--", "sh", "-c", "echo out; echo err >&2",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    run = view("ex/one")
    assert (run.status, run.name, run.exit) == ("succeeded", "first", {"exit_code": 0})
    assert run.params == {"lr": 0.1, "opt": "adam", "on": True}
    assert run.tags == {"tagged": "", "a": "b=c"}
    assert sorted((event.key, event.value) for event in run.events("log")) == [("stderr", "err"), ("stdout", "out")]
    (about,) = [event.value for event in run.events("capture") if event.key == "command"]
    assert about["argv"] == ["sh", "-c", "echo out; echo err >&2"]
    assert any(key.startswith("system/") for key in run.data(event="metric")["key"])


@pytest.mark.parametrize(("script", "code", "status"), [("exit 3", 3, "failed"), ("exit 0", 0, "succeeded"),
                                                        ("kill -SEGV $$", 139, "failed"), ("kill -9 $$", 137, "failed"),
                                                        ("kill -TERM $$", 143, "stopped")])  # fmt: skip
def test_exit_codes_are_passed_on(store, script, code, status):
    done = processes.run("exec", "--", "sh", "-c", script)
    assert done.returncode == code
    run = view("sh")
    assert (run.status, run.exit["exit_code"]) == (status, code)


def test_options_behind_the_command_are_the_commands(store):
    done = processes.run("exec", "echo", "--name", "x", "-e", "--json")
    assert done.stdout == "--name x -e --json\n"
    assert view("echo").name is None


def test_what_cannot_be_started(store, tmp_path):
    script = tmp_path / "script"
    script.write_text("no program")
    done = processes.run("exec", "--", script)
    assert (done.returncode, done.stderr) == (126, f"runlore: '{script}' cannot be executed\n")
    assert processes.run("exec", "--", "no-such-command").returncode == 127
    assert not os.path.exists(store), "nothing was recorded"
    script.chmod(0o755)
    done = processes.run("exec", "--", script)
    assert done.returncode == 126
    assert view("script").status == "failed"
    assert processes.run("exec", "-p", "novalue", "--", "true").returncode == 2
    assert processes.run("exec", "-e", "../x", "--", "true").returncode == 2


@contextmanager
def heeded(number):
    """Have programs heed a signal, also where the tests run under `nohup` or in the background of a script."""
    before = signal.getsignal(number)
    if before is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
    yield number
    signal.signal(number, before)


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def number(request):
    with heeded(request.param) as number:
        yield number


@pytest.fixture
def terminal_interrupts():
    with heeded(signal.SIGINT):
        yield


def test_signals_reach_the_program_once(store, number):
    program = (
        "import signal, sys, time\n"
        "got = []\n"
        f"signal.signal({int(number)}, lambda n, f: got.append(n))\n"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.1)\n"
        "print('got', len(got), flush=True)\n"
        "sys.exit(5)\n"
    )
    with processes.spawn("exec", "-e", "s", "--", sys.executable, "-c", program) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "got 1\n"
        assert process.wait() == 5
    run = view("s")
    assert (run.status, run.exit["signal"]) == ("stopped", number.name)


def test_the_programs_children_get_the_signal_too(store):
    with processes.spawn("exec", "-e", "s", "--", "sh", "-c", "sleep 60 & echo $!; wait") as process:
        child = int(process.stdout.readline())
        process.terminate()
        assert process.wait() == 143
    processes.until(lambda: not os.path.exists(f"/proc/{child}") or _state(child) == "Z")


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_a_python_program_joins_the_run(store, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import runlore\n"
        "with runlore.start('its own', params={'a': 1}) as run:\n"
        "    run.log_metric('loss', 0.5, step=1)\n"
        "    print('trained')\n"
    )
    assert processes.run("exec", "-e", "joined", "--", sys.executable, script).returncode == 0
    run = view("joined")
    assert (run.status, run.params, run.metrics["loss"]) == ("succeeded", {"a": 1}, 0.5)
    assert list(run.logs()) == ["trained"], "recorded once, not by both"
    assert len(runlore.runs()) == 1


def test_a_failure_of_the_program_that_joined_is_known(store):
    program = "import runlore; run = runlore.start('x'); run.log_metric('a', 1); raise ValueError('no')"
    assert processes.run("exec", "-e", "joined", "--", sys.executable, "-c", program).returncode == 1
    run = view("joined")
    assert run.status == "failed"
    assert "ValueError: no" in "\n".join(run.logs())


def test_captures_can_be_off(store):
    options = {"env": processes.environment(RUNLORE_CAPTURE="0", RUNLORE_STORE=store)}
    import subprocess

    subprocess.run(processes.command("exec", "--", "echo", "x"), check=True, stdout=subprocess.DEVNULL, **options)
    assert list(view("echo").logs()) == []


def test_secrets_in_arguments_are_not_kept(store):
    processes.run("exec", "--", "true", "--password", "hunter2hunter2", "API_TOKEN=abcdefgh12345678")
    (about,) = [event.value for event in view("true").events("capture") if event.key == "command"]
    assert "hunter2" not in str(about)
    assert "abcdefgh1234" not in str(about)


# -- on a terminal --------------------------------------------------------------------------------------------------

CHECK = "import sys; print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(), input('name? '))"


def test_the_terminal_stays_a_terminal(store):
    terminal = processes.Terminal("exec", "-e", "tty", "--", sys.executable, "-c", CHECK)
    terminal.read_until("name? ")
    terminal.type("ann\n")
    assert terminal.wait() == 0
    assert "True True True ann" in terminal.text
    assert "True True True ann" in "\n".join(view("tty").logs())


@pytest.mark.usefixtures("terminal_interrupts")
def test_ctrl_c_reaches_the_program_once(store):
    program = (
        "import signal, sys, time\n"
        "count = 0\n"
        "def handle(n, f):\n"
        "    global count\n"
        "    count += 1\n"
        "signal.signal(signal.SIGINT, handle)\n"
        "print('ready', flush=True)\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "print('count', count, flush=True)\n"
        "sys.exit(7)\n"
    )
    terminal = processes.Terminal("exec", "-e", "tty", "--", sys.executable, "-c", program)
    terminal.read_until("ready")
    terminal.type("\x03")
    assert terminal.wait() == 7
    assert "count 1" in terminal.text
    assert (view("tty").status, view("tty").exit["signal"]) == ("stopped", "SIGINT")


@pytest.mark.usefixtures("terminal_interrupts")
def test_ctrl_c_as_python_takes_it(store):
    terminal = processes.Terminal(
        "exec", "-e", "tty", "--", sys.executable, "-c", "print('ready', flush=True); input()"
    )
    terminal.read_until("ready")
    terminal.type("\x03")
    assert terminal.wait() in (130, -2, 1)
    assert "KeyboardInterrupt" in terminal.text
    assert view("tty").status == "stopped"


def test_stopping_and_going_on(store):
    """Ctrl-Z stops the program and `exec` itself, as the shell expects; `fg` lets both go on."""
    program = "import time; print('ready', flush=True); time.sleep(0.4); print('went on', flush=True)"
    terminal = processes.Terminal("exec", "-e", "tty", "--", sys.executable, "-c", program)
    terminal.read_until("ready")
    os.kill(terminal.pid, signal.SIGTSTP)
    processes.until(lambda: _state(terminal.pid) == "T")
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.read_until("went on")
    assert terminal.wait() == 0
    assert view("tty").status == "succeeded"


# -- dialects -------------------------------------------------------------------------------------------------------


def test_a_script_of_another_tracker(store, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import sys, omegaml\nprint(omegaml.__name__, sys.argv[1:], sys.flags.dont_write_bytecode)\n")
    done = processes.run("exec", "--dialect", "omegaml", script, "--lr", "1")
    assert (done.returncode, done.stdout) == (0, "omegaml ['--lr', '1'] 1\n"), done.stderr
    done = processes.run("exec", "--dialect", "omegaml", "--", sys.executable, script)
    assert done.stdout == "omegaml [] 1\n"
    assert not os.path.exists(store), "no run around it"


def test_a_script_of_another_tracker_within_a_run(store, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import omegaml, sys; sys.exit(9)\n")
    done = processes.run("exec", "--dialect", "omegaml", "-e", "around", script)
    assert done.returncode == 9, done.stderr
    assert view("around").status == "failed"


def test_dialects_that_cannot_be(store):
    assert "choose from" in processes.run("exec", "--dialect", "klingon", "x.py").stderr
    assert processes.run("exec", "--dialect", "omegaml", "--", "python", "-c", "1").returncode == 2
    assert "--experiment" in processes.run("exec", "--dialect", "omegaml", "--name", "x", "x.py").stderr
