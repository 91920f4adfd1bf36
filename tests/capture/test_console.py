"""Console capture with real programs, pipes, pseudo-terminals and kills."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runlore.capture import console
from runlore.journal.decode import read

SOURCE = str(Path(console.__file__).parents[2])
PROGRAM = f"""
import os, sys, time, signal, subprocess
sys.path.insert(0, {SOURCE!r})
from runlore.capture.console import ConsoleCapture
class Sink:
    uid = "0" * 32
    journal_directory = sys.argv[1]
    events = []
    def event(self, kind, key, value, **extra): self.events.append((kind, key, value))
sink = Sink()
capture = ConsoleCapture(sink)
waits = False
def wait_for_forwarder():
    # Wait until the forwarder is up. From then on, it is the forwarder that has passed output on when a run ends.
    global waits
    waits = True
    from runlore.capture import _process
    deadline = time.monotonic() + 20
    while _process._unreaped:
        assert time.monotonic() < deadline
        time.sleep(0.005)
        _process.reap()
def stop():
    import select
    if waits:
        sys.stdout.flush()
        deadline = time.monotonic() + 0.5
        while capture._line and select.select([capture._line._token[0]], [], [], 0)[0] and time.monotonic() < deadline:
            time.sleep(0.005)
    capture.stop()
    import json
    from runlore.journal import open_journal
    writer = open_journal(sink.journal_directory, sink.uid)
    for kind, key, value in sink.events: writer.event(kind, key, value)
    writer.close()
{{before}}
capture.start()
{{body}}
"""


@pytest.fixture
def journals(tmp_path):
    directory = tmp_path / "journal"
    directory.mkdir()
    return directory


def command(journals, body, before="", *, ready=True):
    body = f"wait_for_forwarder()\n{body}" if ready else body
    program = PROGRAM.replace("{before}", before).replace("{body}", body)
    return [sys.executable, "-c", program, str(journals)]


def run(journals, body, before="", *, ready=True, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run(command(journals, body, before, ready=ready), check=False, **options)


def run_on_terminal(journals, body, before="", *, ready=True, typed=b"", kill=None):
    """Run with a terminal as all three streams; returns what the terminal showed and the exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        argv = command(journals, body, before, ready=ready)
        os.execv(argv[0], argv)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the last writer is gone
        while select.select([terminal], [], [], 60)[0]:
            data = os.read(terminal, 65536)
            if not data:
                break
            shown += data
            if typed and b"? " in shown:
                os.write(terminal, typed)
                typed = b""
    os.close(terminal)
    return shown.replace(b"\r\n", b"\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def recorded(journals, key=None, *, kind="log"):
    """The recorded lines, over all journals of the run, by time."""
    events = [event for path in journals.glob("*.rlj") for event in read(str(path)).events]
    events = [event for event in events if event.kind == kind and key in (None, event.key)]
    return [line for event in sorted(events, key=lambda e: e.time_ns) for line in event.value.split("\n")]


@pytest.fixture(params=[True, False], ids=["forwarder", "short run"])
def ready(request):
    return request.param


def test_both_streams_and_children_reach_their_places_and_the_record(journals, ready):
    body = "print('out'); print('err', file=sys.stderr); os.system('echo child; echo child err >&2')"
    body += "; stop(); print('after')"
    done = run(journals, body, "print('before', flush=True)", ready=ready)
    assert done.stdout == b"before\nout\nchild\nafter\n" or sorted(done.stdout.split()) == [
        b"after",
        b"before",
        b"child",
        b"out",
    ]
    assert done.stderr == b"err\nchild err\n"
    assert done.stdout.endswith(b"after\n")
    assert sorted(recorded(journals, "stdout")) == ["child", "out"]
    assert recorded(journals, "stderr") == ["err", "child err"]


def test_what_goes_to_one_place_keeps_its_order(journals, ready):
    body = "for i in range(300):\n    os.write(1 + i % 2, b'%d\\n' % i)\nstop()"
    done = run(journals, body, ready=ready, stderr=subprocess.STDOUT)
    assert done.stdout.split() == [b"%d" % i for i in range(300)]
    assert recorded(journals) == [str(i) for i in range(300)]


def test_a_terminal_stays_a_terminal(journals, ready):
    body = (
        "print(sys.stdout.isatty(), os.isatty(1), os.isatty(2), sys.stdout.encoding, os.get_terminal_size(1).columns)\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(os.isatty(1))'])\n"
        "print('\\x1b[31mred\\x1b[0m')\nstop()"
    )
    before = "import fcntl, termios, struct; fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('4H', 33, 77, 0, 0))"
    shown, code = run_on_terminal(journals, body, before, ready=ready)
    assert code == 0
    assert shown == b"True True True utf-8 77\nTrue\n\x1b[31mred\x1b[0m\n"
    assert recorded(journals) == ["True True True utf-8 77", "True", "red"]


def test_a_changed_window_size_is_followed(journals):
    body = (
        "import fcntl, termios, struct\nseen = []\nsignal.signal(signal.SIGWINCH, lambda *_: seen.append(1))\n"
        "time.sleep(0.7)\n"
        "fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('4H', 20, 55, 0, 0))\n"
        "deadline = time.monotonic() + 20\n"
        "while os.get_terminal_size(1).columns != 55 and time.monotonic() < deadline: time.sleep(0.02)\n"
        "time.sleep(0.1)\nprint(os.get_terminal_size(1).columns, bool(seen))\nstop()"
    )
    shown, _ = run_on_terminal(journals, body)
    assert b"55 True" in shown


def test_input_works_on_a_terminal(journals):
    shown, code = run_on_terminal(journals, "name = input('name? '); print('hello', name); stop()", typed=b"Ann\n")
    assert code == 0
    assert b"hello Ann" in shown
    assert any(line.endswith("hello Ann") for line in recorded(journals))


def test_the_debugger_works_on_a_terminal(journals):
    body = "x = 41\nimport pdb; print('ready? ', end='', flush=True); pdb.set_trace()\nstop()"
    shown, code = run_on_terminal(journals, body, typed=b"p x + 1\nc\n")
    assert code == 0
    assert b"42" in shown


def test_c_code_that_holds_the_gil_cannot_block(journals):
    body = (
        "import ctypes\nlibc = ctypes.PyDLL(None)\ndata = b'0123456789abcde\\n' * 65536\n"
        "for _ in range(10): assert libc.write(1, data, len(data)) == len(data)\nstop()"
    )
    done = run(journals, body)
    assert done.returncode == 0
    assert len(done.stdout) == 10 * 2**20


def test_what_c_code_has_buffered_is_recorded(journals, ready):
    body = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.printf(b'from C %d\\n', 7)\nstop()"
    done = run(journals, body, ready=ready)
    assert done.stdout == b"from C 7\n"
    assert recorded(journals) == ["from C 7"]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), 9); time.sleep(60)", -9),
        ("import ctypes; ctypes.string_at(0)", -11),
        ("os.abort()", -6),
        ("sys.exit(3)", 3),
        ("raise ValueError('told')", 1),
    ],
)
def test_however_the_program_ends_its_output_is_shown_and_recorded(journals, ready, ending, code):
    done = run(journals, f"os.write(1, b'line\\n' * 1000); os.write(2, b'last words\\n')\n{ending}", ready=ready)
    assert done.returncode == code
    assert done.stdout == b"line\n" * 1000
    assert done.stderr.startswith(b"last words\n")
    wait_until(lambda: "last words" in recorded(journals, "stderr"))
    assert recorded(journals, "stdout") == ["line"] * 1000
    if "raise" in ending:
        assert "ValueError: told" in recorded(journals, "stderr")


