"""The version of a name that was best by a metric of the runs that registered it."""

from __future__ import annotations

import json

import pytest

import runlore
from runlore import registry
from runlore.cli import run as run_command
from runlore.errors import CardNotFound, InvalidArgument


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))


def register(*values, name="tagger", goal=None):
    with runlore.start("nlp", capture=False) as run:
        if goal is not None:
            run.define_metric("val/acc", best=goal)
        for step, value in enumerate(values):
            run.log_metric("val/acc", value, step=step)
        return registry.register("model", "nlp", name, run=run)


def best(name="tagger"):
    return registry.get("model", "nlp", name, "best(val/acc)").version


def test_the_best_value_that_a_run_ever_reached_counts_as_the_latest_word_says():
    register(0.5, 0.9, 0.1)
    register(0.8)
    register(float("nan"))
    with pytest.raises(InvalidArgument, match=r"run\.define_metric\('val/acc', best='max'\)"):
        best()
    register(0.7, goal="max")
    assert best() == "0.1.0"
    assert registry.find("model/nlp/tagger@best(metrics.val/acc)").version == "0.1.0"
    register(0.3, goal="min")
    assert best() == "0.1.0", "its least value is 0.1"
    register(0.1)
    assert best() == "0.6.0", "of equal ones the greatest version"
    registry.delete(registry.get("model", "nlp", "tagger", "0.6.0"))
    assert best() == "0.1.0"


def test_lists_have_the_best_of_each_name_whose_runs_have_the_metric(capsys):
    register(0.5, goal="max")
    register(0.4)
    register(0.1, name="parser")
    register(0.2, name="parser")
    registry.register("model", "nlp", "without")
    found = registry.list_cards(kind="model", version="best(val/acc)")
    assert [str(card) for card in found] == ["model/nlp/parser@0.2.0", "model/nlp/tagger@0.1.0"]
    assert run_command(["cards", "model/nlp/*@best(val/acc)", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 2


def test_where_there_is_none_it_says_why():
    registry.register("model", "nlp", "tagger")
    with pytest.raises(CardNotFound, match=r"no run that .* has a number of this metric; there are 0\.1\.0"):
        best()
    register(float("nan"), goal="max")
    with pytest.raises(CardNotFound, match="has a number of this metric"):
        best()
    with pytest.raises(CardNotFound, match="no card model/nlp/other"):
        best("other")
    with pytest.raises(InvalidArgument):
        registry.alias(registry.get("model", "nlp", "tagger"), "best(acc)")
