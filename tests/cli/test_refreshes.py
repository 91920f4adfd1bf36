"""A command brings the index up to date once, whatever it asks of it; a change is looked at once more."""

from __future__ import annotations

import pytest

import runlore
from runlore import registry
from runlore.catalog.catalog import Catalog


@pytest.fixture
def refreshed(monkeypatch):
    """The refreshes since this was asked for last."""
    calls = []
    whole = Catalog.refresh

    def counted(self, *arguments):
        calls.append(self)
        return whole(self, *arguments)

    monkeypatch.setattr(Catalog, "refresh", counted)
    return calls


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls"], ["ls", "nothing"], ["runs"], ["runs", "metrics.los < 1"], ["runs", "-o", "metrics.loss"],
        ["show", "iris#1"], ["show", "iris#1", "--json"], ["diff", "iris#1", "iris#2"],
        ["data", "iris"], ["data", "iris", "--run", "1", "--json"], ["summary", "iris"], ["plot", "iris", "loss"],
        ["plot", "iris#1", "acc"], ["logs", "iris#1"], ["artifacts", "iris#1"],
        ["artifacts", "iris#1", "get", "notes/a.txt", "--to", "out"], ["top"], ["export", "iris", "-o", "x.csv"],
        ["tag", "iris#1"], ["note", "iris#1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_once_a_command(cli, runs, refreshed, arguments):
    cli(*arguments)
    assert len(refreshed) == 1


@pytest.mark.parametrize("arguments", [["show", "iris"], ["show", "iris#9"], ["data", "iriss"], ["plot", "iris", "x"]])
def test_once_also_where_something_is_not_found(cli, runs, refreshed, arguments):
    cli(*arguments, code=3)
    assert len(refreshed) == 1


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["tag", "iris#1", "a=b", "-r", "stage"], 1), (["tag", "iris#1", "a=b", "--json"], 1),
        (["rename", "iris#1", "x", "--json"], 1), (["note", "iris#1", "x", "--json"], 1),
        (["note", "iris#1", "x", "--describe"], 1), (["archive", "iris#1", "iris#2", "--json"], 2),
        (["delete", "iris#1", "iris#2", "iris#3"], 3), (["restore", "iris#1"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)  # fmt: skip
def test_a_change_is_looked_at_once_more_whether_it_holds(cli, runs, refreshed, arguments, changed):
    cli(*arguments)
    assert len(refreshed) == 1 + changed


def test_what_a_command_changed_it_knows(cli, runs):
    (tagged,) = cli("tag", "iris#1", "a=b", "word", "-r", "stage", "--json").json()["runs"]
    assert tagged["tags"] == runlore.get_run("iris#1").tags == {"a": "b", "word": ""}
    (renamed,) = cli("rename", "iris#1", "another", "--json").json()["runs"]
    assert renamed["name"] == runlore.get_run("iris#1").name == "another"
    (described,) = cli("note", "iris#1", "text", "--describe", "--json").json()["runs"]
    assert described["description"] == runlore.get_run("iris#1").description == "text"
    archived = cli("archive", "iris#1", "iris#2", "--json").json()["runs"]
    assert [run["archived"] for run in archived] == [True, True]
    assert [run["deleted"] for run in cli("delete", "iris#1", "--json").json()["runs"]] == [True]
    restored = cli("restore", "iris#1", "--json").json()["runs"]
    assert [run["deleted"] for run in restored] == [False]
    assert restored == cli("restore", "iris#1", "--json").json()["runs"]
    assert cli("rename", "iris#2", "second").out == "iris#2 (second): renamed\n"


def test_a_command_that_watches_goes_on_looking(cli, store, refreshed):
    with runlore.start("live", capture=False) as run:
        run.log_event("log", "stdout", "line")
    cli("logs", "live#1", "-f")
    assert len(refreshed) > 1


def test_what_was_recorded_before_a_command_is_seen_by_it(cli, store):
    for number in (1, 2):
        runlore.start("e", capture=False).finish()
        assert len(cli("runs", "--json").json()["runs"]) == number
    registry.register("data", "a", "b", artifacts={"x": b"1"})
    assert cli("cards", "--json").json()["count"] == 1