def test_killed_on_a_terminal(journals, ready):
    shown, code = run_on_terminal(journals, "print('shown'); os.kill(os.getpid(), 9); time.sleep(60)", ready=ready)
    assert code == -9
    assert shown == b"shown\n"
    wait_until(lambda: recorded(journals) == ["shown"])


def test_a_killed_group_does_not_take_the_forwarder_along(journals):
    done = run(journals, "print('shown', flush=True); os.killpg(0, 9); time.sleep(60)", start_new_session=True)
    assert done.stdout == b"shown\n"
    wait_until(lambda: recorded(journals) == ["shown"])


def test_a_replaced_program_is_recorded_too(journals):
    done = run(journals, "sys.stdout.flush(); os.execvp('echo', ['echo', 'from exec'])")
    assert done.stdout == b"from exec\n"
    wait_until(lambda: recorded(journals) == ["from exec"])


def test_forked_children_are_recorded_and_cannot_stop_it(journals, ready):
    body = (
        "pid = os.fork()\nif pid == 0:\n    print('in the child', flush=True); capture.stop(); os._exit(5)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5\nprint('in the parent')\nstop()"
    )
    done = run(journals, body, ready=ready)
    assert (done.returncode, done.stderr) == (0, b"")
    assert recorded(journals) == ["in the child", "in the parent"]


def test_children_that_outlive_the_run_keep_their_output(journals, ready):
    body = "subprocess.Popen(['sh', '-c', 'sleep 1.5; echo late; echo status $?']); stop(); print('end')"
    done = run(journals, body, ready=ready)
    assert done.stdout == b"end\nlate\nstatus 0\n"
    assert "late" not in recorded(journals)


