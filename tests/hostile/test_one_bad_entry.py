"""One bad entry never hides, hangs or breaks anything else: all kinds of paths of a store, all that can be wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hostile_store import PLACES, SECRET, SHARED, WRONG, make_store, spoil

import runlore
from runlore.cli import run as run_command

CASES = [(place, wrong) for place in PLACES for wrong in WRONG]
SHORT = CASES[::10]
"""Every tenth: all places and all that can be wrong are among them, since there are 13 of the latter."""


@pytest.fixture(scope="session")
def pattern(tmp_path_factory):
    """A store to copy, and what is read of the runs of `good` in it."""
    root = tmp_path_factory.mktemp("pattern") / ".runlore"
    make_store(root)
    return root, good_runs(root)


@pytest.fixture
def outside(tmp_path):
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "secret").write_bytes(SECRET)
    return directory


def good_runs(root):
    """All that readers see of the runs of `good`."""
    table = runlore.runs(experiment=["good", "good/**"], store=root)
    views = [runlore.get_run(uid, store=root) for uid in sorted(table["uid"])]
    return [
        (
            view.experiment, view.number, view.status, view.params, view.damage, view.data().to_csv(),
            [(item.name, item.read_bytes()) for item in view.artifacts()],
        )
        for view in views
    ]  # fmt: skip


class Said(NamedTuple):
    """How a command ended, and what it printed on stdout."""

    exit_code: int
    stdout: str


def call(*arguments):
    """Run a command in this process. What is wrong is said in words, by no traceback."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        code = run_command([str(item) for item in arguments])
        for stream in streams[1:]:
            stream.flush()
    out, err = (stream.buffer.getvalue().decode("utf-8") for stream in streams[1:])
    assert code in (0, 1, 3), (arguments, out, err)
    return Said(code, out)


def look_everywhere(root, tmp_path, expected):
    """Every command that reads, and the Python API: the good runs are whole."""
    store = ("--store", root)
    assert "good" in [item["experiment"] for item in json.loads(call("ls", *store, "--json").stdout)["experiments"]]
    found = json.loads(call("runs", "-e", "good", *store, "--json").stdout)["runs"]
    assert [(run["number"], run["metrics"]["loss"]) for run in found] == [(3, 0.25), (2, 0.25), (1, 0.25)]
    for number in (1, 2, 3):
        assert call("show", f"good#{number}", *store).exit_code == 0
    assert call("data", "good", "--key", "loss", *store).exit_code == 0
    call("data", "evil", *store)
    call("cards", *store)
    call("gc", "--dry-run", *store)
    call("seal", *store)
    call("doctor", *store)
    call("merge", root, "--store", tmp_path / "merged")
    assert call("export", "good", "-o", tmp_path / "good.csv", *store).exit_code == 0
    call("export", "-o", tmp_path / "all.csv", *store)
    call("export", "-o", tmp_path / "all.runlore", *store)
    call("import", tmp_path / "all.runlore", "--store", tmp_path / "imported")
    assert good_runs(root) == expected
    assert good_runs(tmp_path / "merged") == expected
    assert good_runs(tmp_path / "imported") == expected


def check(place, wrong, pattern, outside, tmp_path):
    source, expected = pattern
    root = Path(shutil.copytree(source, tmp_path / ".runlore"))
    path = {**PLACES, **SHARED}[place](root)
    spoil(path, wrong, outside)
    look_everywhere(root, tmp_path, expected)
    assert no_secret(tmp_path / "merged")
    assert no_secret(tmp_path / "imported")
    assert SECRET not in (tmp_path / "all.runlore").read_bytes()
    assert [(item.name, item.read_bytes()) for item in outside.iterdir()] == [("secret", SECRET)]


def no_secret(directory):
    return not any(
        SECRET in Path(parent, name).read_bytes() for parent, _, names in os.walk(directory) for name in names
    )


def test_every_place_and_all_that_can_be_wrong_are_in_the_short_form():
    assert {place for place, _ in SHORT} == set(PLACES)
    assert {wrong for _, wrong in SHORT} == set(WRONG)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("place", "wrong"), SHORT)
def test_one_bad_entry_costs_nothing_else_anything(place, wrong, pattern, outside, tmp_path):
    check(place, wrong, pattern, outside, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("place", "wrong"), [case for case in CASES if case not in SHORT])
def test_no_bad_entry_costs_anything_else_anything(place, wrong, pattern, outside, tmp_path):
    check(place, wrong, pattern, outside, tmp_path)


SHARED_CASES = [(place, wrong) for place in SHARED for wrong in WRONG]
SHARED_SHORT = SHARED_CASES[::6]


def check_shared(place, wrong, pattern, outside, tmp_path):
    """What holds the good runs as well: commands may fail, but in one line, without waiting, and let nothing out."""
    root = Path(shutil.copytree(pattern[0], tmp_path / ".runlore"))
    spoil(SHARED[place](root), wrong, outside)
    store = ("--store", root)
    for command in (
        ("ls",), ("runs",), ("runs", "--json"), ("show", "good#1"), ("data", "good"), ("summary", "good"), ("cards",),
        ("artifacts", "good#1"), ("tag", "good#1", "x=y"), ("gc", "--dry-run"), ("seal",), ("doctor",),
        ("doctor", "--repair"), ("export", "-o", tmp_path / "all.runlore"),
    ):  # fmt: skip
        call(*command, *store)
    call("merge", root, "--store", tmp_path / "merged")
    assert no_secret(tmp_path / "merged")
    assert not (tmp_path / "all.runlore").exists() or SECRET not in (tmp_path / "all.runlore").read_bytes()
    assert [(item.name, item.read_bytes()) for item in outside.iterdir()] == [("secret", SECRET)]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("place", "wrong"), SHARED_SHORT)
def test_what_all_runs_share_fails_in_one_line(place, wrong, pattern, outside, tmp_path):
    check_shared(place, wrong, pattern, outside, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(30)
@pytest.mark.parametrize(("place", "wrong"), [case for case in SHARED_CASES if case not in SHARED_SHORT])
def test_whatever_all_runs_share_fails_in_one_line(place, wrong, pattern, outside, tmp_path):
    check_shared(place, wrong, pattern, outside, tmp_path)
