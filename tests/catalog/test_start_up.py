"""What a look at a store loads: the standard library, unless points are added up or a regular expression is asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

import runlore
from runlore import registry
from runlore.store import open_store

HEAVY = {"numpy", "pandas", "pyarrow", "sqlalchemy", "re2", "psycopg", "asyncio"}

OPEN = """
import sys
from runlore.catalog import open_catalog
from runlore.index import RunReference
from runlore.index.records import CardFilter
from runlore.store import open_store

index = open_catalog(open_store(sys.argv[1]))
uid = sys.argv[2]
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("looks") / ".runlore"
    with runlore.start("e", store=root, params={"lr": 0.1}, tags={"a": "b"}, capture=False) as run:
        run.log_metric("loss", 0.5, step=1)
        run.log_text("note.txt", "words")
    registry.register("data", "s", "card", store=root)
    runlore.get_run(run.uid, store=root)
    return open_store(root), run.uid


def loaded(store, code):
    found = subprocess.run(
        [sys.executable, "-c", f"{OPEN}\n{code}\nprint(*sys.modules)", store[0].root, store[1]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return HEAVY & set(found.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "index.refresh()",
        "assert len(index.page().runs) == 1",
        "assert len(index.page(order_by='-duration, name', limit=5, facts=True).runs) == 1",
        "assert index.page(order_by='-metrics.loss', facts=True).runs[0].facts.metrics == {'loss': 0.5}",
        "assert index.find(RunReference.parse('e#-1'))[0].facts.params == {'lr': 0.1}",
        "assert index.runs([uid])[0].facts.tags == {'a': 'b'}",
        "assert index.series([uid])[uid]['loss'].last == 0.5",
        "assert len(index.artifacts([uid])[uid]) == 1",
        "assert [found.name for found in index.experiments()] == ['e']",
        "assert index.keys('metrics') == ['loss']",
        "assert [card.name for card in index.cards(CardFilter())] == ['card']",
        "assert index.links([uid]) == []",
    ],
)
def test_a_look_loads_nothing_heavy(store, code):
    assert loaded(store, code) == set()


def test_a_query_loads_what_it_asks_for_and_nothing_else(store):
    assert loaded(store, "assert len(index.page('metrics.loss < 1 and params.lr = 0.1').runs) == 1") == set()
    assert loaded(store, "assert len(index.page('experiment matches \"^e$\"').runs) == 1") == {"re2"}
