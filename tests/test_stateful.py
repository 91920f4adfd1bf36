"""A store and its catalog against a plain in-memory model, through everything that may happen to them.

Runs start, log, end, crash (a copy of their journals without an end), are resumed and sealed, the catalog is deleted,
other readers look: what is read is always what was logged, and nothing else.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

import runlore
from runlore.catalog import open_catalog
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run

keys = st.sampled_from(["loss", "train/acc", "größe", "a b", "`tick`"])
values = st.floats(allow_nan=True, allow_infinity=True)
steps = st.none() | st.integers(-5, 2**53) | st.floats(-10, 10)
params = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


class Oracle:
    """What one run must read as."""

    def __init__(self, number, experiment):
        self.number = number
        self.experiment = experiment
        self.points = {}
        self.params = {}
        self.tags = {}
        self.status = "running"

    def last(self, key):
        order = enumerate(self.points[key])
        return max(order, key=lambda item: (-math.inf if item[1][0] is None else item[1][0], item[0]))[1][1]


class StoreMachine(RuleBasedStateMachine):
    live = Bundle("live")
    ended = Bundle("ended")

    @initialize()
    def open_a_store(self):
        self.directory = tempfile.mkdtemp()
        self.store = os.path.join(self.directory, "store")
        self.runs = {}

    def teardown(self):
        for run in [run for run, _ in self.runs.values() if not run.ended]:
            run.finish()
        shutil.rmtree(self.directory)

    @rule(target=live, experiment=st.sampled_from(["a", "a/b", "ü"]), mode=st.sampled_from(["mmap", "write"]))
    def start(self, experiment, mode):
        os.environ["RUNLORE_JOURNAL"] = mode
        try:
            run = runlore.start(experiment, store=self.store, capture=False)
        finally:
            del os.environ["RUNLORE_JOURNAL"]
        expected = 1 + sum(oracle.experiment == experiment for _, oracle in self.runs.values())
        assert run.number == expected
        self.runs[run.uid] = (run, Oracle(run.number, experiment))
        return run.uid

    @rule(uid=live, key=keys, value=values, step=steps)
    def log_metric(self, uid, key, value, step):
        run, oracle = self.runs[uid]
        run.log_metric(key, value, step=step)
        oracle.points.setdefault(key, []).append((step, value))

    @rule(uid=live, row=st.dictionaries(keys, values, max_size=4), step=steps)
    def log_metrics(self, uid, row, step):
        run, oracle = self.runs[uid]
        run.log_metrics(row, step=step)
        for key, value in row.items():
            oracle.points.setdefault(key, []).append((step, value))

    @rule(uid=live, key=keys, value=params)
    def log_param(self, uid, key, value):
        run, oracle = self.runs[uid]
        run.log_param(key, value)
        oracle.params[key] = value

    @rule(uid=live, key=keys, value=st.none() | st.text(max_size=3))
    def set_tag(self, uid, key, value):
        run, oracle = self.runs[uid]
        run.set_tag(key, value)
        oracle.tags.pop(key, None)
        if value is not None:
            oracle.tags[key] = value

    @rule(target=ended, uid=consumes(live), status=st.sampled_from(["succeeded", "failed", "stopped"]))
    def finish(self, uid, status):
        run, oracle = self.runs[uid]
        run.finish(status)
        oracle.status = status
        return uid

    @rule(target=live, uid=consumes(ended))
    def resume(self, uid):
        _, oracle = self.runs[uid]
        self.runs[uid] = (runlore.resume(uid, store=self.store, capture=False), oracle)
        oracle.status = "running"
        return uid

    @rule(uid=ended)
    def seal(self, uid):
        store = open_store(self.store)
        seal_run(store, store.find_run(uid))

    @rule()
    def delete_the_catalog(self):
        if os.path.exists(self.store):
            open_catalog(open_store(self.store)).rebuild()

    @rule()
    def another_reader(self):
        if os.path.exists(self.store):
            from runlore.catalog.catalog import Catalog

            other = Catalog(open_store(self.store))
            other.refresh()
            other.close()

    @invariant()
    def everything_reads_as_it_was_logged(self):
        if not getattr(self, "runs", None):
            return
        table = runlore.runs(store=self.store)
        assert set(table["uid"]) == set(self.runs)
        for uid, (_, oracle) in self.runs.items():
            view = runlore.get_run(uid, store=self.store)
            assert (view.number, view.experiment, view.status) == (oracle.number, oracle.experiment, oracle.status)
            assert view.params == oracle.params
            assert view.tags == oracle.tags
            assert set(view.metrics) == set(oracle.points)
            for key, expected in oracle.points.items():
                np.testing.assert_equal(view.metrics[key], oracle.last(key))
                series = view.metric(key)
                np.testing.assert_array_equal(series["value"], [value for _, value in expected])
                np.testing.assert_array_equal(
                    series["step"], [math.nan if step is None else float(step) for step, _ in expected]
                )


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
