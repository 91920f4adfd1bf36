"""Every code block of the document on omega-ml's tracking runs as it is, and prints the columns that it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import runlore.dialects.omegaml as om

if TYPE_CHECKING:
    import pandas as pd

DOCUMENT = Path(__file__).parents[2] / "assets" / "seeds" / "omegaml-experiment-tracking.rst"


def code_blocks() -> list[str]:
    """The indented text below each `.. code::`."""
    blocks, current = [], None
    for line in DOCUMENT.read_text("utf-8").splitlines():
        if line.startswith(".. code::"):
            current = []
            blocks.append(current)
        elif current is not None and line and not line.startswith(" "):
            current = None
        elif current is not None:
            current.append(line[4:])
    return ["\n".join(block).strip("\n") for block in blocks]


def split(block: str) -> tuple[str, list[str]]:
    """The code of a block, and the header of the table or the output that it prints below."""
    lines = block.splitlines()
    shown = next((i for i, line in enumerate(lines) if line.startswith(("|", "[Logistic", "{'platform"))), len(lines))
    return "\n".join(lines[:shown]), lines[shown:]


def header(table: list[str]) -> list[str]:
    return [cell.strip() for cell in table[0].strip("|").split("|")][1:]


def rows(table: list[str]) -> list[dict[str, str]]:
    names = header(table)
    return [
        dict(zip(names, [cell.strip() for cell in line.strip("|").split("|")][1:], strict=True))
        for line in table[2:]
        if line.startswith("|")
    ]


def same_row(shown: dict[str, str], row: pd.Series, columns: list[str]) -> None:
    """What the document shows that does not depend on machine and time."""
    for name in columns:
        if shown[name] in ("", "nan"):
            assert row[name] is None or np.isnan(row[name]), name
        elif name in ("value", "count"):
            if not shown[name].startswith("{"):
                assert float(row[name]) == float(shown[name])
        else:
            assert str(row[name]) == shown[name], name


@pytest.fixture
def names():
    X, Y = load_iris(return_X_y=True)
    lr = LogisticRegression(max_iter=500).fit(X, Y)
    return {"om": om, "lr": lr, "X": X, "Y": Y, "LogisticRegression": LogisticRegression}


def run(code: str, names: dict) -> object:
    """Run the code; the value of its last expression, as an interactive session would print it."""
    last = re.split(r"\n(?=\S)", code)
    try:
        expression = compile(last[-1], "document", "eval")
    except SyntaxError:
        exec(code, names)
        return None
    exec("\n".join(last[:-1]), names)
    return eval(expression, names)


def test_the_document_has_the_blocks_that_are_tested():
    assert len(code_blocks()) == 9


def test_set_up_and_retrieve(names):
    blocks = code_blocks()
    run(blocks[0], names)
    code, table = split(blocks[1])
    run(code, names)
    data = names["data"]
    assert list(data.columns) == header(table)
    shown = rows(table)
    assert len(data) == len(shown) == 3
    assert data["event"].tolist() == [row["event"] for row in shown]
    for row, (_, found) in zip(shown, data.iterrows(), strict=True):
        same_row({**row, "key": found["key"], "value": ""}, found, ["event", "step"])
    assert data["key"].tolist() == ["start", "accuracy", "stop"]
    assert data["value"][1] == names["lr"].score(names["X"], names["Y"])


def one_score():
    with om.runtime.experiment("iris") as exp:
        exp.log_metric("score", 0.5)
    return exp


def test_filter_by_event(names):
    names["exp"] = one_score()
    code, table = split(code_blocks()[2])
    run(code, names)
    assert list(names["metrics"].columns) == header(table)
    (shown,) = rows(table)
    (found,) = [row for _, row in names["metrics"].iterrows()]
    same_row(shown, found, ["experiment", "run", "step", "event", "key", "value"])
    assert names["metrics"].index.tolist() == [0]


def test_summary(names):
    names["exp"] = one_score()
    for _ in range(5):
        with om.runtime.experiment("iris"):
            pass
    code, table = split(code_blocks()[3])
    summary = run(code, names)
    assert list(summary.columns) == header(table)
    shown = rows(table)
    same_row(shown[0], summary.iloc[0], ["event", "key", "count", "mean", "std", "min", "25%", "50%", "75%", "max"])
    same_row(shown[1], summary.iloc[1], ["event", "key", "count"])
    latency = summary.iloc[1]
    assert 0 < latency["min"] <= latency["25%"] <= latency["50%"] <= latency["75%"] <= latency["max"] < 60


def test_compare_and_plot(names):
    for value in (0.1, 0.3):
        with om.runtime.experiment("iris") as exp:
            exp.log_metric("acc", value)
    names["exp"] = exp
    code = code_blocks()[4]
    axes = run(code, names)
    line = axes.get_lines()[0]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1, 2], [0.1, 0.3])
    import matplotlib.pyplot as plt

    plt.close("all")


def test_params_artifacts_and_system(names):
    code, table = split(code_blocks()[5])
    data = run(code, names)
    assert list(data.columns) == header(table)
    shown = rows(table)
    assert len(data) == len(shown) == 5
    for row, (_, found) in zip(shown, data.iterrows(), strict=True):
        same_row(row, found, ["experiment", "step", "event", "key", "value", "name"])
    values = data.set_index("event")["value"]
    assert values["param"] == names["lr"].__class__().get_params()
    assert {"name", "data", "format"} <= set(values["artifact"])
    assert (values["artifact"]["name"], values["artifact"]["format"]) == ("model", "model")
    assert values["system"].keys() >= {"platform", "python", "packages"}

    code, shown = split(code_blocks()[6])
    assert str(run(code, names)) == shown[0]
    code, shown = split(code_blocks()[7])
    value = run(code, names)
    for key in re.findall(r"'(\w+)': (?:\{|'|\[)", shown[0]):
        assert key in value or key in value["platform"]


def test_extras(names):
    code, table = split(code_blocks()[8])
    data = run(code, names)
    assert list(data.columns) == header(table)
    shown = rows(table)
    assert data["key"].tolist() == [row["key"] for row in shown]
    for row, (_, found) in zip(shown, data.iterrows(), strict=True):
        same_row(row, found, ["key", "value", "tag"])
