"""What a run recorded cannot control the terminal, and one value that cannot be shown costs no other."""

from __future__ import annotations

import json

import pytest

import runlore
from runlore import registry
from runlore.plain import CUT, MAX_DEPTH, load_json, to_json

EVIL = "\x1b[31m\x1b]0;title\x07\r\x9b2J\x7f\u202eevil\u2066\u200f\t\n\x0b\x85\u2028end"
CONTROLS = set("\x1b\x07\r\x9b\x7f\u202e\u2066\u200f\x0b\x85\u2028\x00\x08")


@pytest.fixture
def evil(store) -> str:
    params = {f"p{EVIL}": EVIL, "list": [EVIL], "map": {"a": {EVIL: 1}}}
    with runlore.start("evil", EVIL, params=params, tags={f"t{EVIL}": EVIL}, group=EVIL, description=EVIL,
                       capture=False) as run:  # fmt: skip
        run.log_metric(f"m{EVIL}", 1, step=1)
        run.log_metric(f"system/{EVIL}", 1)
        run.log_event("log", "stdout", f"line {EVIL}")
        run.log_event("log", "logging", EVIL, level=EVIL)
        run.log_event(f"kind{EVIL}", f"key{EVIL}", EVIL, extra=EVIL)
        run.log_event("capture", "git", {"commit": EVIL, "branch": EVIL, "dirty": None, "error": EVIL})
        run.log_event("capture", "command", {"argv": [EVIL], "directory": EVIL})
        run.log_artifact(b"x", "fine.txt", kind=EVIL)
        run.end("failed", {"message": EVIL, "exception": EVIL, "traceback": f"Traceback\n  {EVIL}"})
    view = runlore.get_run(run.uid)
    view.set_note(EVIL)
    registry.register("model", "s", "n", description=EVIL, tags={EVIL.replace("\n", ""): EVIL}, metadata={EVIL: EVIL})
    return run.uid


COMMANDS = [
    ["ls"], ["runs"], ["runs", "--wide", "--system"], ["runs", f"name = '{EVIL}'"], ["runs", "-e", EVIL],
    ["runs", "-c", EVIL], ["runs", "--limit", EVIL], ["show", "evil#1", "--system"], ["show", EVIL],
    ["diff", "evil#1", "evil#2"], ["data", "evil"], ["summary", "evil"], ["plot", "evil", f"m{EVIL}"],
    ["plot", "evil", EVIL], ["logs", "evil#1", "-t"], ["artifacts", "evil#1"], ["artifacts", "evil#1", "get", EVIL],
    ["tag", "evil#1"], ["tag", "evil#1", f"x{EVIL}=y"], ["note", "evil#1"], ["note", "evil#1", EVIL],
    ["rename", "evil#1", EVIL], ["cards"], ["card", "show", "model/s/n"], ["card", "show", EVIL], ["top"],
    ["gc", "--older-than", EVIL], ["export", "evil", "-o", f"{EVIL.strip()}/x.csv"],
    ["import", EVIL.replace("\n", "")], ["merge", EVIL.replace("\n", "")], [EVIL], ["ls", f"--{EVIL}"],
]  # fmt: skip


@pytest.mark.parametrize("columns", [None, "60"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0][:10].strip("\x1b") or "evil")
@pytest.mark.parametrize("as_json", [False, True])
def test_names_and_values_cannot_control_the_terminal(call, evil, monkeypatch, arguments, columns, as_json):
    runlore.start("evil", capture=False).finish()
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    printed = call(*arguments, *(["--json"] if as_json else []))
    assert not set(printed.out + printed.err) & CONTROLS
    assert "Traceback (most" not in printed.err
    if as_json and printed.out:
        json.loads(printed.out)


def test_rows_of_a_pipe_are_lines(cli, evil):
    rows = cli("runs").cells
    assert len(rows) == 2
    assert "\\x1b[31m" in rows[1][2]
    assert "evil" in rows[1][2]


def nested(levels: int, *, mapping: bool = False):
    value: object = 1
    for _ in range(levels):
        value = {"a": value} if mapping else [value]
    return value


@pytest.mark.parametrize("mapping", [False, True])
def test_a_value_that_is_nested_too_deeply_is_cut_with_a_mark(cli, store, mapping):
    with runlore.start("deep", params={"deep": [nested(700, mapping=mapping)], "lr": 0.1}, capture=False):
        pass
    for arguments in (["runs", "--json"], ["show", "deep#1", "--json"], ["data", "deep", "--json"]):
        text = cli(*arguments).out
        assert CUT in text
        assert '"lr": 0.1' in text or '"value": 0.1' in text
        json.loads(text)
    for arguments in (["runs"], ["show", "deep#1"], ["data", "deep"], ["diff", "deep#1", "deep#1", "--all"],
                      ["export", "deep", "--format", "jsonl"]):  # fmt: skip
        assert CUT in cli(*arguments).out, arguments


def test_what_is_nested_less_deeply_is_shown_whole(cli, store):
    value = nested(MAX_DEPTH - 10)
    runlore.start("deep", params={"deep": value}, capture=False).finish()
    assert cli("show", "deep#1", "--json").json()["params"]["deep"] == value


@pytest.mark.parametrize("levels", [99, 100, 101, 900, 5_000])
@pytest.mark.parametrize("kind", ["list", "mapping"])
def test_reading_and_showing_cut_at_the_same_place(levels, kind):
    begin, end = ("[", "]") if kind == "list" else ('{"a]": ', "}")
    text = begin * levels + '"x[[{\\""' + end * levels
    shown = json.dumps(to_json(load_json(text)), ensure_ascii=False)
    assert (CUT in shown) == (levels > MAX_DEPTH)
    assert shown.partition('"x')[0].count(begin[0]) == min(levels, MAX_DEPTH)
    assert levels > MAX_DEPTH or shown == text


def test_hardware_is_not_among_metrics_unless_it_is_asked_for(cli, store):
    with runlore.start("e", capture=False) as run:
        run.log_metrics({"loss": 1, "system/gpu": 2})
    (record,) = cli("runs", "--json").json()["runs"]
    assert (record["metrics"], "system" in record) == ({"loss": 1.0}, False)
    (record,) = cli("runs", "--json", "--system").json()["runs"]
    assert (record["metrics"], record["system"]) == ({"loss": 1.0}, {"system/gpu": 2.0})
    assert "metrics.system/gpu" not in cli("runs").lines[0]
    assert "metrics.system/gpu" in cli("runs", "--system").lines[0]
    assert cli("runs", "-c", "metrics.system/gpu").cells[1] == ["e#1", "2"]


def test_json_for_an_ascii_terminal_is_ascii(cli, store):
    runlore.start("größe", "\U0001f600 ✓", capture=False).finish()
    printed = cli("runs", "--json", encoding="ascii")
    assert printed.out.isascii()
    assert printed.json()["runs"][0]["name"] == "\U0001f600 ✓"
    table = cli("runs", encoding="ascii").out
    assert "gr\\xf6\\xdfe#1" in table


def test_a_table_for_an_ascii_terminal_is_aligned(cli, store, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("größe", "a", "x" * 80):
        runlore.start("e", name, capture=False).finish()
    head, *rows = cli("runs", "-c", "name,status", encoding="ascii").lines
    assert {line.index("succeeded") for line in rows} == {head.index("status")}
    assert rows[0].split()[1].endswith("...")
