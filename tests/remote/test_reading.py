"""Reader and registry give the same from a server as from its directory, in as many requests as pages."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import pickle
import threading
import zoneinfo

import httpx
import pandas as pd
import pytest
from tests.server.live import serving

import runlore
from runlore import registry
from runlore.errors import NothingMatches, NotLocal, QuerySyntaxError, WrongType
from runlore.index.reference import RunReference
from runlore.opening import open_index, open_store
from runlore.query import (
    And,
    Attribute,
    Compare,
    Contains,
    In,
    IsNull,
    Like,
    Matches,
    Metric,
    MetricAt,
    Not,
    Or,
    OrderKey,
    Param,
    Tag,
    Tags,
)
from runlore.query.values import Clock
from runlore.remote.address import Address
from runlore.remote.connection import Server
from runlore.remote.store import ServerStore
from runlore.testing.comparing import assert_same
from runlore.wire.text import MEDIA_TYPE, dumps

STRANGE = {"\ud800x": "a\0b", "big": 2**63, "more": 10**30, "nan": math.nan, "zero": -0.0, "two": "\ud83d\ude00"}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    path = tmp_path_factory.mktemp("reading") / "store"
    for number in range(5):
        with runlore.start("iris", params={"lr": number, "s": STRANGE}, tags=["t"], store=path, capture=False) as run:
            for step in range(4):
                run.log_metrics({"loss": 1 / (step + 1 + number), "\ud800": math.nan if step % 2 else -0.0}, step=step)
            run.log_artifact(b"a", "a.txt")
            run.log_event("note", "note", STRANGE)
            with run.child("below") as child:
                child.log_metric("acc", math.inf)
    card = registry.register("model", "team", "net", artifacts={"w": b"w"}, store=path)
    registry.register("model", "team", "net", inputs=[card], tags={"x": "1"}, store=path)
    with serving(path) as address:
        yield open_store(path), open_store(address)


@pytest.fixture(params=["directory", "server"])
def store(request, stores):
    return stores[request.param == "server"]


READING = {
    "experiments": lambda store: runlore.experiments(store=store),
    "runs": lambda store: runlore.runs("params.lr > 1", order_by="-metrics.loss", store=store),
    "runs of today": lambda store: runlore.runs("started >= 'today'", store=store),
    "get_run": lambda store: runlore.get_run("iris#3", store=store).metrics,
    "params": lambda store: runlore.get_run("iris#3", store=store).params,
    "compare": lambda store: runlore.compare(["iris#1", "iris#3"], store=store),
    "iterate": lambda store: [view.params for view in runlore.experiment("iris", store=store)],
    "data": lambda store: runlore.experiment("iris", store=store).data(),
    "data of some": lambda store: runlore.experiment("iris", store=store).data(run=[1, 2]),
    "metric": lambda store: runlore.experiment("iris", store=store).metric("loss"),
    "summary": lambda store: runlore.experiment("iris", store=store).summary("params.lr"),
    "artifacts": lambda store: [item.name for item in runlore.get_run("iris#1", store=store).artifacts()],
    "artifact": lambda store: runlore.get_run("iris#1", store=store).artifact("a.txt").read_text(),
    "children": lambda store: [child.name for child in runlore.get_run("iris#1", store=store).children()],
    "notes": lambda store: runlore.get_run("iris#1", store=store).events("note"),
    "series": lambda store: runlore.get_run("iris#1", store=store).metric("\ud800"),
    "find": lambda store: str(registry.find("model/team/net", store=store)),
    "get": lambda store: registry.get("model", "team", "net", store=store).tags,
    "lineage": lambda store: len(registry.lineage(registry.get("model", "team", "net", store=store)).ancestors),
}  # fmt: skip


@pytest.mark.parametrize("name", READING)
def test_the_same_is_read(stores, name):
    expected, found = (READING[name](store) for store in stores)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        assert_same(found, expected)


class Far(Address):
    """As an address of another machine, where it pays to compress."""

    is_here = False


def test_between_machines_answers_are_compressed(stores):
    address = Address.parse(stores[1].location)
    far = ServerStore(Server(Far(**dataclasses.asdict(address))))
    for name, read in READING.items():
        expected, found = read(stores[0]), read(far)
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(found, expected, obj=name)
        else:
            assert_same(found, expected)
    big = {"namespace": "n", "name": "x" * 50_000}  # a request that is compressed, too
    assert far.server.ask("store/claimed", big) is None
    uids = {"uids": [run.uid for run in open_index(stores[1]).page(None, None, 100).runs]}
    with httpx.Client(base_url=f"{address}/api/v1/", headers={"content-type": MEDIA_TYPE}) as client:
        for path, body in (("store/events", uids), ("store/points", uids), ("index/page", {"facts": True})):
            sizes = []
            for encoding in ("identity", "gzip"):
                with client.stream("POST", path, content=dumps(body), headers={"accept-encoding": encoding}) as answer:
                    assert answer.headers.get("content-encoding", "identity") == encoding
                    sizes.append(sum(map(len, answer.iter_raw())))
            assert sizes[1] < sizes[0] * 0.7, (path, sizes)


def test_a_stream_that_was_read_leaves_its_connection_for_the_next(stores):
    store = stores[1]
    uids = [run.uid for run in open_index(store).page(None, None, 2).runs]
    for _ in range(3):
        assert len(list(store.points(uids))) == 2
        assert len(store.server._idle) == 1


EXPERIMENT_REQUESTS = {"iterate": 1, "data": 3, "data of some": 3, "metric": 3, "summary": 1}
"""With the question whether there is such an experiment; points and events are one request each."""


@pytest.mark.parametrize("name", READING)
def test_a_page_of_answers_is_one_request(stores, name):
    _, store = stores
    READING[name](store)
    before = store.server.requests
    READING[name](store)
    asked = store.server.requests - before
    least = {"compare": 2, "artifacts": 2, "artifact": 2, "children": 2, "notes": 2, "series": 3, "lineage": 3}
    assert asked <= least.get(name, EXPERIMENT_REQUESTS.get(name, 0) + 1)


def test_many_runs_are_as_few_requests_as_one(stores):
    _, store = stores
    before = store.server.requests
    everything = runlore.runs(store=store)
    assert len(everything) == 10
    assert store.server.requests - before == 1
    uids = everything["uid"].tolist()
    before = store.server.requests
    assert len(dict(store.points(uids))) == len(dict(store.events(uids))) == 10
    assert len(store.index().each([RunReference.parse(uid) for uid in uids])) == 10
    assert store.server.requests - before == 3


QUERIES = [
    And((Compare(Metric("loss"), "<", 0.5), Not(IsNull(Param("lr"))))),
    Or((In(Param("lr"), (1, 2.0, "x", True)), Contains(Attribute("experiment"), "ri"), Matches(Tag("t"), "^$"))),
    Like(Attribute("name"), "b%", True), Compare(MetricAt("loss", 2.0), ">=", 0.2), Contains(Tags(), "t"),
    Compare(Attribute("started"), ">", dt.datetime(2020, 1, 1)),
    Compare(Attribute("started"), ">", dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)),
    Compare(Attribute("duration"), "<", dt.timedelta(hours=1)),
    "started > '-7d' and status = succeeded", "metrics.loss < 0.3 or params.lr in (0, 1)", "", None,
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize("zone", [None, dt.timezone.utc, zoneinfo.ZoneInfo("Europe/Berlin")], ids=str)
def test_queries_mean_the_same(stores, query, zone):
    clock = Clock(zone=zone)
    order = ["-metrics.loss", OrderKey(Attribute("started"))]
    pages = []
    for store in stores:
        index = open_index(store)
        index.refresh()
        found, cursor = [], None
        while True:
            page = index.page(query, order, 3, cursor, clock=clock)
            found.append([run.uid for run in page.runs])
            cursor = page.next_cursor
            if cursor is None:
                break
        pages.append(found)
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["metrics.loss <"], {}), ([5], {}), ([None, "-"], {}), ([None, 5], {}), ([None, None, 0], {}),
        ([None, None, "3"], {}), ([None, None, 1, "no cursor"], {}), ([None, None, 1, 5], {}),
        ([None], {"experiment": 5}), ([None], {"experiment": ["a", 5]}), ([None], {"time_limit_s": 0}),
        ([And((IsNull(Param("x")),) * 501)], {}), (["name matches '('"], {}), (["a = 1"], {}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_same_words(stores, arguments, options):
    said = []
    for store in stores:
        index = open_index(store)
        index.refresh()
        with pytest.raises((ValueError, TypeError)) as raised:
            index.page(*arguments, **options)
        said.append((type(raised.value), str(raised.value)))
    assert said[0] == said[1]


def test_a_query_error_points_at_its_place(stores):
    with pytest.raises(QuerySyntaxError) as raised:
        runlore.runs("metrics.los < and", store=stores[1])
    assert (raised.value.column, raised.value.query) == (15, "metrics.los < and")


def test_names_that_there_are_not_are_hinted_at(stores):
    with pytest.warns(NothingMatches, match="loss"):
        runlore.runs("metrics.los < 1", store=stores[1])


def test_no_path_is_promised(stores):
    view = runlore.get_run("iris#1", store=stores[1])
    with pytest.raises(NotLocal, match="http://"):
        _ = view.directory
    assert "http://" in view.recorded().location


def test_it_can_be_copied_and_used_by_threads(stores):
    copy = pickle.loads(pickle.dumps(stores[1]))
    assert copy == stores[1]
    found = []
    threads = [threading.Thread(target=lambda: found.append(len(runlore.runs(store=copy)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [10] * 8


@pytest.mark.parametrize("wrong", [None, 5, object()])
def test_what_is_no_reference_is_refused_before_anything_is_asked(stores, wrong):
    before = stores[1].server.requests
    with pytest.raises(WrongType):
        runlore.get_run(wrong, store=stores[1])
    assert stores[1].server.requests == before
