"""Makes the frozen sample of a sealed run. Run it once for a new version of the format, never again for an old one.

python tests/store/make_sealed_sample.py tests/assets/sealed/v3
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

from store_truth import new_journal, new_run

from runlore.model import START, STOP
from runlore.store import open_store
from runlore.store.content import read_events, read_points
from runlore.store.sealed.files import read_summary
from runlore.store.sealed.sealing import seal_run
from runlore.store.summary import RunSummary


def record(directory: str, shift: int) -> None:
    """A bit of everything, at times that do not depend on the clock."""
    journal = new_journal(directory)
    base = 1_700_000_000_000_000_000 + shift
    journal.event(START, "start", {"experiment": "größe/層", "number": 7}, time_ns=base)
    steps = [0, 1, 2.5, None, -3, 2.0**53, 2.0**63, math.inf]
    for at in range(400):  # ten bursts a second, of four records each
        now = base + at // 4 * 100_000_007 + at % 4 * 913
        journal.scalar(f"burst/{at % 4}", at / 7, at // 4, _now=lambda now=now: now)
    values = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 3.0]
    for index, (step, value) in enumerate(zip(steps, values, strict=True)):
        for key in ("loss", "train/損失", "\ud800"):
            journal.scalar(key, value, step, _now=lambda at=base + index * 1000: at)
        with patch("runlore.journal.writer.time_ns", lambda at=base + index * 1000 + 1: at):
            journal.row({"b": index, "a": value}, step)
        journal.columns({"fold": index // 3, "名": "x"})
        journal.event("note", f"n\udfff{index}", {"v": [value, 2**70, None, "層"]}, step=step, time_ns=base + index)
    journal.event("metric", "loss", 0.5, step=9, time_ns=base + 99, extra={"own": True})
    journal.event("param", "lr", 1e-3, time_ns=base + 100)
    journal.event(STOP, "stop", {"status": "succeeded"}, time_ns=base + 10_000)
    journal.close()


def main(target: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = open_store(root, create=True)
        directory = new_run(store)
        record(directory, 0)
        record(directory, 500)
        seal_run(store, directory)
        os.makedirs(target)
        shutil.copytree(directory, os.path.join(target, "run"))
    run = os.path.join(target, "run")
    os.rmdir(os.path.join(run, "journal"))
    points, summary = read_points(run), RunSummary.load(read_summary(run)["summary"])
    rows = zip(
        points.key.tolist(), points.step.tolist(), points.time_ns.tolist(), points.value.tolist(),
        points.writer.tolist(), points.sequence.tolist(), strict=True,
    )  # fmt: skip
    truth = {
        "points": [
            [points.names[key], repr(step), time, repr(value), points.writers[writer], sequence]
            for key, step, time, value, writer, sequence in rows
        ],
        "events": [repr(event) for event in read_events(run)],
        "extras": points.extras,
        "summary_points": summary.points,
    }
    Path(target, "truth.json").write_text(json.dumps(truth, indent=0), encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
