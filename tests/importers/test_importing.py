"""What all importers share: a killed import goes on, what cannot be stored costs itself, the proof tells lies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import runlore
from runlore.cli import run as run_command
from runlore.cli._importing import take_in
from runlore.errors import InvalidName
from runlore.importers import Source, SourceRun, import_runs
from runlore.importers._names import uid_of
from runlore.importers._proof import points_checksum
from runlore.importers._records import End, Fact, File, Points
from runlore.model import PARAM, TAG

START_NS = 1_700_000_000_123_456_789


@dataclass
class Listed(SourceRun):
    listed: list = field(default_factory=list)

    def records(self):
        yield from self.listed


class Lists(Source):
    kind = location = "lists"

    def __init__(self, *records, name="one"):
        self.problems = []
        self._run = Listed(name, uid_of("lists", name, START_NS), "exp", START_NS, {"name": name}, listed=list(records))

    def runs(self):
        return [self._run]


def points(key="x", count=10, first=0):
    numbers = range(first, first + count)
    return Points(key, [float(n) for n in numbers], [START_NS + n for n in numbers], [n / 3 for n in numbers])


WHOLE = [points(), Fact(PARAM, "lr", 0.1), Fact(TAG, "t", "a"), File("f.txt", b"content"), points("y", 3),
         points(first=10), End("succeeded", START_NS + 1000)]  # fmt: skip

KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
import test_importing as t
from runlore.importers import import_runs
from runlore.opening import open_store

class Dies(t.Lists):
    def runs(self):
        (run,) = super().runs()
        whole = list(run.listed)
        def records():
            for index, record in enumerate(whole):
                if index == int(sys.argv[3]):
                    os.kill(os.getpid(), signal.SIGKILL)
                yield record
        run.records = records
        return [run]

import_runs(open_store(sys.argv[1]), Dies(*t.WHOLE))
"""


@pytest.mark.parametrize("index", [0, 1, 3, 5, 6])
def test_an_import_that_was_killed_anywhere_goes_on(store, index):
    here = os.path.dirname(__file__)
    arguments = [sys.executable, "-c", KILLED, store.location, here, str(index)]
    died = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    report = import_runs(store, Lists(*WHOLE))
    (run,) = report.runs
    assert (run.state, run.is_same, run.number, report.is_whole) == ("extended", True, 1, True)
    view = runlore.get_run(run.uid)
    assert (view.status, view.params, view.tags) == ("succeeded", {"lr": 0.1}, {"t": "a"})
    stored = store.open_run(run.uid).points()
    assert len(stored) == 23
    assert sorted(stored.time_ns[stored.key == 0].tolist()) == [START_NS + n for n in range(20)], "to the nanosecond"
    assert import_runs(store, Lists(*WHOLE)).runs[0].state == "unchanged"


def test_what_people_changed_here_stays(store):
    (run,) = import_runs(store, Lists(*WHOLE)).runs
    store.open_run(run.uid).annotate([(TAG, "t", "mine"), ("attribute", "name", "better")])
    again = import_runs(store, Lists(*WHOLE))
    assert again.is_whole
    view = runlore.get_run(run.uid)
    assert (view.tags, view.name) == ({"t": "mine"}, "better")


def test_what_changed_there_wins_when_it_is_new(store):
    import_runs(store, Lists(*WHOLE))
    (run,) = import_runs(store, Lists(*WHOLE, Fact(TAG, "t", "b"), End("failed", START_NS + 2000))).runs
    view = runlore.get_run(run.uid)
    assert (view.tags, view.status) == ({"t": "b"}, "failed")


def test_points_that_the_source_never_gave_are_told(store):
    (run,) = import_runs(store, Lists(*WHOLE)).runs
    with runlore.resume(run.uid, capture=False) as more:
        more.log_metric("own", 1.0)
    report = import_runs(store, Lists(*WHOLE))
    assert not report.is_whole
    assert (report.runs[0].store.points, report.runs[0].source.points) == (24, 23)


def test_a_source_whose_past_changed_is_told(store):
    import_runs(store, Lists(points()))
    changed = points()
    changed.values[3] = 99.0
    report = import_runs(store, Lists(changed))
    assert not report.runs[0].is_same
    assert report.runs[0].source.checksum != report.runs[0].store.checksum


def test_what_cannot_be_stored_costs_itself(store):
    bad = [
        Points("", [0.0], [START_NS], [1.0]),
        Fact(PARAM, "a\0b", 1),
        File("../../x", b"1"),
        Fact(PARAM, "o", object()),
    ]
    report = import_runs(store, Lists(*bad, *WHOLE))
    (run,) = report.runs
    assert len(run.problems) == 3
    assert run.source.points == run.store.points == 23
    assert {item.name for item in runlore.get_run(run.uid).artifacts()} == {"x", "f.txt"}


