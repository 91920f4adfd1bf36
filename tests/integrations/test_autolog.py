"""Turning integrations on and off, libraries that come later, and what becomes of faults of ours."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import runlore
from runlore.errors import InvalidArgument
from runlore.integrations._importing import ImportHook
from runlore.integrations._patches import Patches, with_callback


def program(text, store):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "RUNLORE_STORE": str(store), "PYTHONPATH": ":".join(sys.path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_a_library_that_is_imported_later_is_recorded_and_it_is_said(store):
    done = program(
        """
        import sys, runlore
        log = runlore.autolog(experiment="later")
        assert "sklearn" not in sys.modules and "optuna" not in sys.modules, "autolog imports nothing"
        assert set(log.installed) <= {"logging"}
        from sklearn.linear_model import Ridge
        assert "sklearn" in log.installed
        import sklearn.base
        assert "exec_module" not in vars(sklearn.base.__loader__)
        Ridge(alpha=2.0).fit([[0.0], [1.0]], [0.0, 1.0])
        """,
        store,
    )
    assert "runlore: autolog records of sklearn: params of the estimator" in done.stderr
    found = runlore.runs(experiment="later", store=store)
    assert found[["params.sklearn/alpha", "status", "tags.autolog"]].to_numpy().tolist() == [
        [2.0, "succeeded", "sklearn"]
    ]


def test_the_hook_leaves_modules_and_loaders_as_they_are(tmp_path, monkeypatch):
    (tmp_path / "brand_new.py").write_text("value = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = []
    hook = ImportHook(lambda name, module: seen.append((name, module.value)))
    hook.watch("brand_new")
    import brand_new

    assert seen == [("brand_new", 1)]
    assert "exec_module" not in vars(brand_new.__loader__)
    hook.watch("brand_new")
    assert seen == [("brand_new", 1)] * 2
    hook.remove()
    assert hook not in sys.meta_path
    monkeypatch.delitem(sys.modules, "brand_new")


def test_an_import_that_fails_fails_as_before(tmp_path, monkeypatch):
    (tmp_path / "brand_bad.py").write_text("raise ZeroDivisionError")
    monkeypatch.syspath_prepend(str(tmp_path))
    hook = ImportHook(lambda *_: pytest.fail("there is no such module"))
    hook.watch("brand_bad")
    hook.watch("brand_absent")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            import brand_bad  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        import brand_absent  # noqa: F401
    hook.remove()


def test_unknown_libraries_are_named_and_nothing_is_turned_on():
    with pytest.raises(InvalidArgument, match="'xgbost' is not known; did you mean 'xgboost'"):
        runlore.autolog("sklearn", "xgbost")
    with pytest.raises(InvalidArgument):
        runlore.autolog(experiment="")


def test_a_second_call_replaces_the_first_and_off_may_be_called_twice():
    from sklearn.linear_model import Ridge

    plain = vars(Ridge)["fit"]
    first = runlore.autolog("sklearn", silent=True)
    assert vars(Ridge)["fit"] is not plain
    second = runlore.autolog("sklearn", silent=True)
    assert (first.installed, second.installed) == ([], ["sklearn"])
    second.off()
    second.off()
    assert vars(Ridge)["fit"] is plain


def call(original, *args):
    return ("recorded", original(*args))


def test_patches_are_taken_back_exactly_and_respect_who_came_later():
    class Base:
        def inherited(self):
            return 1

        def own(self):
            return 2

        def wrapped_since(self):
            return 3

    class Kind(Base):
        own = Base.own

    before = dict(vars(Kind)), dict(vars(Base))
    patches = Patches()
    patches.wrap(Kind, "inherited", call)
    patches.wrap(Kind, "own", call)
    patches.wrap(Base, "wrapped_since", call)
    assert (Kind().inherited(), Kind().own(), Base().inherited()) == (("recorded", 1), ("recorded", 2), 1)
    ours = Base.wrapped_since
    Base.wrapped_since = later = lambda self: ("later", ours(self))
    patches.undo()
    assert dict(vars(Kind)) == before[0]
    assert Base.wrapped_since is later
    assert Base().wrapped_since() == ("later", 3)


def test_a_callback_is_added_wherever_the_caller_put_his():
    def train(params, rounds=1, callbacks=None, **more):
        return callbacks

    given = ["a"]
    for args, kwargs in (((1, 2, given), {}), ((1,), {"callbacks": given}), ((1,), {"callbacks": ("a",)})):
        more, named = with_callback(train, args, kwargs, "ours")
        assert train(*more, **named) == ["a", "ours"]
    args, kwargs = with_callback(train, (1,), {"other": 2}, "ours")
    assert train(*args, **kwargs) == ["ours"]
    assert given == ["a"]


def test_worker_processes_record_nothing_of_what_they_are_sent(store):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    program(
        """
        import runlore
        runlore.autolog(silent=True, experiment="search")
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.model_selection import GridSearchCV

        class Zero(ClassifierMixin, BaseEstimator):  # of __main__: it travels with its wrapped methods
            def __init__(self, size=1):
                self.size = size

            def fit(self, X, y):
                self.classes_ = [0, 1]
                return self

            def predict(self, X):
                return [0] * len(X)

        GridSearchCV(Zero(), {"size": [1, 2]}, n_jobs=2, cv=2).fit([[0.0]] * 8, [0, 1] * 4)
        """,
        store,
    )
    found = runlore.runs(store=store)
    assert found[["experiment", "params.sklearn/estimator", "metrics.best_score"]].to_numpy().tolist() == [
        ["search", "GridSearchCV", 0.5]
    ]
