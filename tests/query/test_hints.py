"""What is said of names that a store does not have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import InvalidArgument, QuerySyntaxError
from runlore.query import parse, parse_order
from runlore.query.hints import (
    STATUSES,
    check_statuses,
    explain,
    missing_experiment,
    missing_names,
    similar,
    spell,
)


class Words:
    """A store's names, as lists."""

    def __init__(self, metrics=(), params=(), tags=(), experiments=(), statuses=()) -> None:
        self._keys = {"metrics": metrics, "params": params, "tags": tags}
        self._experiments, self._statuses = experiments, statuses

    def keys(self, kind):
        return self._keys[kind]

    def experiments(self):
        return self._experiments

    def statuses(self):
        return self._statuses


STORE = Words(
    metrics=["loss", "val/acc", "train loss", "shared"], params=["lr", "shared", "a.b"], tags=["team"],
    experiments=["digits/mlp", "vision/cifar10/resnet", "iris"], statuses=["succeeded", "evaluating"],
)  # fmt: skip


def explained(text: str, words: Words = STORE, *, order: bool = False) -> str:
    with pytest.raises(QuerySyntaxError) as failure:
        (parse_order if order else parse)(text)
    error = explain(failure.value, words)
    assert (error.query, error.column) == (failure.value.query, failure.value.column)
    return str(error).splitlines()[0]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("loss < 0.1", "metrics.loss"),
        ("params.lr = 1 and loss < 0.1", "metrics.loss"),
        ("min(loss) < 0.1", "metrics.loss"),
        ("at(loss, 3) < 0.1", "metrics.loss"),
        ("lr = 1", "params.lr"),
        ("team = 'x'", "tags.team"),
        ("shared > 1", "metrics.shared or params.shared"),
        ("val/acc > 0.5", "metrics.val/acc"),
        ("acc > 0.5", "metrics.val/acc"),
        ("val.acc > 0.5", "metrics.val/acc"),
        ("a.b = 1", "params.a.b"),
        ("LOSS < 1", "metrics.loss or 'lost'"),
        ("los < 1", "metrics.loss or 'lost'"),
        ("statsu = failed", "'status'"),
        ("attributes.loss < 1", "metrics.loss"),
    ],
)
def test_a_word_that_is_no_field_is_explained_by_what_the_store_has(text, meant):
    said = explained(text)
    assert said.startswith("there is no attribute '")
    assert said.endswith(f"'; did you mean {meant}?")


@pytest.mark.parametrize("text", ["loss", "-loss", "started, loss desc"])
def test_an_order_is_explained_likewise(text):
    assert explained(text, order=True).endswith("did you mean metrics.loss?")


def test_without_anything_alike_the_error_stays_as_it_is():
    with pytest.raises(QuerySyntaxError) as failure:
        parse("zzzzzz = 1")
    assert explain(failure.value, STORE) is failure.value
    assert "metrics., params. or tags." in str(failure.value)
    with pytest.raises(QuerySyntaxError) as failure:
        parse("metrics.loss <")
    assert explain(failure.value, STORE) is failure.value


def test_a_key_that_needs_quotes_is_proposed_with_them():
    assert "did you mean metrics.`train loss` or" in explained("trainloss < 1")


@given(st.text(min_size=1).filter(lambda key: "\0" not in key and key.isprintable()))
def test_every_key_can_be_written_as_it_is_proposed(key):
    tree = parse(f"{spell('metrics', key)} < 1")
    assert tree.field.key == key


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("FINISHED", "succeeded"), ("finished", "succeeded"), ("COMPLETED", "succeeded"), ("done", "succeeded"),
        ("Succeeded", "succeeded"), ("suceeded", "succeeded"), ("FAILED", "failed"), ("error", "failed"),
        ("KILLED", "stopped"), ("cancelled", "stopped"), ("RUNNING", "running"), ("in progress", "running"),
        ("Crashed", "crashed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "query", ["status = {0!r}", "status != {0!r}", "status in (failed, {0!r})", "not status = {0!r}"]
)
def test_a_status_in_the_words_of_others_is_refused_with_ours(status, ours, query):
    with pytest.raises(InvalidArgument, match=f"it is called {ours!r} here. Statuses are running, succeeded"):
        check_statuses(parse(query.format(status)), STORE)


