"""What was logged, as plain values, to compare with what is read back."""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from pathlib import Path

from runlore.journal import format as fmt
from runlore.journal import open_journal
from runlore.journal.decode import Chunk, Context, read

RUN = "0" * 32
MODES = ("mmap", "write")
TIME = 1_700_000_000_000_000_000


def bits(value: float) -> bytes:
    """A float as something that equals itself, NaN too."""
    return struct.pack("<d", value)


def plain(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def points_of(chunk: Chunk) -> list[tuple]:
    """(sequence, key, step, time, value) of every point."""
    points, keys = chunk.points, chunk.context.keys
    rows = zip(
        points.sequence.tolist(), points.key.tolist(), points.step.tolist(), points.time_ns.tolist(),
        points.value.tolist(), strict=True,
    )  # fmt: skip
    return [(s, keys[k], None if step != step else step, t, bits(v)) for s, k, step, t, v in rows]


def facts_of(*chunks: Chunk) -> list[tuple]:
    """Every point and event that was read, in the order of recording, with the extra columns that it has."""
    found = []
    for chunk in chunks:
        found += [(s, "point", key, step, time, value) for s, key, step, time, value in points_of(chunk)]
        found += [(e.sequence, e.kind, e.key, e.step, e.time_ns, plain(e.value), plain(e.extra)) for e in chunk.events]
    found.sort(key=lambda fact: fact[0])
    return [fact[1:] for fact in found]


def read_facts(path: str) -> list[tuple]:
    chunk = read(path)
    assert chunk.damage == []
    return facts_of(chunk)


def read_in_pieces(path: str, max_bytes: int) -> list[Chunk]:
    """The whole journal, each time from a context that went through text."""
    chunks, context = [], Context()
    while True:
        chunk = read(path, Context.load(context.dump()), max_bytes=max_bytes)
        chunks.append(chunk)
        context = chunk.context
        if not chunk.more:
            return chunks


def is_subset(part: list[tuple], whole: list[tuple]) -> bool:
    """Whether nothing is in `part` that is not in `whole`, as often."""
    return not Counter(part) - Counter(whole)


class Logged:
    """A journal, and what was logged to it."""

    def __init__(self, directory: object, mode: str = "mmap") -> None:
        self.journal = open_journal(str(directory), RUN, mode)
        self.facts: list[tuple] = []
        self._clock = TIME

    def _tick(self) -> int:
        self._clock += 1_000_000_000
        return self._clock

    def scalar(self, key, value, step=None):
        time = self._tick()
        self.journal.scalar(key, value, step, time // 1_000_000_000)
        self.facts.append(("point", key, None if step is None else float(step), time, bits(float(value))))

    def row(self, values, step=None):
        time = self._tick()
        self.journal.row(values, step, time // 1_000_000_000)
        when = None if step is None else float(step)
        self.facts += [("point", key, when, time, bits(float(value))) for key, value in values.items()]

    def event(self, kind, key, value=None, step=None, extra=None):
        time = self._tick()
        self.journal.event(kind, key, value, step=step, time_ns=time, extra=extra)
        when = None if step is None else float(step)
        self.facts.append((kind, key, when, time, plain(value), plain(extra or {})))

    def columns(self, columns):
        self.journal.columns(columns)


def write_sample(directory: object, mode: str = "mmap", *, repeat: int = 3, wide: int = 40, big: int = 0) -> Logged:
    """A journal of every kind of record, not closed."""
    logged = Logged(directory, mode)
    for i in range(repeat):
        logged.event("param", f"p{i}", {"lr": 0.1, "name": "Größe", "i": i}, extra={"fold": i})
        logged.scalar("loss", i * 0.5, i)
        logged.row({"acc": i / 3, "train/loss": float("nan")}, i)
        logged.row({f"k{k}": k + i for k in range(wide)}, i + 0.5)
        logged.columns({"host": f"n{i}"})
        logged.scalar("lr", -0.0)
        logged.scalar("loss", float("inf"), 2**60)
        if big:
            logged.event("log", f"b{i}", "x" * big)
    return logged


def used_bytes(path: str) -> int:
    """Where the last record of an unclosed journal ends."""
    return read(path).context.offset


def frame_headers(path: str) -> list[int]:
    """Offsets of every frame header."""
    data = Path(path).read_bytes()
    found, at = [], data.find(fmt.FRAME_MAGIC)
    while at >= 0:
        if at % 32 == 0:
            found.append(at)
        at = data.find(fmt.FRAME_MAGIC, at + 1)
    return found


def journals_in(directory: object) -> list[str]:
    return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(fmt.SUFFIX))
