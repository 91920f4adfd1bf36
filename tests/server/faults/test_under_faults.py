"""A server that many use while its workers are killed, its disk is full and its clients' clocks jump: nothing is lost.

Everything that was confirmed is there afterwards, once: what a sender was told by an answer of 2xx, and what a
program's spool kept and `runlore sync` sent. Whatever was not done was said so, in a documented form, and the server is
ready again by itself. Some seconds in the short form, minutes with `-m soak`.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from tests.server.faults.clients import MlflowWriter, PageSession, Probe, Reader

import runlore
from runlore.server.accounts.book import Book, place_of
from runlore.store import open_store

TRAINING = Path(__file__).with_name("training.py")
KINDS = (MlflowWriter, MlflowWriter, Reader, PageSession, PageSession, Probe)
LONGEST_RECOVERY_S = 30.0
"""That a busy machine may take to start a worker; the figure of a quiet one is in the documents."""


def make_token(store):
    """The token of a training's account that may record and read everywhere."""
    book = Book(place_of(store), create=True)
    try:
        book.people.add_user("trainer", is_service=True)
        book.people.grant(book.people.user("trainer"), "**", "editor")
        return book.keys.make_token(book.people.user("trainer"), "storm", ("read", "write"))[1]
    finally:
        book.close()


@contextmanager
def server_of(store, log):
    """A server with two workers; gives its process and address."""
    told = ["--store", store, "--accounts", "--workers", "2", "--port", "0"]
    command = [sys.executable, "-m", "runlore", "server", *told]
    with (
        open(log, "wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            found = (re.search(r" at (http://\S+:\d+)/$", line) for line in process.stdout)
            yield process, next(match[1] for match in found if match)
        finally:
            process.terminate()
            process.wait(30)


class Storm:
    """What goes wrong, by a chance of its own.

    Attributes:
        done: how often each of it happened.
    """

    def __init__(self, server, disk, seed):
        self._server = psutil.Process(server.pid)
        self._filler = disk / "filler"
        self._chance = random.Random(seed)
        self.done = Counter()

    def go_on(self, seconds, is_enough):
        """Let it rage for so long, and until it is enough, which a busy machine may take a minute for."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds or not (is_enough() or passed > seconds + 60):
            self._chance.choice([self.kill, self.fill])()
            time.sleep(self._chance.uniform(0.2, 0.8))  # the moment is what varies

    def kill(self):
        """Kill a worker."""
        workers = self._server.children()
        if workers:
            with suppress(psutil.NoSuchProcess):
                self._chance.choice(workers).send_signal(signal.SIGKILL)
                self.done["kills"] += 1

    def fill(self):
        """Fill the disk, and after a while make room again."""
        file = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        until = time.monotonic() + self._chance.uniform(0.2, 0.8)
        try:
            while time.monotonic() < until:
                for size in (1 << 20, 4096):
                    with suppress(OSError):
                        while os.write(file, bytes(size)):
                            pass
                time.sleep(0.02)  # what others gave back is taken too
        finally:
            os.close(file)
            os.unlink(self._filler)
        self.done["fills"] += 1


def check_trainings(told, store):
    """(runs, points) of trainings, all of which are there once."""
    runs = [json.loads(line) for path in told for line in path.read_text("utf-8").splitlines()]
    for said in runs:
        view = runlore.get_run(said["uid"], store=store)
        series = sorted(view.metric("loss")[["step", "value"]].itertuples(index=False, name=None))
        assert series == [(step, step / 3) for step in range(said["points"])]
        assert sorted(event.value for event in view.events("note")) == list(range(0, said["points"], 20))
        found = {item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in view.artifacts()}
        assert found == said["artifacts"]
        assert (view.status, view.lost) == ("succeeded", 0)
    return len(runs), sum(said["points"] for said in runs)


def check_mlflow(confirmed, store):
    """(runs, points) that MLflow's protocol confirmed, which are there once; what it did not is there once at most."""
    for uid, held in confirmed.items():
        view = runlore.get_run(uid, store=store)
        found = []
        for key in set(view.metrics) & {"loss", "batch"}:
            series = view.metric(key)
            found += [(key, int(step), value) for step, value in zip(series["step"], series["value"], strict=True)]
        counted = Counter((key, step) for key, step, _ in found)
        assert [point for point, times in counted.items() if times > 1] == [], "doubled"
        assert held.points - set(counted) == set(), "lost"
        assert all(held.sent[key, step] == value for key, step, value in found)
        kept = {item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in view.artifacts()}
        assert held.artifacts.items() <= kept.items()
    return len(confirmed), sum(len(held.points) for held in confirmed.values())


def sync(address, environment):
    """Send what still waits."""
    command = [sys.executable, "-m", "runlore", "sync", "--store", address]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def is_enough(storm, writers):
    """Whether each kind of fault came twice at least, and whoever writes was confirmed something."""
    return min(storm.done["kills"], storm.done["fills"]) > 1 and min(len(one.points()) for one in writers) > 20


@contextmanager
def trainings_for(address, environment, seed, stop, told):
    """A training for each file of `told`, until there is a file `stop`."""
    started = []
    try:
        for number, path in enumerate(told):
            path.touch()
            command = [sys.executable, str(TRAINING), str(seed + number), str(stop), str(path)]
            variables = {**os.environ, **environment, "RUNLORE_STORE": address}
            started.append(subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True))
        yield
        stop.touch()
        for training in started:
            _, err = training.communicate(timeout=240)
            assert training.returncode == 0, err
            assert "Traceback" not in err
    finally:
        for training in started:
            training.kill()
            training.communicate()


@contextmanager
def at_work(clients):
    """Clients, for the block; what they found wrong is told after it."""
    for client in clients:
        client.start()
    try:
        yield
    finally:
        clients[0].over.set()
        for client in clients:
            client.join(60)
    assert [client.name for client in clients if client.is_alive()] == [], "they hang"
    assert [(client.name, client.failure) for client in clients if client.failure] == []
    assert [wrong for client in clients for wrong in client.wrong] == []


def weathered(disk, tmp_path, seconds, seed):
    """Let a server be used in a storm of so many seconds; gives the figures."""
    store, log = open_store(disk / "store", create=True).location, tmp_path / "server.log"
    token, told = make_token(store), [tmp_path / f"told {number}" for number in range(2)]
    environment = {"RUNLORE_TOKEN": token, "RUNLORE_SPOOL": str(tmp_path / "spool"), "RUNLORE_SYNC_TIMEOUT": "5"}
    with server_of(store, log) as (server, address):
        over, storm = threading.Event(), Storm(server, disk, seed)
        clients = [kind(address, token, over, seed + number) for number, kind in enumerate(KINDS)]
        writers = [client for client in clients if isinstance(client, MlflowWriter)]
        with at_work(clients), trainings_for(address, environment, seed, tmp_path / "stop", told):
            storm.go_on(seconds, lambda: is_enough(storm, writers))
        sync(address, environment)
        assert httpx.get(f"{address}/ready", timeout=30).status_code == 200
    text = log.read_text("utf-8")
    assert "Traceback" not in text, text[max(text.index("Traceback") - 300, 0) :][:6000]
    assert clients[-1].longest_s < LONGEST_RECOVERY_S
    return {
        **storm.done, "answers": dict(sum((client.answers for client in clients), Counter())),
        "events": sum(client.events for client in clients if isinstance(client, PageSession)),
        "trainings": check_trainings(told, store),
        "mlflow": check_mlflow({uid: held for writer in writers for uid, held in writer.confirmed.items()}, store),
        "longest without /ready, s": round(clients[-1].longest_s, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "seed"),
    [
        pytest.param(3, 3, id="short"),
        pytest.param(120, 7, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(900), pytest.mark.disk("256m")]),
    ],
)
def test_what_was_confirmed_is_there_once_whatever_goes_wrong(disk, tmp_path, seconds, seed):
    figures = weathered(disk, tmp_path, seconds, seed)
    print(figures)  # noqa: T201 - for the documents
    assert min(figures["kills"], figures["fills"]) > 1
    assert figures["trainings"][1] > 100
    assert figures["mlflow"][1] > 40
    assert figures["events"] > 0
