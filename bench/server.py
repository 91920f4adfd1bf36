"""Time the server beside the library: the same questions, asked over HTTP and of the reader in this process.

    python bench/server.py [repeats]

A store gets 10,000 runs with 25 params and 25 metrics each, and 40 runs with a series of 100,000 points. For each
question stand the median and the greatest time over HTTP in ms, the same of the library alone, and their ratio: what
the server adds. The goals are printed beside them. Before that stands how long a server takes from the start of its
process to its first answer, beside a Python that does nothing. The last part has 20 readers and 20 writers at once. The
server has one worker all the time, as `runlore server` has unless it is told otherwise.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import httpx
import numpy as np

from runlore.model import new_uid
from runlore.reader.asking import ask
from runlore.reader.cells import Field, columns_of
from runlore.reader.curves import CurveReader, Drawing
from runlore.reader.series_cache import SeriesCache
from runlore.reader.session import Session
from runlore.store import open_store

RUNS, KEYS, CURVES, POINTS, BUCKETS = 10_000, 25, 40, 100_000, 1_000
COLUMNS = [f"{kind}{key}" for kind in ("params.p", "metrics.m") for key in range(KEYS)]
SOUGHT = {"query": "metrics.m3 < 0.5 and params.p1 > 3", "order_by": "-metrics.m7"}
TOGETHER, TOGETHER_S = 20, 10.0
GOALS_MS = {"runs/table": 30, "curves": 250}
"""Alone; together they may take three times as long."""


def record(store, experiment, params, rows):
    uid = new_uid()
    store.create_run(experiment, uid)
    number = store.claim_number(experiment, uid)
    recorder = store.open_run(uid, experiment=experiment).record(first=True)
    recorder.event("start", "start", {"experiment": experiment, "number": number})
    for key, value in params.items():
        recorder.event("param", key, value)
    for step, row in rows:
        recorder.row(row, step=step)
    recorder.stop("succeeded", {"status": "succeeded"})
    recorder.close()
    return uid


def fill(store):
    """Runs as a sweep makes them, and long series."""
    source = random.Random(1)
    for number in range(RUNS):
        params = {f"p{k}": (number * k) % 97 / 7 if k % 2 else f"v{(number * k) % 13}" for k in range(KEYS)}
        record(store, f"many/e{number % 10}", params, [(1, {f"m{k}": source.random() for k in range(KEYS)})])
    for number in range(CURVES):
        values = np.cumsum(np.random.default_rng(number).normal(size=POINTS)).tolist()
        record(store, "curves", {}, ((step, {"loss": value}) for step, value in enumerate(values)))


@contextlib.contextmanager
def serving(location):
    """The server, in a process of its own; gives its address."""
    command = [sys.executable, "-m", "runlore", "server", "--store", location, "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process.stdout.readline().rpartition(" ")[2].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def answer_once(location):
    """Start a server, have it say that it is well, and end it; gives the ms from the start to the answer."""
    begin = time.perf_counter()
    with serving(location) as address:
        httpx.get(f"{address}health").raise_for_status()
        return (time.perf_counter() - begin) * 1e3


def times_ms(action, repeats):
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        found.append((time.perf_counter() - begin) * 1e3)
    return found


def shown(name, over_http, in_library, goal_ms):
    http, library = statistics.median(over_http), statistics.median(in_library)
    print(f"{name:<46} {http:9.1f} {max(over_http):9.1f} {library:9.1f} {http / library:7.2f} {goal_ms:7,}")


def table_of(session, cache, limit, experiment=None, **sought):
    question = ask(session, sought.get("query"), sought.get("order_by"), experiment=experiment)
    runs = session.page(
        question.tree, list(question.order), limit, experiment=experiment, facts=True, last=True
    ).runs  # fmt: skip
    return columns_of(session, runs, [Field.parse(text) for text in COLUMNS], cache)


def compare(client, location, repeats):
    """Each question over HTTP and of the library."""
    print(f"{'':<46} {'http ms':>9} {'worst':>9} {'library':>9} {'ratio':>7} {'goal':>7}")
    session = Session(location).refresh()
    cache = SeriesCache(session, 1 << 30)

    def post(path, **body):
        answer = client.post(path, json=body)
        answer.raise_for_status()
        return answer

    first = {"columns": COLUMNS, "limit": 100, **SOUGHT}
    post("runs/table", **first)
    shown(f"filtered, sorted page of 100 of {RUNS:,} runs", times_ms(lambda: post("runs/table", **first), repeats),
          times_ms(lambda: table_of(session, cache, 100, **SOUGHT), repeats), GOALS_MS["runs/table"])  # fmt: skip
    everything = {"columns": COLUMNS, "limit": 20_000, "experiment": "many/*"}
    shown(f"table of {RUNS:,} runs, {len(COLUMNS)} columns",
          times_ms(lambda: post("runs/table", **everything), repeats),
          times_ms(lambda: table_of(session, cache, 20_000, "many/*"), repeats), 400)  # fmt: skip
    uids = post("runs/table", columns=[], experiment="curves").json()["uids"]
    runs = session.index.runs(uids)

    def drawn(buckets):
        return CurveReader(cache).read(runs, ["loss"], Drawing(buckets))

    title = f"{CURVES} curves of {POINTS:,} points"
    shown(f"{title}, cold", times_ms(lambda: post("curves", runs=uids, keys=["loss"], buckets=BUCKETS), 1),
          times_ms(lambda: drawn(BUCKETS), 1), 1_000)  # fmt: skip
    places = iter(range(1, 10**6))
    shown(f"{title}, series in memory",
          times_ms(lambda: post("curves", runs=uids, keys=["loss"], buckets=BUCKETS + next(places)), repeats),
          times_ms(lambda: drawn(BUCKETS + next(places)), repeats), GOALS_MS["curves"])  # fmt: skip
    shown(f"{title}, asked again", times_ms(lambda: post("curves", runs=uids, keys=["loss"], buckets=BUCKETS), repeats),
          times_ms(lambda: drawn(BUCKETS), repeats), GOALS_MS["curves"])  # fmt: skip
    shown("nothing (GET /info)", times_ms(lambda: client.get("info"), repeats), [1.0], 5)
    return first, {"runs": uids, "keys": ["loss"], "buckets": BUCKETS}


def together(address, location, page, curves):
    """Readers and writers at once: how long pages and curves take then."""
    store = open_store(location)
    over = threading.Event()
    found = {"runs/table": [], "curves": []}

    def write():
        uid = new_uid()
        store.create_run("written", uid)
        recorder = store.open_run(uid, experiment="written").record(first=True)
        recorder.event("start", "start", {"experiment": "written", "number": store.claim_number("written", uid)})
        step = 0
        while not over.wait(0.05):
            recorder.row({"loss": step, "acc": -step}, step=step)
            step += 1
        recorder.close()

    def read():
        with httpx.Client(base_url=f"{address}api/v1/", timeout=60, headers={"accept-encoding": "identity"}) as client:
            while not over.is_set():
                for path, body in (("runs/table", page), ("curves", curves)):
                    found[path] += times_ms(lambda path=path, body=body: client.post(path, json=body), 1)

    threads = [threading.Thread(target=action) for action in (read, write) for _ in range(TOGETHER)]
    for thread in threads:
        thread.start()
    time.sleep(TOGETHER_S)
    over.set()
    for thread in threads:
        thread.join()
    print(f"\n{TOGETHER} readers and {TOGETHER} writers at once, one worker, {os.cpu_count()} cores")
    for path, times in found.items():
        times.sort()
        median, late = statistics.median(times), times[int(len(times) * 0.95)]
        print(
            f"{path:<46} {len(times) / TOGETHER_S:7.1f}/s  median {median:7.1f} ms  95 % within {late:7.1f} ms  "
            f"goal {3 * GOALS_MS[path]:,}"
        )


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        location = open_store(os.environ.get("BENCH_STORE") or os.path.join(folder, "store"), create=True).location
        if not Session(location).index.experiments():
            fill(open_store(location))
        Session(location).refresh()
        first = [answer_once(location) for _ in range(repeats)]
        bare = times_ms(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), repeats)
        print(f"first answer: median {statistics.median(first):.0f} ms, worst {max(first):.0f}, goal 800; ", end="")
        print(f"`python -c pass` {statistics.median(bare):.0f} ms")
        with serving(location) as address:
            headers = {"accept-encoding": "identity"}
            with httpx.Client(base_url=f"{address}api/v1/", timeout=60, headers=headers) as client:
                page, curves = compare(client, location, repeats)
            together(address, location, page, curves)


if __name__ == "__main__":
    main()
