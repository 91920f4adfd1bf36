"""`show`: the answers that people look for, in the order in which they look for them."""

from __future__ import annotations

import glob
import os

import pytest

import runlore
from runlore.journal import format as fmt


def test_a_run_is_shown_with_all_that_is_known(cli, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    printed = cli("show", "iris#3")
    assert printed.lines[0] == "iris#3 (try 3)"
    for text in ("failed", "lr    0.001", "ValueError", "it broke", "Traceback:", "notes/a.txt", "stage"):
        assert text in printed.out
    assert runs[2] in printed.out


def test_a_run_as_json(cli, runs, store):
    document = cli("show", runs[1], "--json").json()
    assert document["uid"] == runs[1]
    assert document["params"] == {"lr": 0.01, "seed": 1}
    assert document["metrics"]["loss"] == {
        "count": 3, "last": 0.25, "first": 0.5, "min": 0.25, "max": 0.5, "last_step": 2.0, "min_step": 2.0,
        "max_step": 0.0, "mean": pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3),
    }  # fmt: skip
    assert document["artifacts"][0]["name"] == "notes/a.txt"
    assert document["path"].startswith(store)
    assert cli("show", "vision/cifar 10#1", "--json").json()["metrics"]["loss"]["last"] == "NaN"


@pytest.mark.parametrize("shorten", [lambda uid: uid[:31], lambda uid: uid.upper()[:30]])
def test_a_run_by_the_beginning_of_its_uid(cli, runs, shorten):
    assert cli("show", shorten(runs[0]), "--json").json()["uid"] == runs[0]


def test_the_latest_run(cli, runs):
    assert cli("show", "iris#-1", "--json").json()["uid"] == runs[2]
    assert cli("show", "iris#-3", "--json").json()["uid"] == runs[0]
    cli("show", "iris#-4", code=3)


def test_children_notes_and_command_are_shown(cli, store):
    with runlore.start("sweep", capture=False) as parent:
        parent.child("small", capture=False).finish()
        parent.log_event("capture", "command", {"argv": ["python", "a b.py"]})
        parent.log_event("capture", "git", {"commit": "0123456789abcdef", "branch": "main", "dirty": True})
    cli("note", "sweep#1", "look again")
    printed = cli("show", "sweep#1").out
    for text in ("sweep#2 (small)", "look again", "python 'a b.py'", "0123456789ab (main), changed"):
        assert text in printed


