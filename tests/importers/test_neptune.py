"""Parquet as neptune-exporter documents it, written here: the exporter needs an account of a service that is gone."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.importers.neptune import Exports

SCHEMA = pa.schema([
    ("project_id", pa.string()), ("run_id", pa.string()), ("attribute_path", pa.string()),
    ("attribute_type", pa.string()), ("step", pa.decimal128(18, 6)), ("timestamp", pa.timestamp("ms", "UTC")),
    ("int_value", pa.int64()), ("float_value", pa.float64()), ("string_value", pa.string()), ("bool_value", pa.bool_()),
    ("datetime_value", pa.timestamp("ms", "UTC")), ("string_set_value", pa.list_(pa.string())),
    ("file_value", pa.struct([("path", pa.string())])),
    ("histogram_value", pa.struct([("type", pa.string()), ("edges", pa.list_(pa.float64())),
                                   ("values", pa.list_(pa.float64()))])),
])  # fmt: skip
START = datetime(2025, 1, 1, 12, tzinfo=timezone.utc)


def row(path, kind, **values):
    return {"project_id": "team/vision", "run_id": "RUN-1", "attribute_path": path, "attribute_type": kind, **values}


def write(place, name, rows):
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), place / name)


@pytest.fixture
def exported(tmp_path):
    data, files = tmp_path / "exports" / "data", tmp_path / "exports" / "files"
    (files / "vision").mkdir(parents=True)
    (files / "vision" / "w.bin").write_bytes(b"weights")
    (tmp_path / "exports" / "secret").write_text("secret")
    write(data / "vision", "RUN-1_part_0.parquet", [
        row("sys/creation_time", "datetime", datetime_value=START), row("sys/name", "string", string_value="nice"),
        row("sys/tags", "string_set", string_set_value=["a", "b"]), row("sys/failed", "bool", bool_value=True),
        row("params/lr", "float", float_value=0.1), row("params/depth", "int", int_value=2**60),
        row("weights", "file", file_value={"path": "vision/w.bin"}),
        row("bad", "file", file_value={"path": "../secret"}),
        *(row("loss", "float_series", step=Decimal(n) / 2, timestamp=START, float_value=n / 3) for n in range(20)),
    ])  # fmt: skip
    write(data / "vision", "RUN-1_part_1.parquet", [
        *(row("loss", "float_series", step=Decimal(n) / 2, timestamp=START, float_value=n / 3) for n in range(20, 30)),
        row("words", "string_series", step=Decimal(1), timestamp=START, string_value="hello"),
        row("h", "histogram_series", step=Decimal(1), timestamp=START),
    ])  # fmt: skip
    return data


def test_runs_are_what_was_exported(take, store, exported):
    report = take(lambda: Exports(str(exported)), whole=False)
    (run,) = report.runs
    assert run.problems == [
        "left out: the file of 'bad', which is not below --files, or a folder",
        "left out: 1 values of the kind 'histogram_series', which has no form here",
    ]
    view = runlore.get_run(run.uid)
    assert (view.experiment, view.name, view.status) == ("team/vision", "nice", "failed")
    assert view.params == {"params/lr": 0.1, "params/depth": 2**60}
    assert set(view.tags) == {"a", "b"}
    points = store.open_run(run.uid).points()
    assert points.step.tolist() == [n / 2 for n in range(30)]
    assert points.value.tolist() == [n / 3 for n in range(30)]
    assert view.artifact("weights").read_bytes() == b"weights"
    assert view.artifact("words").read_bytes() == b"hello"


def test_a_part_that_is_damaged_or_anothers_costs_itself(take, exported):
    part = exported / "vision" / "RUN-1_part_1.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    pq.write_table(pa.table({"x": [1]}), exported / "other.parquet")
    report = take(lambda: Exports(str(exported)), whole=False)
    assert len(report.problems) == 2
    assert report.total().points == 20


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(NotFound, match="none"):
        Exports(str(tmp_path / "none"))
    with pytest.raises(NotFound, match="--files"):
        Exports(str(tmp_path), str(tmp_path / "none"))
    with pytest.raises(InvalidArgument, match="no Parquet"):
        Exports(str(tmp_path)).runs()
