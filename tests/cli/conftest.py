"""The command line in this process: `cli("ls")` gives what was printed, and fails where the exit code differs."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import runlore
from runlore.cli import app

sys.path.insert(0, str(Path(__file__).parent))


@dataclass
class Printed:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self):
        assert self.out.count("\n") == 1, "one document, on one line without a terminal"
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.fixture
def store(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return str(tmp_path / ".runlore")


@pytest.fixture
def cli(store):
    def call(*arguments: str, code: int = 0, stdin: bytes | None = None) -> Printed:
        result = CliRunner().invoke(app, [str(item) for item in arguments], prog_name="runlore", input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return Printed(result.exit_code, result.stdout, result.stderr)

    return call


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
