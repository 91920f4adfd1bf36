"""MLflow's protocol, side by side with `mlflow server` on SQLite: calls a second, search pages, start to first answer.

    python bench/mlflow.py            # needs `pip install mlflow`

Both servers get the same requests over HTTP/1.1 connections that stay open, from 1 and from 8 processes; what a client
library costs is left out. Medians of three rounds; the first answer is timed once.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import Pool

RUNS = 2_000


def post(connection, path, body, method="POST"):
    raw = json.dumps(body).encode()
    connection.request(method, f"/api/2.0/mlflow/{path}", raw, {"content-type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content[:300]
    return json.loads(content)


@contextlib.contextmanager
def serving(which, directory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if which == "runlore":
        command = [sys.executable, "-m", "runlore", "server", "--store", f"{directory}/store", "--port", str(port)]
    else:
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{directory}/mlflow.db",
                   "--artifacts-destination", f"{directory}/artifacts", "--port", str(port)]  # fmt: skip
    environment = {
        **os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }  # fmt: skip
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True) as program:  # fmt: skip
        try:
            while True:
                try:
                    post(
                        http.client.HTTPConnection("127.0.0.1", port, timeout=60),
                        "experiments/search",
                        {"max_results": 1},
                    )
                    break
                except (OSError, http.client.HTTPException, AssertionError):
                    assert program.poll() is None, "the server ended"
                    assert time.perf_counter() - begun < 120, "the server does not answer"
                    time.sleep(0.01)
            yield port, time.perf_counter() - begun
        finally:
            os.killpg(program.pid, 15)
            program.wait(60)


def log_metrics(arguments):
    port, seconds, size = arguments
    connection = http.client.HTTPConnection("127.0.0.1", port)
    uid = post(connection, "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    count, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        if size == 1:
            point = {"key": "loss", "value": count / 7, "timestamp": 1_700_000_000_000 + count, "step": count}
            post(connection, "runs/log-metric", {"run_id": uid, **point})
        else:
            points = [
                {
                    "key": f"m{place % 10}",
                    "value": place / 7,
                    "timestamp": 1_700_000_000_000 + count,
                    "step": count * size + place,
                }
                for place in range(size)
            ]
            post(connection, "runs/log-batch", {"run_id": uid, "metrics": points})
        count += 1
    post(connection, "runs/update", {"run_id": uid, "status": "FINISHED"})
    return count / seconds


def rate(port, clients, size, seconds):
    with Pool(clients) as pool:
        return statistics.median(
            sum(pool.map(log_metrics, [(port, seconds, size)] * clients, chunksize=1)) for _ in range(3)
        )


OPEN = 50
"""Runs of the searched experiment that have not ended."""


def search_seconds(port, runs):
    """(seconds of a page, seconds of one just after something was logged)."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    experiment = post(connection, "experiments/create", {"name": "search"})["experiment_id"]
    for number in range(runs):
        uid = post(connection, "runs/create", {"experiment_id": experiment, "start_time": 1_700_000_000_000 + number})
        uid = uid["run"]["info"]["run_id"]
        metrics = [{"key": f"m{n}", "value": number / (n + 1), "timestamp": 1, "step": 1} for n in range(10)]
        params = [{"key": f"p{n}", "value": str(number * n)} for n in range(10)]
        post(connection, "runs/log-batch", {"run_id": uid, "metrics": metrics, "params": params})
        if number < runs - OPEN:
            post(connection, "runs/update", {"run_id": uid, "status": "FINISHED"})
    body = {"experiment_ids": [experiment], "filter": "metrics.m0 > 10 and params.p1 != '7'",
            "order_by": ["metrics.m1 DESC"], "max_results": 100}  # fmt: skip
    return tuple(statistics.median(_pages(connection, body, runs, written)) for written in ("", uid))


def _pages(connection, body, runs, written):
    for step in range(9):
        if written:
            point = {"run_id": written, "key": "live", "value": step, "timestamp": 2, "step": step}
            post(connection, "runs/log-metric", point)
        begun = time.perf_counter()
        assert len(post(connection, "runs/search", body)["runs"]) == min(100, runs - 11)
        yield time.perf_counter() - begun


def measure(which, seconds, runs):
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "artifacts").mkdir()
        with serving(which, directory):
            pass  # the second start is a warm one
        with serving(which, directory) as (port, first):
            rates = {
                "first answer, s": first,
                "log-metric/s, 1 client": rate(port, 1, 1, seconds),
                "log-metric/s, 8 clients": rate(port, 8, 1, seconds),
                "log-batch of 1,000/s": rate(port, 1, 1_000, seconds),
            }
            page, after = search_seconds(port, runs)
            name = f"search page of 100 in {runs:,}"
            return {**rates, f"{name}, s": page, f"{name}, after a write": after}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=RUNS)
    told = parser.parse_args()
    ours, theirs = (measure(which, told.seconds, told.runs) for which in ("runlore", "mlflow"))
    print(f"{'':42}{'Runlore':>10}{'MLflow':>10}{'factor':>9}")
    for name, value in ours.items():
        factor = value / theirs[name] if name.startswith("log") else theirs[name] / value
        print(f"{name:42}{value:10.3g}{theirs[name]:10.3g}{factor:8.1f}x")


if __name__ == "__main__":
    main()
