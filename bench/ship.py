"""Sending and receiving, measured side by side in one run.

    python bench/ship.py [--quick]

What a metric costs where the store is a server, against a directory; journal bytes a second into one worker; small
appends a second; and many runs that are sent at once. The server has one worker all the time. A client in Python takes
as much of the machine as the server: what is measured here is both together.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

from rich.console import Console
from rich.table import Table

import runlore
from runlore.journal import open_journal
from runlore.model import new_uid
from runlore.ship.client import Client
from runlore.store import open_store

_POINTS = 200_000
_PIECE_BYTES = 4 << 20


class Server:
    """`runlore server` with one worker, on a port of its own."""

    def __init__(self, store):
        open_store(store, create=True)
        command = [sys.executable, "-m", "runlore", "server", "--port", "0", "--workers", "1", "--store", str(store)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().split()[-1].rstrip("/")

    def cpu_seconds(self):
        """What its process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def logging_ns(store):
    """What one metric costs, in ns."""
    with runlore.start("bench", store=store, capture=False) as run:
        log_metric = run.log_metric
        start = time.perf_counter_ns()
        for step in range(_POINTS):
            log_metric("loss", 0.5, step)
        return (time.perf_counter_ns() - start) / _POINTS


def logging_ratio(directory, address, rounds):
    pairs = [(logging_ns(str(directory)), logging_ns(address)) for _ in range(rounds)]
    here, there = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    return f"{here:.0f} ns in a directory, {there:.0f} ns for a server: x {ratio:.3f}"


def journal_of(directory, points):
    """(uid, writer, bytes) of a journal of so many points."""
    uid = new_uid()
    journal = open_journal(str(directory), uid)
    for step in range(points):
        journal.scalar("loss", step * 0.37, step)
    journal.close()
    return uid, journal.writer, Path(journal.path).read_bytes()


def throughput(server, directory, points, pack):
    """(MB of journal a second into one worker, MB for each second of CPU that it used)."""
    address = server.address
    uid, writer, content = journal_of(directory, points)
    Client(address).announce("bench", uid)
    pieces = [
        (offset, zlib.compress(piece, 1) if pack else piece, f"{zlib.crc32(piece):08x}")
        for offset in range(0, len(content), _PIECE_BYTES)
        for piece in [content[offset : offset + _PIECE_BYTES]]
    ]
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    encoding = {"content-encoding": "deflate"} if pack else {}
    start, used = time.perf_counter(), server.cpu_seconds()
    for offset, piece, check in pieces:
        path = f"/api/v1/send/runs/{uid}/journals/{writer}?experiment=bench&offset={offset}"
        connection.request("PUT", path, piece, {"x-runlore-crc32": check, **encoding})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    size = len(content) / 1e6
    return size / (time.perf_counter() - start), size / (server.cpu_seconds() - used)


def append_small(address, directory, seconds, counts):
    """Send pieces of 128 bytes, one after the other."""
    uid, writer, content = journal_of(directory, 200_000)
    client = Client(address)
    client.announce("bench", uid)
    offset = client.append("bench", uid, writer, 0, content[:16_384])
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        offset = client.append("bench", uid, writer, offset, content[offset : offset + 128])
        count += 1
    counts.put(count / seconds)


def small_appends(address, directory, seconds, clients):
    counts = multiprocessing.Queue()
    processes = []
    for index in range(clients):
        place = directory / f"small{index}"
        place.mkdir()
        arguments = (address, place, seconds, counts)
        processes.append(multiprocessing.Process(target=append_small, args=arguments))
    for process in processes:
        process.start()
    total = sum(counts.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def many_runs(address, directory, runs, seconds):
    """(appends, p50 ms, p99 ms) of runs that each send something every second."""
    times, failures = [], []
    lock = threading.Lock()

    def one(index):
        place = directory / f"many{index}"
        place.mkdir()
        uid, writer, content = journal_of(place, 2000)
        client = Client(address)
        time.sleep(index / runs)
        end = time.perf_counter() + seconds
        offset = -1
        while time.perf_counter() < end:
            start = time.perf_counter()
            if offset < 0:
                client.announce("bench/many", uid)
                offset = 0
            else:
                offset = client.append("bench/many", uid, writer, offset, content[offset : offset + 1024])
            took = time.perf_counter() - start
            with lock:
                times.append(took)
            time.sleep(max(1 - took, 0))
        stored = directory / "store" / "runs" / "bench" / "many" / uid / "journal" / f"{writer}.rlj"
        if stored.read_bytes() != content[:offset]:
            failures.append(uid)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    return len(times), times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, len(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = parser.parse_args().quick
    table = Table("what", "measured", title=f"one worker, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        os.environ["RUNLORE_SPOOL"] = str(directory / "spool")
        for name in ("a", "b"):
            (directory / name).mkdir()
        with Server(directory / "store") as server:
            table.add_row("one metric", logging_ratio(directory / "own", server.address, 5 if quick else 15))
            points = 1_000_000 if quick else 4_000_000
            for name, pack in (("a", False), ("b", True)):
                rate, of_cpu = throughput(server, directory / name, points, pack)
                what = "journal bytes, compressed" if pack else "journal bytes"
                table.add_row(what, f"{rate:.0f} MB/s; {of_cpu:.0f} MB for a second of the worker's CPU")
            seconds, used = 3 if quick else 10, server.cpu_seconds()
            rate = small_appends(server.address, directory, seconds, 4)
            of_cpu = rate * seconds / (server.cpu_seconds() - used)
            table.add_row("small appends", f"{rate:,.0f} a second; {of_cpu:,.0f} for a second of the worker's CPU")
            runs, seconds = (100, 5) if quick else (500, 60)
            count, middle, p99, failures = many_runs(server.address, directory, runs, seconds)
            table.add_row(
                f"{runs} runs for {seconds} s",
                f"{count:,} requests, p50 {middle:.1f} ms, p99 {p99:.1f} ms, {failures} runs with losses",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
