from __future__ import annotations

import pytest

import runlore


def test_experiments_are_listed_with_their_runs(cli, runs, store):
    printed = cli("ls")
    assert [line.split()[:2] for line in printed.lines[1:]] == [["iris", "3"], ["vision/cifar", "10"]]
    assert "2 succeeded, 1 failed" in printed.out
    assert store in printed.err


def test_experiments_as_json(cli, runs, store):
    document = cli("ls", "--json").json()
    assert document["store"] == store
    assert [(item["experiment"], item["runs"], item["statuses"]) for item in document["experiments"]] == [
        ("iris", 3, {"failed": 1, "succeeded": 2}),
        ("vision/cifar 10", 1, {"succeeded": 1}),
    ]
    assert document["experiments"][0]["updated"].endswith("Z")


def test_experiments_by_glob(cli, runs):
    names = [item["experiment"] for item in cli("ls", "vision/*", "--json").json()["experiments"]]
    assert names == ["vision/cifar 10"]


def test_what_is_below_a_name_is_pointed_at(cli, runs, monkeypatch):
    printed = cli("ls", "vision")
    assert printed.out == ""
    assert "'vision/**' finds 1 below it" in printed.err
    assert "**" not in cli("ls", "nothing").err
    monkeypatch.setenv("COLUMNS", "40")
    assert "left out for want of room: updated; " in cli("ls").err


@pytest.mark.parametrize(
    ("query", "pattern"), [("iris", "iris"), ("vision/cifar 10", "'vision/cifar 10'"), ("vision", "'vision/**'")]
)
def test_an_experiment_in_the_place_of_a_query(cli, runs, query, pattern):
    printed = cli("runs", query, code=2)
    assert f"`runlore runs -e {pattern}` shows their runs" in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("name", ["iris", "vision/cifar 10"])
@pytest.mark.parametrize("command", [["show"], ["logs"], ["artifacts"], ["tag"], ["delete"], ["export", "--run"]])
def test_an_experiment_in_the_place_of_a_run(cli, runs, command, name):
    printed = cli(*command, name, code=3)
    assert f"{name!r} is an experiment; name one of its runs, such as '{name}#-1', the latest" in printed.err


@pytest.mark.parametrize("number", ["9", "-9", "x"])
def test_a_number_that_no_run_has(cli, runs, number):
    printed = cli("show", f"iris#{number}", code=3)
    assert f"'iris' has no run #{number}; it has 3 runs, with numbers up to 3" in printed.err


def test_keys_that_no_run_has_are_said(cli, runs):
    printed = cli("runs", "params.learning_rate > 0 and metrics.los < 1 and tags.stage = 'test'")
    assert printed.err.splitlines() == [
        "no run matches", "no run has params.learning_rate", "no run has metrics.los; did you mean metrics.loss?",
    ]  # fmt: skip
    assert cli("runs", "-o", "metrics.los").err == "no run has metrics.los; did you mean metrics.loss?\n"


def test_runs_best_first_show_what_differs(cli, runs):
    printed = cli("runs", "metrics.acc > 0", "--order-by", "-metrics.acc")
    head, *rows = printed.lines
    assert head.split() == ["run", "status", "name", "metrics.acc", "metrics.loss", "params.lr", "started", "duration",
                            "tags.stage"]  # fmt: skip
    assert [row.split()[0] for row in rows] == ["iris#2", "iris#3", "iris#1"]
    assert "seed" not in printed.out


def test_runs_as_json_keep_every_value(cli, runs):
    document = cli("runs", "--json").json()
    first = document["runs"][0]
    assert document["more"] is False
    assert first["experiment"] == "vision/cifar 10"
    assert first["metrics"] == {"loss": "NaN"}
    assert [run["params"].get("lr") for run in document["runs"]] == [None, 0.001, 0.01, 0.1]
    assert set(first) == {
        "uid", "experiment", "number", "name", "status", "started", "ended", "duration_s", "user", "host", "group",
        "parent", "description", "points", "lost", "archived", "deleted", "params", "metrics", "tags",
    }  # fmt: skip


def test_the_limit_is_said(cli, runs):
    printed = cli("runs", "--limit", "2")
    assert len(printed.lines) == 3
    assert "--limit 0 shows all" in printed.err
    assert cli("runs", "-n", "2", "--json").json()["more"] is True
    assert len(cli("runs", "-n", "0", "--json").json()["runs"]) == 4


def test_columns_can_be_chosen(cli, runs):
    printed = cli("runs", "-e", "iris", "-c", "name,params.lr,metrics.nothing")
    assert printed.lines[0].split() == ["run", "name", "params.lr", "metrics.nothing"]
    assert "there is no column 'colour'" in cli("runs", "-c", "colour", code=2).err


def test_no_run_matches(cli, runs):
    printed = cli("runs", "metrics.acc > 5")
    assert printed.out == ""
    assert "no run matches" in printed.err
    assert cli("runs", "metrics.acc > 5", "--json").json()["runs"] == []


def test_columns_give_way_where_there_is_no_room(cli, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    printed = cli("runs", "-e", "iris")
    assert max(map(len, printed.lines)) <= 40
    assert "left out for want of room" in printed.err


def test_what_most_runs_have_comes_before_what_few_have(cli, store):
    for index in range(3):
        with runlore.start("e", params={"a": index} if index == 0 else {"z": index}, capture=False) as run:
            run.log_metrics({"z": 1.0, **({"a": 1.0} if index == 0 else {})})
    assert cli("runs").lines[0].split()[2:6] == ["metrics.z", "metrics.a", "params.z", "params.a"]


def test_long_names_leave_room_for_numbers(cli, store, monkeypatch):
    with runlore.start("e", "a long name that somebody typed and could not stop typing", capture=False) as run:
        run.log_metric("loss", 0.5)
    monkeypatch.setenv("COLUMNS", "80")
    above, head, row = cli("runs").lines
    assert above.split() == ["metrics"]
    assert head.split()[:4] == ["run", "status", "name", "loss"]
    assert "a long name that so…" in row
    monkeypatch.delenv("COLUMNS")
    assert "could not stop typing" in cli("runs").lines[1]


def test_names_cannot_control_the_terminal(cli, store):
    runlore.start("evil", "\x1b[31mred\r\x07", tags={"a\nb": "c\x9bd"}, capture=False).finish()
    for command in (("show", "evil#1"), ("runs",), ("tag", "evil#1")):
        printed = cli(*command).out
        assert not set(printed) & set("\x1b\r\x07\x9b")
    assert "\\x1b[31mred\\r\\x07" in cli("runs").out


def test_text_that_is_no_unicode_comes_back_exactly_as_json(cli, store):
    with runlore.start("odd", capture=False) as run:
        run.log_metric("k\udc80", 1)
    assert list(cli("runs", "--json").json()["runs"][0]["metrics"]) == ["k\udc80"]
