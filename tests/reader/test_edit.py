from __future__ import annotations

import subprocess
import sys

import pytest

import runlore
from runlore.errors import WrongType
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_store


@pytest.fixture
def view(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with runlore.start("iris", "first", tags={"stage": "new"}, capture=False) as run:
        run.log_metric("loss", 0.5)
    return runlore.get_run(run.uid)


@pytest.mark.parametrize("sealed", [False, True])
def test_edits_are_seen_and_the_status_stays(view, sealed):
    if sealed:
        seal_store(open_store())
    before = view.status, view.ended_ns, view.updated_ns
    view.set_tags({"stage": "checked", "n": 3})
    view.set_tag("gone")
    view.set_tag("gone", None)
    view.set_name("second")
    view.set_description("text")
    view.set_note("one")
    view.set_note("two")
    view.archive()
    again = runlore.get_run(view.uid)
    assert again.tags == view.tags == {"stage": "checked", "n": "3"}
    assert (again.name, again.description, again.notes, again.archived) == ("second", "text", ["one", "two"], True)
    assert (again.status, again.ended_ns, again.updated_ns) == before


def test_the_trash(view):
    view.delete()
    assert view.deleted
    assert len(runlore.runs()) == 0
    view.restore()
    assert not runlore.get_run(view.uid).deleted
    assert len(runlore.experiment("iris")) == 1


def test_a_crashed_run_ended_when_it_crashed(view):
    program = "import os, runlore; r = runlore.start('dead', capture=False); r.log_metric('x', 1); os._exit(0)"
    subprocess.run([sys.executable, "-c", program], check=True)
    dead = runlore.get_run("dead#1")
    ended = dead.ended_ns
    dead.set_tag("looked at")
    assert (dead.status, dead.ended_ns) == ("crashed", ended)


def test_a_running_run_can_be_edited(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with runlore.start("live", capture=False) as run:
        view = runlore.get_run(run.uid)
        view.set_tag("seen")
        assert (view.status, view.tags) == ("running", {"seen": ""})
        run.set_tag("seen", "by the run")
    assert view.refresh().tags == {"seen": "by the run"}
    assert view.status == "succeeded"


def test_an_edit_wins_over_what_a_fast_clock_said(view):
    from runlore.store.annotate import annotate

    ahead = view.updated_ns + 3600 * 10**9
    annotate(view._session.store, view.directory, [("attribute", "name", "from the future")], after_ns=ahead)
    view.set_name("now")
    assert runlore.get_run(view.uid).name == "now"


def test_wrong_arguments_change_nothing(view):
    for call in (
        lambda: view.set_tags({"a": "b", "c": [1]}),
        lambda: view.set_note(3),
        lambda: view.set_description(None),
    ):
        with pytest.raises(WrongType):
            call()
    assert runlore.get_run(view.uid).tags == {"stage": "new"}
