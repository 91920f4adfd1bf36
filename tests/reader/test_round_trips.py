"""What reading costs where the store is elsewhere: calls of the contracts, and statements of the catalog."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest
from tests.reader.counting import CountingStore
from tests.reader.made_runs import make_run

import runlore
from runlore import registry
from runlore.reader.session import Session
from runlore.store import open_store
from runlore.testing import MemoryStore

if TYPE_CHECKING:
    from collections import Counter

RUNS = 12


@pytest.fixture
def store() -> CountingStore:
    inner = MemoryStore()
    for number in range(RUNS):
        make_run(inner, params={"lr": number}, metrics={"loss": [1.0, 0.5]}, artifacts={"a.txt": b"a"})
    return CountingStore(inner)


QUESTIONS = {
    "experiments": lambda store: runlore.experiments(store=store),
    "runs": lambda store: runlore.runs("params.lr > 3", order_by="-metrics.loss", store=store),
    "get_run": lambda store: runlore.get_run("iris#3", store=store),
    "compare": lambda store: runlore.compare([f"iris#{number}" for number in range(1, RUNS)], store=store),
}
EXPERIMENT_QUESTIONS = {
    "iterate": lambda iris: [view.params for view in iris.__iter__()],
    "length": len,
    "numbers": lambda iris: iris.numbers,
    "runs": lambda iris: iris.runs(),
    "data": lambda iris: iris.data(),
    "data of some": lambda iris: iris.data(run=[1, 2, 5]),
    "metric": lambda iris: iris.metric("loss"),
    "summary": lambda iris: iris.summary("params.lr"),
    "summary of the least": lambda iris: iris.summary(value="min"),
    "run": lambda iris: iris.run(3),
    "latest run": lambda iris: iris.run(-1),
}
VIEW_QUESTIONS = {
    "artifacts": lambda view: view.artifacts(),
    "artifact": lambda view: view.artifact("a.txt"),
    "children": lambda view: view.children(),
    "data": lambda view: view.data(),
    "metric": lambda view: view.metric("loss"),
    "logs": lambda view: list(view.logs()),
    "refresh": lambda view: view.refresh(),
    "params and metrics": lambda view: (view.params, view.metrics, view.statuses, view.exit, view.duration_s),
}
TWO_OF_THE_INDEX = {"compare"}
"""Which runs, and what hangs on them."""


def cost(calls: Counter[str]) -> tuple[int, int, int]:
    """How often the index was refreshed, how many questions it was asked, how many the store."""
    of_store = {"points", "events", "open_content"}
    return (
        calls["refresh"],
        sum(count for name, count in calls.items() if name not in {"refresh", *of_store}),
        sum(calls[name] for name in of_store),
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_costs_one_round_trip(store, name):
    QUESTIONS[name](store)
    refreshes, asked, read = cost(store.calls)
    assert (refreshes, read) == (1, 0)
    assert asked == (2 if name in TWO_OF_THE_INDEX else 1)


@pytest.mark.parametrize("name", EXPERIMENT_QUESTIONS)
def test_a_question_about_an_experiment_costs_one_round_trip(store, name):
    iris = runlore.experiment("iris", store=store)
    store.calls.clear()
    EXPERIMENT_QUESTIONS[name](iris)
    refreshes, asked, read = cost(store.calls)
    assert refreshes == 1
    assert asked == (2 if name == "summary of the least" else 1), store.calls
    assert read == (2 if name.startswith(("data", "metric")) else 0)  # points and events, of all runs at once


@pytest.mark.parametrize("name", VIEW_QUESTIONS)
def test_a_question_about_a_run_costs_one_round_trip(store, name):
    view = runlore.get_run("iris#3", store=store)
    store.calls.clear()
    VIEW_QUESTIONS[name](view)
    refreshes, asked, read = cost(store.calls)
    assert refreshes <= 1
    assert asked <= 1
    assert read <= 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda view: view.set_tag("a", "b"), lambda view: view.set_tags({"a": 1, "b": None}),
        lambda view: view.set_name("n"), lambda view: view.set_note("n"), lambda view: view.archive(),
        lambda view: view.delete(),
    ],
)  # fmt: skip
def test_an_edit_costs_one_write_and_one_look(store, edit):
    view = runlore.get_run("iris#3", store=store)
    for _ in range(2):
        store.calls.clear()
        edit(view)
        assert store.calls == {"annotate": 1, "refresh": 1, "runs": 1}


def test_what_is_said_of_a_card_costs_one_write_and_one_look(store):
    card = registry.register("model", "a", "b", store=store)
    for edit in (lambda: registry.tag(card, "x"), lambda: registry.note(card, "n"), lambda: registry.delete(card)):
        store.calls.clear()
        edit()
        assert store.calls == {"annotate_card": 1, "refresh": 1, "cards": 1}


def test_lineage_costs_one_question_and_one_for_the_cards(store):
    card = registry.register("model", "a", "b", store=store)
    for number in range(5):
        card = registry.register("model", "a", str(number), inputs=[card], store=store)
    store.calls.clear()
    assert len(registry.lineage(card).ancestors) == 5
    assert store.calls == {"refresh": 1, "lineage": 1, "cards": 1}


# -- the catalog ----------------------------------------------------------------------------------------------------


@pytest.fixture
def statements(monkeypatch) -> list[str]:
    """Every statement that SQLite runs on connections that are opened from now on."""
    seen: list[str] = []
    connect = sqlite3.connect

    def spied(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", spied)
    return seen


def questions(statements: list[str]) -> list[str]:
    """Without the limits of transactions, which cost nothing."""
    return [text for text in statements if not text.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"))]


def test_walking_through_runs_costs_the_same_however_many_there_are(tmp_path, statements):
    found = []
    for name, count in (("few", 3), ("many", 300)):
        store = open_store(tmp_path / name, create=True)
        for number in range(count):
            make_run(store, params={f"p{key}": number for key in range(5)}, metrics={"loss": [1.0]})
        for directory in (store.runs_root, os.path.join(store.runs_root, "iris")):
            os.utime(directory, (1e9, 1e9))  # not so young that it has to be looked at again
        session = Session(store).refresh()
        iris = runlore.experiment("iris", store=store)
        statements.clear()
        session.refresh()
        refreshing = len(questions(statements))
        statements.clear()
        assert sum(view.params["p3"] for view in iris) == sum(range(count))
        found.append(len(questions(statements)) - refreshing)
    assert found[0] == found[1]
    assert found[1] <= 5