def test_children_that_outlive_a_killed_program_do_not_keep_it_alive(journals):
    body = "subprocess.Popen(['sh', '-c', 'read x; echo late'])\nprint('x', flush=True); os.kill(os.getpid(), 9)"
    read_end, write_end = os.pipe()
    process = subprocess.Popen(command(journals, body), stdin=read_end, stdout=subprocess.PIPE)
    os.close(read_end)
    assert process.wait(60) == -9
    wait_until(lambda: recorded(journals) == ["x"] and not list(journals.glob("*.lock")))
    os.close(write_end)
    assert process.stdout.read() == b"x\nlate\n"
    process.stdout.close()


def test_a_killed_forwarder_costs_nothing(journals):
    body = (
        "import psutil\nfor p in psutil.process_iter(['cmdline']):\n"
        "    if f', {os.getpid()})' in ' '.join(p.info['cmdline'] or []) and p.pid != os.getpid(): p.kill()\n"
        "deadline = time.monotonic() + 20\n"
        "while not sink.events and time.monotonic() < deadline: time.sleep(0.01)\n"
        "assert sink.events\n"
        "for i in range(1000): print(i)\nsys.stdout.flush()\nos.system('echo child')\nstop()"
    )
    done = run(journals, "for i in range(5): print('early', i, flush=True)\n" + body)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == b"".join(b"early %d\n" % i for i in range(5)) + b"".join(b"%d\n" % i for i in range(1000)) + b"child\n"
    )


