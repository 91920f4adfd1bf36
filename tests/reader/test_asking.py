"""Asking for runs from Python: what a question names and no run has is a warning, and said once."""

from __future__ import annotations

import warnings

import pytest

import runlore
from runlore.errors import InvalidArgument, NothingMatches, QuerySyntaxError


@pytest.fixture(autouse=True)
def _some(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("digits/mlp", "iris"):
        with runlore.start(name, params={"lr": 0.1}, capture=False) as run:
            run.log_metric("loss", 0.5)


def asked(*arguments, **options):
    """What was warned of, how many runs were found, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = runlore.runs(*arguments, **options)
    return [str(item.message) for item in caught if item.category is NothingMatches], len(found), caught


@pytest.mark.parametrize(
    ("arguments", "options", "said", "count"),
    [
        (["metrics.los < 1"], {}, "no run has metrics.los; did you mean metrics.loss?", 0),
        (["metrics.lr = 0.1"], {}, "no run has metrics.lr; did you mean params.lr?", 0),
        ([], {"order_by": "-metrics.los"}, "no run has metrics.los; did you mean metrics.loss?", 2),
        ([], {"experiment": "digits/nlp"}, "no experiment is called 'digits/nlp'; did you mean 'digits/mlp'?", 0),
        ([], {"experiment": ["digits"]}, "no experiment is called 'digits'; 'digits/**' finds 1 below it", 0),
        (["metrics.a > 1 or tags.b = 'c'"], {}, "no run has metrics.a; no run has tags.b", 0),
    ],
)
def test_what_no_run_has_is_one_warning_for_the_line_that_asked(arguments, options, said, count):
    messages, found, caught = asked(*arguments, **options)
    assert (messages, found) == ([said], count)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "query", [None, "", "metrics.loss < 0", "metrics.nothing is null", "metrics.loss < 1 or metrics.x > 1"]
)
def test_what_is_there_and_what_is_found_is_no_warning(query):
    assert asked(query)[0] == []


def test_an_experiment_warns_likewise():
    with pytest.warns(NothingMatches, match=r"no run has metrics\.los; did you mean metrics\.loss\?"):
        assert len(runlore.experiment("iris").runs("metrics.los < 1")) == 0
    with pytest.warns(NothingMatches):
        assert len(runlore.experiment("iris").runs(order_by="params.x")) == 1


def test_a_warning_can_be_turned_off_and_is_public():
    assert runlore.NothingMatches is NothingMatches
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", runlore.NothingMatches)
        runlore.runs("metrics.los < 1")


def test_errors_name_what_the_store_has():
    with pytest.raises(QuerySyntaxError, match=r"did you mean metrics\.loss\?") as failure:
        runlore.runs("loss < 0.1")
    assert failure.value.column == 1
    with pytest.raises(QuerySyntaxError, match=r"did you mean params\.lr\?"):
        runlore.experiment("iris").runs(order_by="lr")
    with pytest.raises(InvalidArgument, match="it is called 'succeeded' here"):
        runlore.runs("status = 'FINISHED'")


def test_a_status_that_a_run_logged_can_be_asked_for():
    with runlore.start("iris", capture=False) as run:
        run.log_status("FINISHED")
        assert asked("status = 'FINISHED'")[:2] == ([], 1)
