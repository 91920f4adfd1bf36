"""Runs made through the contract of a store, with times that tests choose: the same in any kind of store."""

from __future__ import annotations

from typing import Any

from runlore.model import new_uid

S = 10**9
START_S = 1_767_225_600
"""2026-01-01, UTC."""


def make_run(
    store: Any, experiment: str = "iris", *, params: dict | None = None, tags: dict | None = None,
    metrics: dict[str, list[float]] | None = None, artifacts: dict[str, bytes] | None = None, start_s: int = START_S,
    end_s: int | None = 10, **about: Any,
) -> str:  # fmt: skip
    """Record a run; returns its uid. A metric has a point each second, at steps 0, 1, 2 …; `end_s` None: it crashed."""
    uid = new_uid()
    assert store.create_run(experiment, uid)
    number = store.claim_number(experiment, uid)
    recorder = store.open_run(uid, experiment=experiment).record()
    about = {"experiment": experiment, "number": number, "user": "ada", "host": "here", **about}
    recorder.event("start", "start", about, time_ns=start_s * S)
    for kind, facts in (("param", params), ("tag", tags)):
        for key, value in (facts or {}).items():
            recorder.event(kind, key, value, time_ns=start_s * S)
    for key, values in (metrics or {}).items():
        for step, value in enumerate(values):
            recorder.scalar(key, value, step=step, time=start_s + step)
    for name, content in (artifacts or {}).items():
        digest, size = store.put_bytes(content)
        value = {"digest": digest, "size": size, "media_type": "text/plain", "kind": "text", "encoding": "utf-8"}
        recorder.event("artifact", name, value, time_ns=(start_s + 1) * S, step=1)
    if end_s is not None:
        recorder.event("stop", "stop", {"status": "succeeded"}, time_ns=(start_s + end_s) * S)
    recorder.close()
    return uid