def test_a_reader_that_leaves_is_noticed_as_before(journals):
    body = "try:\n    for i in range(10**9): print('y' * 1000, flush=True)\nexcept BrokenPipeError: os._exit(13)"
    process = subprocess.Popen(command(journals, body), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"y" * 1000 + b"\n"
    process.stdout.close()
    assert process.wait(60) == 13


def test_a_program_without_streams(journals):
    done = run(journals, "stop(); os._exit(4)", "os.close(1); os.close(2)", ready=False)
    assert done.returncode == 4


def test_redirections_of_the_program_are_left_alone(journals, tmp_path, ready):
    body = (
        f"fd = os.open({str(tmp_path / 'file')!r}, os.O_CREAT | os.O_WRONLY)\nprint('seen', flush=True)\n"
        "os.dup2(fd, 1)\nstop()\nprint('in the file', flush=True)"
    )
    done = run(journals, body, ready=ready)
    assert done.stdout == b"seen\n"
    assert (tmp_path / "file").read_text() == "in the file\n"
    assert recorded(journals) == ["seen"]


def test_a_python_stream_that_goes_elsewhere_is_recorded_there(journals, ready):
    body = (
        "print('into memory'); sys.stdout.write('part'); print(); os.system('echo below')\n"
        "kept = sys.stdout.getvalue()\nstop()\nassert sys.stdout is memory and kept == 'into memory\\npart\\n'\n"
        "print('not recorded')\nassert 'write' not in vars(memory)"
    )
    done = run(journals, body, "import io; memory = sys.stdout = io.StringIO()", ready=ready)
    assert (done.returncode, done.stdout) == (0, b"below\n"), done.stderr
    assert sorted(recorded(journals)) == ["below", "into memory", "part"]


def test_pytests_capture_stays_as_it_is(journals, tmp_path):
    test = tmp_path / "test_inner.py"
    test.write_text(
        f"import os, sys\nsys.path.insert(0, {SOURCE!r})\nfrom runlore.capture.console import ConsoleCapture\n"
        f"class Sink:\n    uid = '0' * 32\n    journal_directory = {str(journals)!r}\n    events = []\n"
        "    def event(self, kind, key, value, **extra): self.events.append((key, value))\n"
        "def test_it(capfd):\n    capture = ConsoleCapture(Sink()); capture.start()\n"
        "    print('one'); os.system('echo two')\n    assert sorted(capfd.readouterr().out.split()) == ['one', 'two']\n"
        "    print('three', file=sys.stderr)\n    assert capfd.readouterr().err == 'three\\n'\n    capture.stop()\n"
        "def test_sys(capsys):\n    capture = ConsoleCapture(Sink()); capture.start()\n"
        "    print('four')\n    assert capsys.readouterr().out == 'four\\n'\n    capture.stop()\n"
        "def test_recorded():\n"
        "    assert {'three', 'four'} <= {line for _, v in Sink.events for line in v.split('\\n')}\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", str(test)]
    done = subprocess.run([sys.executable, "-m", "pytest", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_runs_in_a_row_receive_their_own_lines(journals, tmp_path):
    body = (
        "print('one'); capture.stop()\nprint('between')\n"
        "capture = ConsoleCapture(sink); capture.start(); print('two'); capture.stop(); capture.stop()\nstop()"
    )
    done = run(journals, body, ready=False)
    assert done.stdout == b"one\nbetween\ntwo\n"
    assert recorded(journals) == ["one", "two"]


def test_one_run_inside_another(journals, ready):
    body = (
        "inner = ConsoleCapture(sink); inner.start(); print('both'); inner.stop(); print('outer')\nstop()\nprint('end')"
    )
    done = run(journals, body, ready=ready)
    assert done.stdout == b"both\nouter\nend\n"
    assert sorted(recorded(journals)) == ["both", "both", "outer"]


def test_a_progress_bar_is_one_line(journals):
    body = (
        "for i in range(1001):\n    sys.stderr.write(f'\\r{i}/1000'); sys.stderr.flush()\n"
        "print(file=sys.stderr); stop()"
    )
    done = run(journals, body)
    assert done.stderr.startswith(b"\r0/1000\r1/1000")
    assert recorded(journals) == ["1000/1000"]


def test_what_is_coloured_on_a_terminal_is_recorded_as_text_and_its_looks(journals):
    body = (
        "for i in range(101):\n    print(f'\\r\\x1b[2K{i}% \\x1b[32m{\"#\" * (i // 20)}\\x1b[0m', end='', flush=True)\n"
        "print('\\n\\x1b[1;31mError\\x1b[0m: no'); stop()"
    )
    shown, code = run_on_terminal(journals, body)
    assert b"\x1b[1;31mError\x1b[0m" in shown
    assert code == 0
    logs = [event for path in journals.glob("*.rlj") for event in read(str(path)).events if event.kind == "log"]
    lines = [line for event in logs for line in event.value.split("\n")]
    assert lines == ["100% #####", "Error: no"]
    places = {
        (event.value.split("\n")[line][start:end], look)
        for event in logs for look, found in event.extra["looks"].items() for line, start, end in found
    }  # fmt: skip
    assert places == {("#####", "32"), ("Error", "1;31")}


def test_no_descriptor_or_process_is_left_after_a_while(journals):
    body = (
        "for _ in range(5):\n"
        "    capture.stop(); capture = ConsoleCapture(sink); capture.start(); wait_for_forwarder()\n"
        "capture.stop()\ntime.sleep(2.5)\nsys.stderr.write(str(len(os.listdir('/proc/self/fd')) - before))\n"
        "from runlore.capture import _process; _process.reap(); assert not _process._unreaped"
    )
    done = run(journals, body, "before = len(os.listdir('/proc/self/fd'))")
    assert done.returncode == 0, done.stderr
    assert int(done.stderr) <= 2  # the shared thread's own pipe; the forwarder was let go


def test_without_an_interpreter_output_stays_as_it_was(journals):
    body = "print('x'); os._exit(0)"
    before = (
        "real, sys.executable = sys.executable, ''\ntry:\n    capture.start()\n"
        "except OSError as error: print(error)\nsys.executable = real\ncapture = ConsoleCapture(sink)"
    )
    done = run(journals, f"{body.replace('os._exit(0)', 'stop()')}", before)
    assert b"no Python interpreter" in done.stdout
    assert done.stdout.endswith(b"x\n")


def test_a_forwarder_that_cannot_record_says_so_and_passes_on(journals):
    body = (
        "print('shown', flush=True)\nwait_until_taken = time.monotonic() + 20\n"
        "import select\n"
        "while select.select([capture._line._token[0]], [], [], 0)[0] and time.monotonic() < wait_until_taken: pass\n"
        "capture.stop()\nsys.stderr.write(repr(sink.events))"
    )
    done = run(journals, body, "sink.journal_directory += '/nowhere'")
    assert done.stdout == b"shown\n"
    assert b"output is not recorded: [Errno 2]" in done.stderr


def test_output_that_cannot_be_recorded_in_the_program_is_counted_and_passed_on(journals):
    body = (
        "sys.modules['runlore.capture._record'] = None\n"
        "print('x' * 99)\nos.write(2, b'y' * 9 + b'\\n')\ncapture.stop()\nsys.stderr.write(repr(sink.events))"
    )
    done = run(journals, body, ready=False)
    assert done.stdout == b"x" * 99 + b"\n"
    assert b"output is not recorded: ModuleNotFoundError" in done.stderr
    assert b"{'dropped_bytes': 100, 'dropped_lines': 1}" in done.stderr


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)