@pytest.mark.parametrize("status", [*STATUSES, "evaluating", "queued", "my own status", ""])
def test_other_statuses_are_left_alone(status):
    check_statuses(parse(f"status = {status!r}"), STORE)


def test_a_status_that_a_run_has_is_right_whatever_it_is():
    check_statuses(parse("status = 'FINISHED'"), Words(statuses=["FINISHED"]))
    check_statuses(parse("status like 'FIN%'"), STORE)
    check_statuses(parse("params.status = 'FINISHED'"), STORE)


def hints(query: str = "", order: str = "", experiment=None, *, found: bool = False) -> list[str]:
    return missing_names(parse(query), parse_order(order), experiment, STORE, found=found)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("metrics.los < 1", "no run has metrics.los; did you mean metrics.loss?"),
        ("min(metrics.los) < 1", "no run has metrics.los; did you mean metrics.loss?"),
        ("at(metrics.los, 1) < 1", "no run has metrics.los; did you mean metrics.loss?"),
        ("metrics.lr = 1", "no run has metrics.lr; did you mean params.lr?"),
        ("params.loss = 1", "no run has params.loss; did you mean metrics.loss?"),
        ("metrics.acc > 1", "no run has metrics.acc; did you mean metrics.val/acc?"),
        ("tags.teem = 'a'", "no run has tags.teem; did you mean tags.team?"),
        ("metrics.`x y` < 1", "no run has metrics.`x y`"),
        ("experiment = 'digits/nlp'", "no experiment is called 'digits/nlp'; did you mean 'digits/mlp'?"),
        ("status = 'training'",
         f"no run has the status 'training'; statuses are {', '.join(STATUSES)}, and what runs logged"),
    ],
)  # fmt: skip
def test_names_that_are_missing_are_said(query, said):
    assert hints(query) == [said]
    assert hints(query, found=True) == []


def test_names_that_are_there_are_not():
    assert (
        hints(
            "metrics.loss < 1 and params.lr = 1 and tags.team = 'x' and status = 'evaluating' and experiment = 'iris'"
        )
        == []
    )
    assert hints("tags contains x or name = 'y' or metrics.loss is null") == []


def test_an_order_is_in_vain_also_where_runs_are_found():
    assert hints("", "-metrics.los", found=True) == ["no run has metrics.los; did you mean metrics.loss?"]
    assert hints("", "-metrics.loss, started", found=True) == []


def test_each_is_said_once():
    assert len(hints("metrics.los < 1 or metrics.los > 2 or max(metrics.los) > 3", "metrics.los")) == 1


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("digits/nlp", "no experiment is called 'digits/nlp'; did you mean 'digits/mlp'?"),
        ("Iris", "no experiment is called 'Iris'; did you mean 'iris'?"),
        ("resnet", "no experiment is called 'resnet'; did you mean 'vision/cifar10/resnet'?"),
        ("digits", "no experiment is called 'digits'; 'digits/**' finds 1 below it"),
        ("digits/", "no experiment is called 'digits/'; 'digits/**' finds 1 below it"),
        ("digts/*", "no experiment matches 'digts/*'; did you mean 'digits/*'?"),
        ("vison/cifar10/*", "no experiment matches 'vison/cifar10/*'; did you mean 'vision/cifar10/*'?"),
        ("zzz", "no experiment is called 'zzz'"),
        ("zzz/**", "no experiment matches 'zzz/**'"),
        ("**/zzz", "no experiment matches '**/zzz'"),
        ("iris", None),
        ("digits/*", None),
        ("**", None),
    ],
)
def test_experiments_that_are_missing(pattern, said):
    assert missing_experiment(pattern, STORE.experiments()) == said
    assert hints("", "", pattern) == ([said] if said else [])
    assert hints("", "", [pattern, "iris"]) == ([said] if said else [])


def test_hints_are_bounded_however_much_there_is():
    many = [f"metric {index}" for index in range(50_000)]
    assert len(similar("metric 12345", many)) <= 3
    assert len(explained(f"{'x' * 5000} < 1", Words(metrics=many))) < 500
    assert len(missing_experiment("y" * 4000, many)) < 500
