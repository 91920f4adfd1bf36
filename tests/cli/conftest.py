"""The command line in this process: `cli("ls")` gives what was printed, and fails where the exit code differs."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import runlore
from runlore.cli import run as run_command

sys.path.insert(0, str(Path(__file__).parent))


@dataclass
class Printed:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def cells(self) -> list[list[str]]:
        """The cells of each line of a table that is not laid out."""
        return [line.split("\t") for line in self.lines]

    def json(self):
        assert self.out.count("\n") == 1, "one document, on one line without a terminal"
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.fixture
def store(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return str(tmp_path / ".runlore")


def in_process(*arguments: object, stdin: bytes = b"", encoding: str = "utf-8") -> Printed:
    """Run a command in this process, with streams of its own."""
    streams = [io.TextIOWrapper(io.BytesIO(data), encoding, "backslashreplace") for data in (stdin, b"", b"")]
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        code = run_command([str(item) for item in arguments])
        for stream in streams[1:]:
            stream.flush()
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams[1:])
    return Printed(code, out, err)


@pytest.fixture
def call(store):
    return in_process


@pytest.fixture
def cli(call):
    def checked(*arguments: object, code: int = 0, **options) -> Printed:
        printed = call(*arguments, **options)
        assert printed.code == code, printed.out + printed.err
        return printed

    return checked


@pytest.fixture
def runs(store) -> list[str]:
    """Three runs of `iris`, the last one failed; one of `vision/cifar 10`. Their uids."""
    uids = []
    for number, (lr, acc) in enumerate([(0.1, 0.7), (0.01, 0.9), (0.001, 0.8)], 1):
        run = runlore.start(
            "iris", f"try {number}", params={"lr": lr, "seed": 1}, tags={"stage": "test"}, capture=False
        )
        uids.append(run.uid)
        for step in range(3):
            run.log_metrics({"loss": 1 / (step + number), "acc": acc * (step + 1) / 3}, step=step)
        run.log_artifact(f"notes of {number}".encode(), "notes/a.txt")
        run.log_event("log", "stdout", f"begin {number}\nend {number}", offsets_ms=[0, 5])
        run.log_event("log", "stderr", "a warning")
        if number == 3:
            run.end("failed", {"exception": "ValueError", "message": "it broke", "traceback": "Traceback:\n  line"})
        else:
            run.finish()
    with runlore.start("vision/cifar 10", capture=False) as run:
        run.log_metric("loss", float("nan"))
        uids.append(run.uid)
    return uids
