"""What queries find, as the reference tells it; the oracle tests the rest."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from runlore.errors import InvalidArgument
from runlore.query import And, Attribute, Clock, Compare, In, Like, Metric, MetricAt, Not, Or, Param, Tag, parse
from runlore.query.checks import check_expression

S = 10**9
NOW = 1_800_000_000 * S
DAY = 86_400 * S
CLOCK = Clock(NOW, dt.timezone.utc)
NAN = math.nan

RUNS = [
    {
        "experiment": "vision/cifar10",
        "name": "first try",
        "started_ns": NOW - 10 * DAY,
        "ended_ns": NOW - 10 * DAY + 3 * 3600 * S,
        "status": "succeeded",
        "metrics": {"loss": [(0, 1.0), (1, 0.5), (2, 0.05)], "train/loss": [(0, 0.3)], "a b": [(0, 1.0)]},
        "params": {"lr": 0.1, "optimizer": "adam", "amp": True, "seed": 2**53 + 1, "layers": [64, 32], "note": None},
        "tags": {"team": "vision", "prod": ""},
    },
    {
        "experiment": "vision/mnist",
        "started_ns": NOW - DAY,
        "ended_ns": NOW - DAY + 60 * S,
        "status": "failed",
        "metrics": {"loss": [(0, 1.0), (1, NAN)]},
        "params": {"lr": "0.1", "optimizer": "SGD", "amp": False, "seed": 2**53},
        "tags": {"team": "vision research"},
    },
    {
        "experiment": "nlp",
        "name": "100% sure_thing",
        "started_ns": NOW - 3600 * S,
        "updated_ns": NOW,
        "status": "running",
        "state": "open",
        "params": {"lr": 0.01, "optimizer": "Adam"},
    },
]


@pytest.mark.parametrize("state", ["ended", "open"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2]),
        ("metrics.loss < 0.1", [0]),
        ("metrics.loss >= 0.1", []),  # NaN is neither
        ("metrics.loss != 0.1", [0, 1]),  # but it is not 0.1; and a run without the metric is neither
        ("not metrics.loss < 0.1", [1]),
        ("metrics.loss is nan", [1]),
        ("metrics.loss = nan", [1]),
        ("metrics.loss is not nan", [0]),
        ("metrics.loss is null", [2]),
        ("metrics.loss is not null", [0, 1]),
        ("metrics.loss in (0.05, nan)", [0, 1]),
        ("metrics.loss not in (0.05)", [1]),
        ("metrics.train/loss < 1", [0]),
        ("metrics.`a b` = 1", [0]),
        ("max(metrics.loss) = 1", [0, 1]),
        ("min(metrics.loss) = 0.05", [0]),
        ("first(metrics.loss) = 1", [0, 1]),
        ("count(metrics.loss) = 2", [1]),
        ("mean(metrics.loss) = 1", [1]),
        ("at(metrics.loss, 1) = 0.5", [0]),
        ("at(metrics.loss, 1) = nan", [1]),
        ("at(metrics.loss, 2) is null", [1, 2]),
        ("params.lr = 0.1", [0, 1]),
        ("params.lr = '0.1'", [0, 1]),
        ("params.lr = '1e-1'", [0, 1]),
        ("params.lr = 1", []),
        ("params.lr < 0.2", [0, 2]),
        ("params.lr != 0.1", [2]),
        ("params.optimizer = adam", [0]),
        ("params.optimizer ilike 'ADAM'", [0, 2]),
        ("params.optimizer matches '(?i)^a'", [0, 2]),
        ("params.optimizer in ('adam', 'SGD')", [0, 1]),
        ("params.amp = true", [0]),
        ("params.amp is not true", [1]),
        ("params.amp = 1", []),
        ("params.seed = 9007199254740993", [0]),
        ("params.seed = 9007199254740992", [1]),
        ("params.seed > 9007199254740992", [0]),
        ("params.note is null", [0, 1, 2]),
        ("params.layers contains 64", [0]),
        ("tags contains prod", [0]),
        ("tags contains 'team'", [0, 1]),
        ("not tags contains prod", [1, 2]),
        ("tags is null", [2]),
        ("tags.prod is not null", [0]),
        ("tags.team contains 'research'", [1]),
        ("tags.team = vision", [0]),
        ("name like '%\\%%'", [2]),
        ("name like '%sure_thing'", [2]),
        ("name like 'FIRST%'", []),
        ("name ilike 'FIRST%'", [0]),
        ("name is null", [1]),
        ("status in (failed, running) and not experiment = nlp", [1]),
        ("status = failed or (metrics.loss < 1 and params.lr = 0.1)", [0, 1]),
        ("experiment like 'vision/%'", [0, 1]),
        ("started > -7d", [1, 2]),
        ("started < '-7d'", [0]),
        ("started = yesterday", [1]),
        ("started >= today", [2]),
        ("ended is null", [2]),
        ("duration > 2h30m", [0]),
        ("duration = 60", [1]),
        ("duration between 50s and '1h'", [1, 2]),
        ("number = 2", [2]),
        ("run_id = '01900000000070008000000000000001'", [1]),
        ("deleted = true", []),
        ("damaged = false", [0, 1, 2]),
        # as other trackers write it
        ("attributes.status = 'failed' AND metrics.`loss` > -1 OR tags.\"team\" = 'vision'", [0]),
        ("attributes.start_time > 1799990000000", [2]),
        ("metric.loss < 0.1 AND param.optimizer LIKE 'ad%'", [0]),
    ],
)
def test_a_query_finds_its_runs(find, query, found, state):
    runs = [{"updated_ns": run.get("ended_ns", NOW), **run, "state": state} for run in RUNS]
    assert find(runs, query, clock=CLOCK) == found


def test_trees_of_another_syntax_find_the_same(find):
    """`metrics.loss:<0.1, params.lr:0.1|0.01, ~status:failed` and `nil`, as a dialect would build them."""
    tree = And(
        (
            Compare(Metric("loss"), "<", 0.1),
            In(Param("lr"), (0.1, 0.01)),
            Not(Or((Compare(Attribute("status"), "=", "failed"), Like(Tag("team"), "x%")))),
        )
    )
    assert find(RUNS, tree) == [0]


def test_deleted_runs_are_found_when_asked_for(find):
    runs = [{"deleted": 1}, {}, {"deleted": 1, "archived": 1}]
    assert find(runs, None) == [1]
    assert find(runs, None, include_deleted=True) == [0, 1, 2]
    assert find(runs, "deleted = true") == [0, 2]
    assert find(runs, "deleted = true or archived = false") == [0, 1, 2]
    assert find(runs, "archived = true") == []


def test_an_or_never_leaves_its_scope(find):
    runs = [{"experiment": "a"}, {"experiment": "b"}, {"experiment": "a", "deleted": 1}]
    assert find(runs, "number = 0 or number >= 0", experiment="a") == [0]


def test_times_and_durations_may_be_objects(find):
    runs = [{"updated_ns": NOW, **run} for run in RUNS]
    moment = dt.datetime.fromtimestamp((NOW - DAY) // S, dt.timezone.utc)
    assert find(runs, Compare(Attribute("started"), ">=", moment)) == [1, 2]
    assert find(runs, Compare(Attribute("duration"), ">", dt.timedelta(hours=2))) == [0]


@pytest.mark.parametrize(
    "tree",
    [
        Compare(Attribute("start_time"), ">", 1),
        Compare(Attribute("nope"), "=", "x"),
        Compare(Metric("a", "median"), ">", 1),
        Compare(Metric("a"), "~", 1),
        Compare(Metric("a"), "<", "low"),
        Compare(Metric(""), "<", 1),
        Compare(Metric("a\0"), "<", 1),
        Compare(MetricAt("a", NAN), "<", 1),
        Compare(Param("a"), "<", dt.timedelta(1)),
        Compare(Tag("\ud800"), "=", "x"),
        Compare(Tag("a"), "=", "\ud800"),
        In(Attribute("started"), ("today",) * 101),
        Like(Metric("a"), "x"),
    ],
)
def test_a_tree_that_is_no_query_is_refused(tree):
    with pytest.raises(InvalidArgument):
        check_expression(Not(And((tree,))), CLOCK)


def test_now_and_the_zone_are_those_of_the_clock(find):
    runs = [{"started_ns": NOW - 3600 * S}]
    assert find(runs, "started > -2h", clock=CLOCK) == [0]
    assert find(runs, "started > -2h", clock=Clock(NOW + DAY)) == []


def test_a_tree_says_what_it_is():
    assert repr(parse("tags.a = 'b'")) == "Compare(field=Tag(key='a'), operator='=', value='b')"
    assert hash(parse("metrics.a in (1, 2)")) == hash(parse("metrics.a in (1,2)"))
