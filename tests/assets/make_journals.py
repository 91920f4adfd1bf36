"""Write the sample journals of the current format version, and what is in them.

`python tests/assets/make_journals.py` refuses to touch samples that exist: what was released once has to open forever.
A new format version gets a directory of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from runlore.journal import format as fmt
from runlore.journal import open_journal
from runlore.journal.decode import read

TARGET = Path(__file__).parent / "journals" / f"v{fmt.VERSION}"
TIME = 1_700_000_000


def log_a_little(journal) -> None:
    journal.event("start", "run", {"experiment": "samples"}, time_ns=TIME * 10**9)
    journal.columns({"fold": 1})
    for step in range(5):
        journal.scalar("loss", 1 / (step + 1), step, TIME + step)
        journal.row({"train/acc": step / 5, "lr": 1e-3}, step + 0.5, TIME + step)
    journal.scalar("no step", float("nan"), None, TIME)
    journal.scalar("late", float("-inf"), -(2**60), TIME)
    journal.event("param", "big integer", 2**70 + 1, time_ns=TIME * 10**9 + 1, extra={"source": "sample"})


def closed(directory: str) -> str:
    journal = open_journal(directory, "0" * 32, "mmap")
    log_a_little(journal)
    journal.close()
    return journal.path


def written(directory: str) -> str:
    journal = open_journal(directory, "0" * 32, "write")
    log_a_little(journal)
    journal.close()
    return journal.path


def columns(directory: str) -> str:
    journal = open_journal(directory, "0" * 32, "mmap")
    for step in range(4):
        journal.columns({"fold": step, "name": "Größe"} if step else {"a": None})
        journal.row({"x": float(step), "y": -0.0}, step, TIME)
    journal.columns({})
    journal.scalar("x", 9.0, 9, TIME)
    journal.close()
    return journal.path


def unicode(directory: str) -> str:
    journal = open_journal(directory, "0" * 32, "mmap")
    for number, key in enumerate(["损失", "🚀", "\ud83d\ude80", "\ud800", "e\u0301", "a/b c\t", "ü" * 300]):
        journal.scalar(key, float(number), number, TIME)
        journal.event("tag", key, {key: [key]}, time_ns=TIME * 10**9)
    journal.close()
    return journal.path


def large(directory: str) -> str:
    """Rows and events that need larger frames, and frames that hold scalars only."""
    journal = open_journal(directory, "0" * 32, "mmap")
    for step in range(2):
        journal.row({f"k{number}": number * 0.5 for number in range(2500)}, step, TIME)
        journal.event("log", "long", "x" * 5000, time_ns=TIME * 10**9)
    for step in range(1200):
        journal.scalar("s", float(step), step, TIME)
    journal.close()
    return journal.path


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from make_journals import log_a_little
from runlore.journal import open_journal
journal = open_journal(sys.argv[1], "0" * 32, "mmap")
log_a_little(journal)
journal._frame[journal.offset : journal.offset + 16] = b"torn in the midst"[:16]
os.kill(os.getpid(), 9)
"""


def killed(directory: str) -> str:
    """What a kill in the middle of a record leaves: a torn tail, reserved space behind it, a lock file."""
    subprocess.run([sys.executable, "-c", KILLED, directory, str(Path(__file__).parent)], check=False)
    [name] = [name for name in os.listdir(directory) if name.endswith(fmt.SUFFIX)]
    os.truncate(os.path.join(directory, name), fmt.FRAME_BYTES)
    return os.path.join(directory, name)


SAMPLES = [closed, written, columns, unicode, large, killed]


def describe(path: str) -> dict:
    """Everything that is in a journal, as JSON can hold it: floats in hexadecimal, keys as code points."""
    chunk = read(path)
    points, keys = chunk.points, chunk.context.keys
    return {
        "state": chunk.state,
        "damage": chunk.damage,
        "lost": chunk.lost,
        "keys": {str(number): [ord(c) for c in key] for number, key in keys.items()},
        "points": [
            [int(key), float(step).hex(), int(time), float(value).hex()]
            for key, step, time, value in zip(points.key, points.step, points.time_ns, points.value, strict=True)
        ],
        "events": [[e.kind, [ord(c) for c in e.key], repr(e.value), e.step, e.time_ns, e.extra] for e in chunk.events],
        "extras": [extra for _, extra in chunk.extras],
        "uid": chunk.context.header["uid"],
    }


def main() -> None:
    if TARGET.exists() and any(TARGET.iterdir()):
        raise SystemExit(f"{TARGET} has samples already. They stay as they are; a new format gets a new version")
    TARGET.mkdir(parents=True, exist_ok=True)
    for sample in SAMPLES:
        with tempfile.TemporaryDirectory() as directory:
            path = sample(directory)
            (TARGET / f"{sample.__name__}.rlj").write_bytes(Path(path).read_bytes())
        expected = describe(str(TARGET / f"{sample.__name__}.rlj"))
        (TARGET / f"{sample.__name__}.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