@pytest.mark.parametrize("dry", [False, True])
def test_a_file_that_vanished_and_a_source_that_breaks_off_cost_themselves(store, tmp_path, dry):
    class Breaks(Lists):
        def runs(self):
            (run,) = super().runs()
            whole = list(run.listed)

            def records():
                yield from whole
                raise OSError(5, "Input/output error", "disk")

            run.records = records
            return [run]

    gone = File("gone", str(tmp_path / "gone"))
    report = import_runs(store, Breaks(gone, *WHOLE), dry=dry)
    (run,) = report.runs
    assert run.source.points == 23
    assert [problem.partition(":")[0] for problem in run.problems] == ["left out", "left out"]
    assert "gone" in run.problems[0]
    assert "Input/output error" in run.problems[1]
    assert not report.is_whole


def test_an_experiment_that_is_no_name_is_refused(store):
    with pytest.raises(InvalidName, match="experiment"):
        import_runs(store, Lists(*WHOLE), experiment="../x")
    assert len(runlore.runs()) == 0


def test_the_checksum_sees_every_bit_and_no_order():
    numbers = np.random.default_rng(1).normal(size=1000)
    whole = points_checksum("k", numbers, range(1000), numbers)
    assert whole == points_checksum("k", numbers[::-1], range(999, -1, -1), numbers[::-1])
    for change in (np.nextafter(numbers[5], 9), -numbers[5], np.nan):
        other = numbers.copy()
        other[5] = change
        assert points_checksum("k", numbers, range(1000), other) != whole
        assert points_checksum("k", other, range(1000), numbers) != whole
    assert points_checksum("l", numbers, range(1000), numbers) != whole


def command(*arguments, capsys):
    code = run_command([str(item) for item in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_says_what_it_did_and_proves_it(store, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("step,x\n0,1\n1,2\n")
    code, out, _ = command("import", "csv", path, "--dry-run", capsys=capsys)
    assert (code, out.splitlines()[0]) == (0, f"{path}: 1 new (nothing was written)")
    code, out, _ = command("import", "csv", path, capsys=capsys)
    assert (code, out.splitlines()[0]) == (0, f"{path}: 1 added")
    assert "2 points, 0 facts, 0 files" in out
    assert out.endswith("read back from the store, all the same\n")
    path.write_text("step,x\n0,1\n1,7\nnonsense\n")
    code, out, err = command("import", "csv", path, capsys=capsys)
    assert code == 1
    assert "0 of 1 run the same" in out
    assert "1 cells, and the header has 2" in err
    assert "it was changed here or there" in err
    code, out, _ = command("import", "csv", path, "--json", capsys=capsys)
    document = json.loads(out)
    assert (code, document["whole"], document["states"]) == (1, False, {"unchanged": 1})
    assert document["runs"][0]["sample"] == [{"key": "x", "step": 1.0, "source": 7.0, "store": 2.0}]


@pytest.mark.parametrize("dry", [False, True])
def test_an_import_that_was_interrupted_says_how_it_goes_on(store, capsys, dry):
    def interrupted():
        yield points()
        raise KeyboardInterrupt

    source, second = Lists(*WHOLE), Lists(name="two").runs()
    second[0].records = interrupted
    source.runs = lambda: [source._run, *second]
    with pytest.raises(KeyboardInterrupt):
        take_in(lambda: source, None, store.location, dry=dry, json=False)
    assert ("the same command again adds the rest" in capsys.readouterr().err) is not dry
    assert [run.state for run in import_runs(store, Lists(*WHOLE)).runs] == ["added" if dry else "unchanged"]


def test_a_dry_run_makes_no_store_and_bad_input_neither(tmp_path, capsys):
    path, place = tmp_path / "a.csv", tmp_path / "new"
    path.write_text("step,x\n0,1\n")
    assert command("import", "csv", path, "--dry-run", "--store", place, capsys=capsys)[0] == 0
    for arguments in (
        ("csv", tmp_path / "none"),
        ("mlflow", path),
        ("wandb", tmp_path),
        ("tensorboard", tmp_path / "x"),
    ):
        code, _, err = command("import", *arguments, "--store", place, capsys=capsys)
        assert code != 0
        assert err.count("\n") == 1
        assert "Traceback" not in err
    assert not place.exists() or not list(place.glob("runs/*"))


def test_without_a_source_an_archive_is_meant(store, tmp_path, capsys):
    runlore.start("iris", capture=False).finish()
    assert run_command(["export", "-o", str(tmp_path / "a.runlore")]) == 0
    for arguments in ((), ("archive",)):
        code, out, _ = command("import", *arguments, tmp_path / "a.runlore", "--max-files", 100, capsys=capsys)
        assert code == 0
        assert "0 runs added" in out


def test_a_store_that_is_elsewhere_takes_the_same(tmp_path):
    from tests.server.live import serving

    from runlore.opening import open_store

    with serving(open_store(tmp_path / "served", create=True).location) as address:
        remote = open_store(address)
        first, again = (import_runs(remote, Lists(*WHOLE)) for _ in range(2))
        assert first.is_whole
        assert again.runs[0].state == "unchanged"
        assert again.runs[0].store == first.runs[0].source
