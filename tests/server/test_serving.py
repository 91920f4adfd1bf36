"""`runlore ui` and `runlore server` as processes: where they listen, how they end, and several workers."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import runlore
from runlore.model import new_uid
from runlore.remote.store import open_server
from runlore.store import open_store

ENDS_WITHIN_S = 20
PATIENCE_S = 30


@pytest.fixture
def store_path(tmp_path):
    return open_store(tmp_path / "store", create=True).location


@contextlib.contextmanager
def started(*arguments, code=None):
    """The command, in a process group of its own; gives the process and the address that it says."""
    command = [sys.executable, *(code or ("-m", "runlore")), *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process, process.stdout.readline().rpartition(" ")[2].strip().rstrip("/")
    finally:
        if process.poll() is None:  # else its number may be somebody else's by now
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def healthy(address):
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
    connection.request("GET", "/health")
    status = connection.getresponse().status
    connection.close()
    return status == 200


@contextlib.contextmanager
def following(address):
    """A stream of events, for the block."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
    connection.request("GET", "/api/v1/live")
    answer = connection.getresponse()
    assert answer.status == 200
    answer.readline()
    yield
    connection.close()


def ended(process):
    """Its exit code, once it has ended."""
    begun = time.monotonic()
    code = process.wait(PATIENCE_S)
    assert time.monotonic() - begun < ENDS_WITHIN_S
    return code


def read_until(stream, words, count):
    """The lines up to the one that says the words for the `count`th time; all, if the process ends before."""
    lines = []
    for line in iter(stream.readline, ""):
        lines.append(line)
        count -= words in line
        if count == 0:
            break
    return "".join(lines)


def children(pid):
    """Processes that a process has started and that go on."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_port_that_is_taken(store_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started("ui", "--store", store_path, "--port", port, "--no-browser") as (process, address):
            assert port < urlsplit(address).port <= port + 100
            assert healthy(address)
            process.send_signal(signal.SIGTERM)
            ended(process)
            assert f"port {port} is taken" in process.stderr.read()
        with started("server", "--store", store_path, "--port", port) as (process, said):
            assert ended(process) == 1
            assert said == ""
            error = process.stderr.read()
            assert f"port={port} of 127.0.0.1 is taken by another program" in error
            assert "Traceback" not in error


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_a_host_with_a_name_or_of_ipv6(store_path, host):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with started("server", "--store", store_path, "--host", host, "--port", port, "--base-path", "/lore") as (
        process, address,
    ):  # fmt: skip
        with runlore.start("e", store=address, capture=False) as run:
            run.log_metric("m", 1.0)
            assert run.number == 1
        assert runlore.get_run(run.uid, store=address).metrics == {"m": 1.0}
        process.send_signal(signal.SIGTERM)
        ended(process)
        assert "taken" not in process.stderr.read()


def test_a_server_may_open_more_files_than_programs_usually_do(store_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096)); from runlore.cli import main"
    with started("server", "--store", store_path, "--port", 0, code=("-c", f"{limited}; main()")) as (process, address):
        assert healthy(address)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")) == "4096"


def test_only_this_machine_reaches_a_server_without_accounts(store_path):
    with started("server", "--store", store_path, "--host", "0.0.0.0") as (process, said):
        assert (ended(process), said) == (2, "")
        assert "add --accounts, or listen on 127.0.0.1" in process.stderr.read()


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGTERM, 2)])
def test_it_ends_at_once_and_nothing_is_lost(store_path, number, workers):
    with started("server", "--store", store_path, "--port", 0, "--workers", workers) as (process, address):
        with following(address):  # a stream of events that would go on for ever
            store = open_server(address)
            uid = new_uid()
            store.create_run("e", uid)
            recorder = store.open_run(uid).record(first=True)
            recorder.event("start", "start", {"experiment": "e", "number": store.claim_number("e", uid)})
            recorder.scalar("m", 1.0)
            process.send_signal(number)
            ended(process)
        assert "Traceback" not in process.stderr.read()
    run = runlore.get_run(uid, store=store_path)
    assert (run.metrics, run.status) == ({"m": 1.0}, "crashed")  # its recorder was closed in order, and not stopped


# -- several workers ----------------------------------------------------------------------------------------------


def test_records_of_one_run_go_through_several_workers_some_of_which_are_killed(store_path):
    with started("server", "--store", store_path, "--port", 0, "--workers", 3) as (process, address):
        store = open_server(address)
        uid = new_uid()
        store.create_run("e", uid)
        recorder = store.open_run(uid).record(first=True)
        recorder.event("start", "start", {"experiment": "e", "number": store.claim_number("e", uid)})
        killed = set()
        for step in range(40):
            recorder.scalar("m", float(step), step=step)
            store.server.close()  # the next one goes to whichever worker takes it
            if step in (10, 25):
                victim = next(child for child in children(process.pid) if child not in killed)
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
        assert store.open_run(uid).is_alive()[0]
        recorder.event("alert", "late", {"title": "late", "text": "", "level": "warn"})
        recorder.stop("succeeded", {"status": "succeeded"})
        recorder.close()
        assert recorder.lost == 0
        deadline = time.monotonic() + PATIENCE_S
        while len(set(children(process.pid)) - killed) < 3 or killed & set(children(process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.01)  # they are started by another process
        for place in (store_path, address):
            run = runlore.get_run(uid, store=place)
            assert (run.status, run.number, run.metrics) == ("succeeded", 1, {"m": 39.0})
            assert run.metric("m")["value"].tolist() == [float(step) for step in range(40)]
            assert [event.key for event in run.recorded().events(["alert"])] == ["late"]
        log = read_until(
            process.stderr, "Application startup complete", 5
        )  # one that is starting has no certificate yet
        process.send_signal(signal.SIGHUP)  # as for a new certificate: it ends nothing
        log += read_until(process.stderr, "SIGHUP: there is no certificate to take anew", 3)
        assert healthy(address)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
        log += process.stderr.read()
        assert log.count("another one is started") == 2
        assert log.count("SIGHUP") == 3


def test_workers_end_with_the_process_that_started_them(store_path):
    with started("server", "--store", store_path, "--port", 0, "--workers", 2) as (process, address):
        process.kill()
        process.wait()
        deadline = time.monotonic() + ENDS_WITHIN_S
        while True:
            try:
                socket.create_server(("127.0.0.1", urlsplit(address).port)).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.01)  # they are nobody's children whom one could wait for


FAILS = """
import os, sys
from runlore.errors import NotReachable
from runlore.server.workers import Workers

def work(when_ready):
    raise OSError("no such luck")

try:
    Workers(2, work, 1.0).run(lambda: print("ready"))
except NotReachable as error:
    print(error)
"""

COMES_BACK = """
import os, signal, sys
from runlore.server import workers
from runlore.server.workers import Workers

workers.PAUSE_S = 0.01
tries = sys.argv[1]

def work(when_ready):
    number = len(os.listdir(tries))
    open(os.path.join(tries, str(number)), "x").close()
    if number in (1, 2):
        raise OSError("not yet")
    when_ready()
    if number == 3:
        os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()

Workers(1, work, 2.0).run(lambda: os.kill(int(open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read()), 9))
print("ended")
"""


def test_a_worker_that_cannot_be_started_ends_all_with_an_error():
    done = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout.startswith("a worker could not be started: process ")
    assert "no such luck" in done.stderr


def test_a_worker_that_cannot_be_started_again_at_once_is_tried_again(tmp_path):
    command = [sys.executable, "-c", COMES_BACK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout == "ended\n", done.stderr
    assert sorted(os.listdir(tmp_path)) == ["0", "1", "2", "3"]
