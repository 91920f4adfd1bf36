"""Tables: what fits, what has to stay, and what is said of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlore
from runlore.cli._output import Cell, len_of
from runlore.cli._table import Column, View, lay_out
from runlore.errors import InvalidArgument

NAME = Column("run")
PLAIN = View()


def laid_out(columns, rows, limit, view=PLAIN):
    lines, left_out = lay_out(columns, rows, view, limit)
    return list(lines), left_out


def test_what_is_needed_stays_and_the_rest_is_named():
    columns = [NAME, Column("long text"), Column("value", right=True, needed=True), Column("x")]
    lines, left_out = laid_out(columns, [["a#1", "word " * 10, "0.123456", "y"]], 20)
    assert lines == ["run     value  x", "a#1  0.123456  y"]
    assert left_out == ["long text"]


def test_what_names_have_in_common_stands_above_them():
    columns = [
        NAME,
        Column("loss", "metrics", right=True),
        Column("acc", "metrics", right=True),
        Column("lr", "params"),
    ]
    lines, left_out = laid_out(columns, [["a#1", "0.5", "0.25", "1"]], 40)
    assert lines == ["     metrics     params", "run  loss   acc  lr", "a#1   0.5  0.25  1"]
    assert left_out == []
    lines, left_out = laid_out(columns, [["a#1", "0.5", "0.25", "1"]], 14)
    assert lines == ["     metrics", "run     loss", "a#1      0.5"]
    assert left_out == ["metrics.acc", "params.lr"]


def test_a_pipe_gets_whole_cells_with_tabs_between():
    columns = [NAME, Column("loss", "metrics"), Column("text", most=5), Column("empty"), Column("hidden", hidden=True)]
    rows = [["a#1", "0.5", "x" * 100, "", "h"], ["a#2", "", "", "", "h"]]
    lines, left_out = laid_out(columns, rows, None)
    assert lines == ["run\tmetrics.loss\ttext\tempty", f"a#1\t0.5\t{'x' * 100}", "a#2"]
    assert left_out == []


def test_wide_shows_everything_and_cuts_nothing():
    columns = [NAME, Column("text"), Column("hidden", hidden=True), Column("empty", hidden=True)]
    lines, left_out = laid_out(columns, [["a#1", "x" * 100, "h", ""]], 20, View(wide=True))
    assert lines[1] == f"a#1  {'x' * 100}  h"
    assert left_out == []


def test_columns_are_chosen_by_name_and_none_of_them_gives_way():
    columns = [NAME, Column("loss", "metrics", right=True), Column("text"), Column("hidden", hidden=True)]
    row = ["a#1", "0.5", "x" * 60, "h"]
    lines, left_out = laid_out(columns, [row], 16, View("hidden, text,metrics.loss"))
    assert [line.split()[:1] for line in lines[1:]] == [["run"], ["a#1"]]
    assert "h" in lines[2]
    assert "…" in lines[2]
    assert "0.5" in lines[2]
    assert left_out == []
    with pytest.raises(
        InvalidArgument, match=r"there is no column 'nothing'; there are run, metrics\.loss, text, hidden"
    ):
        laid_out(columns, [row], 80, View("nothing"))


def test_numbers_uids_and_times_are_never_cut():
    columns = [NAME, Column("value", right=True, needed=True), Column("uid", whole=True, needed=True)]
    lines, _ = laid_out(columns, [["experiment#1", "0.123456789012", "f" * 32]], 20)
    assert "0.123456789012" in lines[1]
    assert "f" * 32 in lines[1]


def test_of_a_run_the_number_is_kept():
    lines, _ = laid_out(
        [Column("run", tail=True), Column("v", needed=True)], [["vision/cifar10/resnet#17", "x" * 30]], 20
    )
    assert lines[1].split()[0].endswith("#17")


texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["ab" * 60, "数" * 30, "\x1b[31m", "a\tb", "é"]
)
columns_of = st.builds(
    Column, texts.filter(bool), group=st.sampled_from(["", "metrics", "params"]), right=st.booleans(),
    needed=st.booleans(), whole=st.booleans(), tail=st.booleans(),
)  # fmt: skip


@given(st.data(), st.lists(columns_of, min_size=1, max_size=6), st.integers(1, 120))
def test_any_table_keeps_to_its_width_and_accounts_for_every_column(data, columns, limit):
    rows = data.draw(st.lists(st.lists(texts, min_size=len(columns), max_size=len(columns)), max_size=3))
    lines, left_out = laid_out(columns, rows, limit)
    names = [column.label for column in columns]
    needed = [column.label for index, column in enumerate(columns) if index == 0 or column.needed]
    assert len(left_out) <= len(names) - len(set(needed))
    grouped = [column for column in columns if column.group]
    assert len(lines) in ([len(rows) + 1] if not grouped else [len(rows) + 1, len(rows) + 2])
    assert not set("".join(lines)) & set("\x00\x07\x08\t\n\r\x1b\x7f\x9b")
    flexible = all(not (column.right or column.whole) for column in columns)
    if flexible and limit >= 8 * len(needed) + 6 * bool(grouped):
        assert max(map(len_of, lines)) <= limit


@given(st.lists(columns_of, min_size=1, max_size=6), st.data())
def test_any_table_has_as_many_cells_in_a_pipe_as_it_has_columns(columns, data):
    rows = data.draw(st.lists(st.lists(texts, min_size=len(columns), max_size=len(columns)), max_size=3))
    lines, _ = laid_out(columns, [[Cell(text, "red") for text in row] for row in rows], None)
    assert len(lines) == len(rows) + 1
    assert all(line.count("\t") < len(columns) and not line.endswith("\t") for line in lines)


# The same through the commands.


@pytest.fixture
def wide(store) -> str:
    with runlore.start("a/rather/long/experiment", "a name", params={"p": 1}, group="g", capture=False) as run:
        for index in range(12):
            run.log_metric(f"metric/number {index}", index / 7, step=1)
        run.log_artifact(b"x" * 2000, "some/artifact/with a long name.txt", kind="notes")
    runlore.registry.register("model", "space", "name", description="x", artifacts={"a": b"1"}, tags={"tag": "value"})
    return run.uid


TABLES = {
    "ls": (("ls",), ("experiment", "runs", "statuses")),
    "runs": (("runs",), ("run", "status", "name")),
    "runs by query": (
        ("runs", "`metric/number 3` < 1 or metrics.`metric/number 3` < 1".partition(" or ")[2], "-o", "user"),
        ("run", "status", "name", "number 3", "user"),
    ),
    "show": (("show", "a/rather/long/experiment#1"), ("metrics", "last")),
    "data": (("data", "a/rather/long/experiment"), ("run", "step", "key", "value")),
    "summary": (("summary", "a/rather/long/experiment"), ("metric", "mean", "min", "max")),
    "artifacts": (("artifacts", "a/rather/long/experiment#1"), ("name",)),
    "cards": (("cards",), ("card", "version", "aliases")),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [20, 40, 60])
def test_no_table_drops_a_column_without_a_word(cli, wide, monkeypatch, name, width):
    arguments, kept = TABLES[name]
    piped = cli(*arguments)
    monkeypatch.setenv("COLUMNS", str(width))
    printed = cli(*arguments)
    for column in kept:
        assert column[:4] in printed.out, column
    said = " ".join(line for line in printed.err.splitlines() if line.startswith("left out for want of room: "))
    if len(piped.out.splitlines()[0]) > width or name in ("show", "data"):
        assert said, printed.out
        assert "--wide and --json show all" in said
    monkeypatch.delenv("COLUMNS")
    assert "left out" not in piped.err
    assert "…" not in piped.out


@pytest.mark.parametrize("name", TABLES)
def test_everything_is_shown_where_it_is_asked_for(cli, wide, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "40")
    printed = cli(*TABLES[name][0], "--wide")
    assert "left out" not in printed.err
    assert "…" not in printed.out


def test_the_note_is_bounded(cli, wide, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    (said,) = (line for line in cli("runs").err.splitlines() if line.startswith("left out"))
    assert " and 8 more; --columns chooses, --wide and --json show all" in said
    assert said.count("metrics.") <= 6


def test_group_is_shown_where_a_run_has_one(cli, runs, wide):
    assert "group" in cli("runs").lines[0].split("\t")
    assert "group" not in cli("runs", "-e", "iris").lines[0].split("\t")


def test_columns_of_other_tables_can_be_chosen_too(cli, wide):
    assert cli("cards", "-c", "version,uid").lines[0].split("\t") == ["card", "version", "uid"]
    assert cli("data", "a/**".replace("/**", "/rather/long/experiment"), "-c", "value,node").cells[0] == [
        "time", "value", "node",
    ]  # fmt: skip
    assert "there is no column 'x'" in cli("ls", "-c", "x", code=2).err


def test_a_running_run_has_all_its_metrics(cli, store, monkeypatch):
    with runlore.start("live", "now", capture=False) as run:
        run.log_metrics({f"m{index}": index for index in range(9)})
        assert {f"metrics.m{index}" for index in range(9)} <= set(cli("top").cells[0])
        monkeypatch.setenv("COLUMNS", "60")
        printed = cli("top")
        assert "left out for want of room: " in printed.err
        assert "status" in printed.out
