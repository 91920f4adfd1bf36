"""Those who ask a server in a storm, and remember what it confirmed."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

MLFLOW = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
WORKERS_DIFFER_S = 2.0
"""After which each worker has seen a run that one of them has: half a second, and what a busy machine adds."""
_DAY_MS = 86_400_000


@dataclass
class Confirmed:
    """What one run of MLflow's protocol has, as its client was told.

    Attributes:
        sent: (key, step) → value, of every point that was sent; each is sent once.
        points: those of them that were confirmed.
        artifacts: path → SHA-256 of those that were confirmed.
    """

    sent: dict = field(default_factory=dict)
    points: set = field(default_factory=set)
    artifacts: dict = field(default_factory=dict)


class Client(threading.Thread):
    """One who asks until the storm is over.

    Attributes:
        answers: how many of each status; 0: none came, since the worker was killed.
        wrong: answers that are no documented problem.
    """

    def __init__(self, address, token, over, seed):
        super().__init__(name=f"{type(self).__name__} {seed}", daemon=True)
        self.address, self.over, self.chance = address, over, random.Random(seed)
        self.headers = {"authorization": f"Bearer {token}"}
        self.answers, self.wrong, self.failure = Counter(), [], None

    def run(self):
        try:
            with httpx.Client(base_url=self.address, headers=self.headers, timeout=30) as self.http:
                while not self.over.is_set():
                    self.work()
        except Exception as error:  # noqa: BLE001 - the test raises it
            self.failure = error

    def work(self):
        """One round."""
        raise NotImplementedError

    def pause(self, seconds):
        """So as not to be the only one that the processor works for."""
        self.over.wait(seconds * (0.5 + self.chance.random()))

    def ask(self, method, path, **more):
        """The answer where it is a good one, else None."""
        try:
            answer = self.http.request(method, path, **more)
        except httpx.TransportError:
            self.answers[0] += 1
            return None
        self.answers[answer.status_code] += 1
        if answer.is_success:
            return answer
        try:
            told = answer.json()
        except ValueError:
            told = {}
        if answer.status_code not in {503, 507} or not (told.get("title") or told.get("message")):
            self.wrong.append((method, path, answer.status_code, answer.text[:300]))
        self.pause(0.1)
        return None


class MlflowWriter(Client):
    """Begins runs, logs points one by one and in batches, and sends files; its clock jumps."""

    def __init__(self, *told):
        super().__init__(*told)
        self.confirmed: dict[str, Confirmed] = {}

    def points(self):
        """(run, key, step) of all that was confirmed."""
        return {(uid, *point) for uid, held in list(self.confirmed.items()) for point in list(held.points)}

    def now_ms(self):
        return max(int(time.time() * 1e3) + self.chance.choice([0, 0, 1, -1]) * self.chance.randrange(30 * _DAY_MS), 0)

    def work(self):
        made = self.ask("POST", f"{MLFLOW}/runs/create", json={"experiment_id": "0", "start_time": self.now_ms()})
        if made is None:
            return
        uid = made.json()["run"]["info"]["run_id"]
        held = self.confirmed[uid] = Confirmed()
        for step in range(0, 200, 5):
            if self.over.is_set():
                return
            self.log(uid, held, step)
            self.batch(uid, held, range(step + 1, step + 5))
            if step % 25 == 0:
                self.upload(uid, held, f"file{step}")
            self.pause(0.02)
        self.ask("POST", f"{MLFLOW}/runs/update", json={"run_id": uid, "status": "FINISHED"})

    def log(self, uid, held, step):
        held.sent["loss", step] = step / 7
        point = {"key": "loss", "value": step / 7, "step": step, "timestamp": self.now_ms()}
        if self.ask("POST", f"{MLFLOW}/runs/log-metric", json={"run_id": uid, **point}) is not None:
            held.points.add(("loss", step))

    def batch(self, uid, held, steps):
        held.sent |= {("batch", step): step / 7 for step in steps}
        points = [{"key": "batch", "value": step / 7, "step": step, "timestamp": self.now_ms()} for step in steps]
        if self.ask("POST", f"{MLFLOW}/runs/log-batch", json={"run_id": uid, "metrics": points}) is not None:
            held.points |= {("batch", step) for step in steps}

    def upload(self, uid, held, name):
        content = self.chance.randbytes(self.chance.randrange(1, 60_000))
        if self.ask("PUT", f"{ARTIFACTS}/0/{uid}/artifacts/{name}", content=content) is not None:
            held.artifacts[name] = hashlib.sha256(content).hexdigest()


class Reader(Client):
    """Asks for tables, for curves of what is in them, and for runs that every worker knows by now."""

    def __init__(self, *told):
        super().__init__(*told)
        self._seen_s = {}

    def work(self):
        columns = ["name", "started", "metrics.loss", "metrics.loss:points"]
        table = self.ask("POST", "/api/v1/runs/table", json={"columns": columns, "limit": 20})
        if table is not None and table.json()["uids"]:
            uids, now = table.json()["uids"], time.monotonic()
            known = [uid for uid in uids if now - self._seen_s.setdefault(uid, now) > WORKERS_DIFFER_S]
            if known:
                self.ask("GET", "/api/v1/curves", params={"run": known[:5], "key": "loss"})
                self.ask("GET", f"/api/v1/runs/{known[0]}")
        self.pause(0.15)


class PageSession(Client):
    """Has a stream of events open, as a page does, and opens another one where it broke off.

    Attributes:
        events: that came.
    """

    events = 0

    def work(self):
        try:
            with self.http.stream("GET", "/api/v1/live", timeout=httpx.Timeout(30, read=2)) as stream:
                self.answers[stream.status_code] += 1
                for line in stream.iter_lines():
                    self.events += line.startswith("event:")
                    if self.over.is_set():
                        return
        except httpx.TransportError:
            self.answers[0] += 1
            self.pause(0.1)


class Probe(Client):
    """Asks without end whether the server is ready.

    Attributes:
        longest_s: from one good answer to the next.
    """

    longest_s = 0.0
    _last_s = None

    def work(self):
        try:
            answer = httpx.get(f"{self.address}/ready", timeout=30)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.is_success:
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - (self._last_s or now))
            self._last_s = now
        self.over.wait(0.05)