def test_nothing_is_told_from_empty_and_lines_stay_lines(cli, store, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    params = {"none": None, "empty": "", "list": []}
    tags = {"word": "", "key": "value"}
    runlore.start("e", params=params, tags=tags, description="first\nsecond", capture=False).finish()
    lines = [line.split() for line in cli("show", "e#1").lines]
    for shown in (["none", "null"], ["empty", '""'], ["list", "[]"], ["word"], ["key", "value"],
                  ["description", "first"], ["second"]):  # fmt: skip
        assert shown in lines


@pytest.fixture
def captured(store) -> str:
    """A run with everything that `show` has a place for."""
    with runlore.start("e", "all of it", params={"lr": 0.1}, group="seeds", capture=False) as run:
        run.log_event("capture", "environment", {
            "command": ["python", "train.py", "--lr", "0.1"], "working_directory": "/home/me/project",
            "python": {"version": "3.12.1", "executable": "/opt/python"}, "cpu": {"model": "Fast", "count": 8},
            "memory": {"total_bytes": 16_000_000_000}, "gpus": [{"name": "Big"}],
        })  # fmt: skip
        run.log_event("capture", "git", {"commit": "0123456789abcdef", "branch": "main", "dirty": True})
        for step, loss in enumerate((0.5, 0.25, 0.75)):
            run.log_metric("loss", loss, step=step)
        run.log_metrics({f"system/part {index}/used": index for index in range(20)})
    return run.uid


def test_what_was_run_where_comes_first_and_hardware_is_asked_for(cli, captured, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    printed = cli("show", "e#1")
    first = [line.split()[0] for line in printed.lines[1:6]]
    assert first == ["status", "command", "git", "python", "place"]
    for text in (
        "python train.py --lr 0.1",
        "0123456789ab (main), changed",
        "3.12.1 (/opt/python)",
        "/home/me/project",
    ):
        assert text in printed.out
    places = [printed.out.index(text) for text in ("place", "\nparams", "\nmetrics")]
    assert places == sorted(places)
    assert "system/" not in printed.out
    assert printed.err == "20 hardware metrics (system/…): --system shows them\n"
    assert "Big" not in printed.out


def test_hardware_comes_last_where_it_is_asked_for(cli, captured, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    printed = cli("show", "e#1", "--system")
    assert printed.err == ""
    assert printed.out.index("\nmetrics") < printed.out.index("8 x Fast") < printed.out.index("system/part 0/used")
    assert "Big" in printed.out


def test_hardware_is_apart_in_json(cli, captured):
    document = cli("show", "e#1", "--json").json()
    assert list(document["metrics"]) == ["loss"]
    assert "system" not in document
    document = cli("show", "e#1", "--json", "--system").json()
    assert list(document["metrics"]) == ["loss"]
    assert len(document["system"]) == 20
    assert document["system"]["system/part 3/used"]["last"] == 3


def test_a_metric_is_shown_with_its_extremes_and_where_they_are(cli, captured):
    rows = [line.split("\t") for line in cli("show", "e#1").lines]
    assert ["metrics", "last", "step", "min", "min step", "max", "max step", "points"] in rows
    assert ["loss", "0.75", "2", "0.25", "1", "0.75", "2", "3"] in rows


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"dirty": True}, "0123456789ab (main), changed"),
        ({"dirty": False}, "0123456789ab (main), clean"),
        ({"dirty": None, "error": "git took too long"}, "0123456789ab (main), changes unknown: git took too long"),
        ({}, "0123456789ab (main), changes unknown"),
        ({"dirty": True, "error": "git diff ended with code 129"},
         "0123456789ab (main), changed: git diff ended with code 129"),
        ({"commit": None, "dirty": True}, "no commit yet (main), changed"),
        ({"commit": None, "branch": None, "dirty": None, "error": "git is not installed"},
         "unknown: git is not installed"),
    ],
)  # fmt: skip
def test_a_commit_is_clean_only_where_that_is_known(cli, store, facts, said):
    with runlore.start("e", capture=False) as run:
        run.log_event("capture", "git", {"commit": "0123456789abcdef", "branch": "main", **facts})
    assert f"git\t{said}" in cli("show", "e#1").lines


def test_a_run_without_git_says_nothing_of_it(cli, store):
    runlore.start("e", capture=False).finish()
    assert not any(line.startswith("git") for line in cli("show", "e#1").lines)


def test_losses_are_said_below_the_metrics(cli, store):
    with runlore.start("e", capture=False) as run:
        run.log_metric("loss", 1)
    (journal,) = glob.glob(f"{runlore.get_run('e#1').directory}/journal/*.rlj")
    with open(journal, "r+b") as file:
        os.pwrite(file.fileno(), fmt.lost_count(3), fmt.LOST_OFFSET)
    os.unlink(".runlore/catalog.sqlite")
    printed = cli("show", "e#1").out
    assert printed.index("loss") < printed.index("\nlost\nrecords\t3 could not be kept\n")


def test_captures_that_failed_are_shown_with_how_often(cli, store):
    with runlore.start("e", capture=False) as run:
        for _ in range(3):
            run.log_event("capture", "hardware", {"error": "no driver"})
        run.log_event("capture", "console", {"error": "output is not recorded"})
    printed = cli("show", "e#1").out
    assert "hardware: no driver (3 times); console: output is not recorded" in printed
    assert cli("show", "e#1", "--json").json()["capture"]["hardware"] == {"error": "no driver", "failures": 3}
