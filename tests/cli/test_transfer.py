from __future__ import annotations

import csv
import json
import os
import sys
from io import StringIO

import pandas as pd
import pyarrow.parquet as pq
import pytest

import runlore
from runlore.journal import plain
from runlore.store import claims, open_store
from runlore.store.sealed.sealing import seal_store


def test_another_store_is_merged(cli, runs, tmp_path):
    other = str(tmp_path / "other")
    with runlore.start("iris", "theirs", store=other, capture=False) as run:
        run.log_metric("acc", 1.0)
    printed = cli("merge", other)
    assert printed.lines == [
        "1 run added, 0 extended, 0 unchanged",
        f"iris#1 is iris#4 here  {run.uid}",
    ]
    assert cli("show", "iris#4", "--json").json()["uid"] == run.uid
    document = cli("merge", other, "--json").json()
    assert (document["added"], document["unchanged"], document["renumbered"]) == ([], 1, [])


def test_names_that_mean_other_runs_are_said(cli, runs, store, tmp_path):
    other = str(tmp_path / "other")
    with runlore.start("iris", store=other, capture=False) as run:
        pass
    claims.claim(store, "luml", "both", {"uid": runs[0]})
    for name in ("both", "new"):
        claims.claim(other, "luml", name, {"uid": run.uid})
    printed = cli("merge", other, code=1)
    assert printed.lines[0] == "1 run added, 0 extended, 0 unchanged, 1 name taken over"
    assert printed.err == (
        f"left as it is: the luml name 'both' means iris#1 ({runs[0]}) here, and iris#4 ({run.uid}) there; "
        "call the latter by its uid\n"
    )
    assert cli("merge", other, "--json", code=1).json()["clashes"] == [
        {"namespace": "luml", "name": "both", "uid": runs[0], "run": "iris#1", "other_uid": run.uid,
         "other_run": "iris#4"}
    ]  # fmt: skip


def test_what_cannot_be_merged(cli, runs, store, tmp_path):
    cli("merge", store, code=2)
    assert "there is no store" in cli("merge", tmp_path / "none", code=3).err
    for command, code in ((("merge", tmp_path / "none"), 3), (("import", tmp_path / "none"), 1)):
        cli(*command, "--store", tmp_path / "new", code=code)
        assert not (tmp_path / "new").exists()


def test_csv_on_stdout(cli, runs):
    rows = list(csv.DictReader(StringIO(cli("export", "iris", "--event", "metric", "--key", "loss").out)))
    assert len(rows) == 9
    assert (rows[0]["experiment"], rows[0]["run"], rows[0]["step"], rows[0]["value"]) == ("iris", "1", "0", "1.0")


def test_json_lines(cli, runs, tmp_path):
    path = tmp_path / "out.jsonl"
    assert cli("export", "-o", path).out.startswith(f"{path}: 4 runs, ")
    records = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]
    assert {record["event"] for record in records} >= {"start", "stop", "metric", "param", "tag", "artifact", "log"}
    (nan,) = [record for record in records if record["value"] == "NaN"]
    assert (nan["experiment"], nan["step"]) == ("vision/cifar 10", None)
    (log,) = [record for record in records if record["text"] == "begin 2\nend 2"]
    assert log["extra"] == {"offsets_ms": [0, 5]}


def test_parquet(cli, runs, tmp_path):
    path = tmp_path / "out.parquet"
    document = cli("export", "--query", "params.lr < 0.05", "-o", path, "--json").json()
    assert (document["runs"], document["format"]) == (2, "parquet")
    frame = pd.read_parquet(path)
    assert len(frame) == document["records"]
    assert set(frame["uid"]) == {runs[1], runs[2]}
    assert str(frame["time"].dtype) == "datetime64[ns, UTC]"
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    assert frame.loc[frame["key"] == "loss", "value"].tolist() == [1 / 2, 1 / 3, 1 / 4, 1 / 3, 1 / 4, 1 / 5]


def test_a_file_is_not_replaced_unasked(cli, runs, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("mine")
    assert "--force" in cli("export", "-o", path, code=1).err
    assert path.read_text() == "mine"
    cli("export", "-o", path, "--force")
    assert path.read_text().startswith("experiment,")


def test_an_ending_that_says_nothing_is_asked_about(cli, runs, tmp_path):
    assert "the ending '.json'; use .parquet, .csv, .jsonl, .runlore" in cli("export", "-o", "x.json", code=2).err
    assert not (tmp_path / "x.json").exists()
    cli("export", "-o", "x.json", "--format", "jsonl")
    cli("export", "-o", "plain")
    assert (tmp_path / "plain").read_text().startswith("experiment,")


def damage(uid: str) -> None:
    seal_store(open_store())
    path = os.path.join(runlore.get_run(uid).directory, "events.parquet")
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 3)
        file.write(b"\0" * 60)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "runlore"])
def test_a_run_that_cannot_be_read_does_not_keep_the_others_from_being_written(cli, runs, tmp_path, ending):
    claims.claim(open_store().root, "luml", "damaged", {"uid": runs[1]})
    damage(runs[1])
    path = tmp_path / f"out.{ending}"
    printed = cli("export", "-o", path, code=1)
    assert ": 3 runs, " in printed.out
    assert printed.err.startswith(f"left out: run {runs[1]}: ")
    assert printed.err.count("\n") == 1
    assert cli("export", "-o", path, "--force", "--json", code=1).json()["damaged"] == [runs[1]]
    if ending == "runlore":
        assert cli("import", path, "--store", tmp_path / "other").out.startswith("3 runs added")
    elif ending == "jsonl":
        assert {json.loads(line)["uid"] for line in path.read_text().splitlines()} == {*runs} - {runs[1]}


