"""`runlore ui` and `runlore server` as processes: where they listen, how they end, and several workers."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import runlore
from runlore.journal import open_journal
from runlore.model import new_uid
from runlore.remote.store import open_server
from runlore.server.threads import THREADS
from runlore.ship.client import Client, Later
from runlore.ship.connection import Unreachable
from runlore.store import open_store

ENDS_WITHIN_S = 5
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


def measured(address, name):
    """A value of `/metrics`."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))


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


def test_a_disk_that_hangs_keeps_neither_health_nor_the_end(store_path, tmp_path):
    """More requests than there are threads wait for a file that somebody else does not let go of."""
    journal = open_journal(str(tmp_path), uid := new_uid())
    journal.scalar("m", 1.0, 0)
    journal.close()
    content, told = Path(journal.path).read_bytes(), []
    with started("server", "--store", store_path, "--port", 0) as (process, address):
        client = Client(address)
        client.announce("e", uid)
        client.append("e", uid, journal.writer, 0, content)
        client.close()

        def append():
            asker = Client(address, PATIENCE_S)
            with pytest.raises((Later, Unreachable)) as raised:
                asker.append("e", uid, journal.writer, 0, content)
            told.append(str(raised.value))
            asker.close()

        with open(f"{store_path}/runs/e/{uid}/journal/{journal.writer}.rlj", "rb+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            senders = [threading.Thread(target=append) for _ in range(THREADS + 5)]
            for sender in senders:
                sender.start()
            while measured(address, "runlore_requests_active") < len(senders):
                time.sleep(0.01)  # they are taken by another process
            assert healthy(address)
            process.send_signal(signal.SIGTERM)
            ended(process)
            for sender in senders:
                sender.join()
        assert any("503" in text for text in told), told
        assert "Traceback" not in process.stderr.read()


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
        deadline, answer = time.monotonic() + PATIENCE_S, set()
        while len(answer) < 3:  # those that were started instead of the killed ones do so by and by
            assert time.monotonic() < deadline
            answer.add(int(measured(address, "runlore_process_id")))
        assert answer == set(children(process.pid))
        for place in (store_path, address):
            run = runlore.get_run(uid, store=place)
            assert (run.status, run.number, run.metrics) == ("succeeded", 1, {"m": 39.0})
            assert run.metric("m")["value"].tolist() == [float(step) for step in range(40)]
            assert [event.key for event in run.recorded().events(["alert"])] == ["late"]
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
        log = process.stderr.read()
        assert log.count("another one is started") == 2


class Asking(threading.Thread):
    """A client that records without a pause: over one connection as long as that is left to it, or always a new one."""

    def __init__(self, address, uid, key, *, keeps):
        super().__init__(daemon=True)
        self.confirmed, self.failed, self.over = [], [], threading.Event()
        self._address, self._uid, self._key, self._keeps = address, uid, key, keeps

    def run(self):
        limits = httpx.Limits(max_keepalive_connections=1 if self._keeps else 0)
        with httpx.Client(base_url=self._address, limits=limits, timeout=PATIENCE_S) as client:
            while not self.over.is_set():
                step = len(self.confirmed)
                point = {"run_id": self._uid, "key": self._key, "value": step, "step": step, "timestamp": 1}
                try:
                    client.post("/api/2.0/mlflow/runs/log-metric", json=point).raise_for_status()
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                self.confirmed.append(step)


def awaited(condition):
    """Wait until something is so that another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.soak)])
def test_other_workers_take_over_without_losing_a_request(store_path, times):
    with started("server", "--store", store_path, "--port", 0, "--workers", 2) as (process, address):
        made = httpx.post(f"{address}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
        uid = made.json()["run"]["info"]["run_id"]
        log = []
        threading.Thread(target=lambda: log.extend(process.stderr), daemon=True).start()
        clients = [Asking(address, uid, key, keeps=key == "kept") for key in ("kept", "new")]
        for client in clients:
            client.start()
        for _ in range(times):
            before = set(children(process.pid))
            with following(address):
                process.send_signal(signal.SIGHUP)
                awaited(lambda before=before: len(set(children(process.pid)) - before) == 2)
            awaited(lambda before=before: not set(children(process.pid)) & before)
            at = [len(client.confirmed) for client in clients]
            awaited(lambda at=at: all(len(one.confirmed) > then for one, then in zip(clients, at, strict=True)))
        programs = [Path(f"/proc/{pid}/cmdline").read_text() for pid in children(process.pid)]
        os.kill(children(process.pid)[0], signal.SIGKILL)  # one of the new kind is replaced by such a one
        awaited(lambda: any("another one is started" in line for line in log))
        for client in clients:
            client.over.set()
            client.join()
        awaited(lambda: len(children(process.pid)) == 2)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
    assert all("runlore.server.worker" in program for program in programs), "of the code that is there now"
    run = runlore.get_run(uid, store=store_path)
    for client, key in zip(clients, ("kept", "new"), strict=True):
        assert len(client.failed) <= 1, "those that the killed worker had"
        assert len(run.metric(key)["step"]) >= len(client.confirmed) - len(client.failed)


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
