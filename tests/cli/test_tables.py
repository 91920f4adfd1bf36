from __future__ import annotations

import runlore


def test_records_in_time_order(cli, runs):
    printed = cli("data", "iris", "--event", "metric", "--key", "loss", "--run", "1")
    assert printed.lines[0].split() == ["time", "run", "step", "event", "key", "value"]
    assert [line.split()[3:] for line in printed.lines[1:]] == [
        ["0", "metric", "loss", "1"],
        ["1", "metric", "loss", "0.5"],
        ["2", "metric", "loss", "0.333333"],
    ]


def test_records_as_json(cli, runs):
    document = cli("data", "iris", "--key", "loss", "--run", "iris#2", "--step", "1", "--json").json()
    assert document["total"] == 1
    (row,) = document["rows"]
    assert (row["run"], row["step"], row["event"], row["value"]) == (2, 1, "metric", 1 / 3)
    assert row["time"].endswith("Z")
    assert document["columns"] == list(row)


def test_a_record_without_a_step_has_null_and_nan_stays_nan(cli, runs):
    (row,) = cli("data", "vision/cifar 10", "--key", "loss", "--json").json()["rows"]
    assert row["step"] is None
    assert row["value"] == "NaN"


def test_the_last_records_are_shown(cli, runs):
    printed = cli("data", "iris", "--event", "metric", "--limit", "2")
    assert len(printed.lines) == 3
    assert "the last 2 of 18 records" in printed.err


def test_records_of_runs_that_are_named_as_elsewhere(cli, runs):
    for name in ("3", "iris#3", "-1", runs[2], runs[2][:30]):
        rows = cli("data", "iris", "--event", "metric", "--run", name, "--json").json()["rows"]
        assert {row["run"] for row in rows} == {3}
    for name in ("9", "iris#9", "-4"):
        assert "'iris' has no run #" in cli("data", "iris", "--run", name, code=3).err
    assert "no run 'fedcba'" in cli("data", "iris", "--run", "fedcba", code=3).err


def test_no_record_matches(cli, runs):
    printed = cli("data", "iris", "--event", "nothing")
    assert (printed.out, printed.err) == ("", "no record matches\n")
    assert cli("data", "iris", "--event", "nothing", "--json").json()["rows"] == []


def test_statistics(cli, runs):
    printed = cli("summary", "iris")
    names = ["metric", "count", "mean", "std", "ci_low", "ci_high", "min", "25%", "50%", "75%", "max"]
    assert printed.lines[0].split() == names
    assert [line.split()[0] for line in printed.lines[1:]] == ["acc", "loss", "duration"]
    document = cli("summary", "iris", "--json").json()
    assert document["metrics"]["loss"]["count"] == 3
    assert document["duration_s"]["count"] == 3


def test_what_differs(cli, runs):
    printed = cli("diff", "iris#1", "iris#2")
    assert "iris#1" in printed.lines[0]
    assert "lr" in printed.out
    assert "seed" not in printed.out
    assert "seed" in cli("diff", "iris#1", "iris#2", "--all").out


def test_what_differs_as_json(cli, runs):
    document = cli("diff", "iris#1", runs[1], "iris#3", "--json").json()
    assert [run["number"] for run in document["runs"]] == [1, 2, 3]
    values = {(item["section"], item["key"]): item["values"] for item in document["differences"]}
    assert values["params", "lr"] == [0.1, 0.01, 0.001]


def test_runs_that_are_the_same(cli, store):
    for _ in range(2):
        runlore.start("same", params={"a": 1}, capture=False).finish()
    rows = cli("diff", "same#1", "same#2", "--json").json()["differences"]
    assert {item["key"] for item in rows} <= {"number", "duration_s"}


def test_one_run_is_no_comparison(cli, runs):
    assert cli("diff", "iris#1", code=2).err == "runlore: 'iris#1' alone cannot differ; name at least two runs\n"


def test_sections_stay_together_and_words_are_told_from_nothing(cli, store, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    for params, tags in (({"a": 1}, {"word": "", "key": "x"}), ({"b": None, "c": ""}, {}), ({}, {"other": ""})):
        with runlore.start("e", params=params, tags=tags, capture=False) as run:
            if not params:
                run.log_metric("loss", 1)
    rows = [line.split() for line in cli("diff", "e#1", "e#2", "e#3").lines[1:]]
    sections = [row[0] for row in rows if row[0] in ("run", "params", "metrics", "tags")]
    assert sections == ["run", "params", "metrics", "tags"]
    cells = {row[-4]: row[-3:] for row in rows}
    assert cells["word"] == ["yes", "-", "-"]
    assert cells["other"] == ["-", "-", "yes"]
    assert cells["c"] == ["-", '""', "-"]
    assert "number" not in cells
    assert "number" in cli("diff", "e#1", "e#2", "--all").out


def test_all_runs_of_a_comparison_are_seen_in_a_narrow_terminal(cli, store, monkeypatch):
    for index in range(3):
        runlore.start("some/experiment", f"a rather long name of run {index}", capture=False).finish()
    monkeypatch.setenv("COLUMNS", "70")
    printed = cli("diff", *(f"some/experiment#{number}" for number in (1, 2, 3)))
    assert printed.err == ""
    assert [name[-6:] for name in printed.lines[0].split()[1:]] == ["ment#1", "ment#2", "ment#3"]
    assert max(map(len, printed.lines)) <= 70


def test_an_unknown_experiment_and_similar_ones(cli, runs):
    printed = cli("data", "iriss", code=3)
    assert printed.err.startswith("runlore: no experiment 'iriss'")
    assert "did you mean 'iris'?" in printed.err
    assert printed.err.count("\n") == 1