def test_a_run_that_is_damaged_there_is_left_out(cli, runs, store, tmp_path):
    damage(runs[1])
    printed = cli("merge", store, "--store", tmp_path / "new", code=1)
    assert printed.out.startswith("3 runs added")
    assert printed.err == f"left out: runs/iris/{runs[1]} is damaged\n"


def test_places_that_cannot_be_written_to(cli, runs, tmp_path):
    assert "is a directory" in cli("export", "-o", tmp_path, "--force", code=2).err
    assert "there is no such directory" in cli("export", "-o", tmp_path / "none" / "x.csv", code=3).err
    assert "part" not in cli("export", "-o", tmp_path / "none" / "x.csv", code=3).err


def test_runs_by_name(cli, runs):
    printed = cli("export", "--run", "iris#2", "--run", runs[3], "--event", "metric")
    assert {line.split(",")[2] for line in printed.lines[1:]} == {runs[1], runs[3]}
    cli("export", "iris", "--run", "iris#2", code=2)
    cli("export", "nothing", code=3)
    cli("export", "--json", code=2)


def test_an_archive_goes_from_one_store_to_another(cli, runs, tmp_path):
    path = tmp_path / "all.runlore"
    cli("export", "-o", path)
    other = str(tmp_path / "other")
    assert cli("import", path, "--store", other).out.startswith("4 runs added")
    assert cli("import", path, "--store", other).out.startswith("0 runs added, 0 extended, 4 unchanged")
    ours, theirs = (cli("runs", "--json", *where).json()["runs"] for where in ((), ("--store", other)))
    assert ours == theirs
    assert cli("artifacts", "iris#3", "get", "notes/a.txt", "-o", "-", "--store", other).out == "notes of 3"
    cli("doctor", "--store", other)


def test_an_archive_from_stdin(cli, runs, tmp_path):
    path = tmp_path / "all.runlore"
    cli("export", "--run", "iris#1", "-o", path)
    cli("import", "-", "--store", tmp_path / "other", stdin=path.read_bytes())
    assert len(cli("runs", "--json", "--store", tmp_path / "other").json()["runs"]) == 1


def test_what_is_no_archive(cli, store, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"hello")
    assert "no archive" in cli("import", path, code=2).err
    assert "No such file" in cli("import", tmp_path / "none", code=1).err


def test_an_archive_that_is_refused_leaves_no_store_behind(cli, runs, tmp_path):
    archive, junk = tmp_path / "all.runlore", tmp_path / "junk"
    cli("export", "-o", archive)
    junk.write_bytes(b"no archive at all")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "empty").mkdir()
    for arguments in ([junk], [archive, "--max-files", 2], [archive, "--max-size", "10"], [archive, "--max-depth", 3]):
        for name in ("new", "mine"):
            cli("import", *arguments, "--store", tmp_path / name, code=2)
        assert not (tmp_path / "new").exists()
        assert os.listdir(tmp_path / "mine") == ["empty"]
    cli("import", archive, "--store", tmp_path / "new")
    before = len(runlore.runs(store=tmp_path / "new"))
    cli("import", junk, "--store", tmp_path / "new", code=2)
    assert len(runlore.runs(store=tmp_path / "new")) == before == len(runs)


LIMITS = {
    "--max-size": (["--max-size", "1000"], ["--max-size", "1000000000"]),
    "--max-files": (["--max-files", 3], ["--max-files", 1000]),
    "--max-depth": (["--max-depth", 4], ["--max-depth", 12]),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_archives_unpack_within_the_limits_that_are_asked_for(cli, runs, tmp_path, limit):
    with runlore.start("a/b/c/d/e/f", capture=False) as run:
        run.log_text("x" * 5000, "t")
    archive = tmp_path / "all.runlore"
    cli("export", "-o", archive)
    small, large = LIMITS[limit]
    refused = cli("import", archive, "--store", tmp_path / "other", *small, code=2)
    assert limit in refused.err
    assert "nothing was imported" in refused.err
    cli("import", archive, "--store", tmp_path / "other", *large)
    assert len(runlore.runs(store=tmp_path / "other")) == len(runlore.runs())


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", ["-1", "0", "much", ""])
def test_a_limit_that_is_none_is_refused_with_its_name_and_value(cli, runs, tmp_path, limit, value):
    archive = tmp_path / "all.runlore"
    cli("export", "-o", archive)
    refused = cli("import", archive, "--store", tmp_path / "other", limit, value, code=2)
    assert limit in refused.err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "runlore"])
def test_a_param_nested_deeper_than_may_be_logged_is_written_with_all_others(cli, runs, tmp_path, monkeypatch, ending):
    nested = 1
    for _ in range(900):
        nested = [nested]
    with monkeypatch.context() as patch:  # as another program, or an older one, may have written it
        patch.setattr(plain, "MAX_NESTING", 1_000_000)
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(10_000)
        try:
            with runlore.start("deep", capture=False) as run:
                run._journal.event("param", "x", nested)
        finally:
            sys.setrecursionlimit(before)
    assert [item.value for item in runlore.get_run(run.uid).events("param")] != []
    assert f"{len(runs) + 1} runs" in cli("export", "-o", tmp_path / f"all.{ending}").out
