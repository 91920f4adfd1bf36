"""LUML's Python API, spoken by Runlore: `from luml.experiments.tracker import ExperimentTracker` and its neighbours.

    luml.experiments.tracker       ExperimentTracker
    luml.experiments.evaluation    evaluate, EvalItem, EvalResult, EvalResults and scorers
    luml.integrations.sklearn      save_sklearn, load_sklearn
    luml.modelref                  ModelReference

An experiment is a run of a Runlore store, and a group is the run's experiment. See docs/how-to/luml.md.
"""

from __future__ import annotations

_HERE = "runlore.dialects.luml"
_EVALUATION = f"{_HERE}.experiments.evaluation"

MODULES = {
    "luml": _HERE,
    "luml.artifacts.model": f"{_HERE}.modelref",
    "luml.experiments": f"{_HERE}.experiments",
    "luml.experiments.evaluation": _EVALUATION,
    "luml.experiments.evaluation.evaluate": _EVALUATION,
    "luml.experiments.evaluation.scorers": _EVALUATION,
    "luml.experiments.evaluation.scorers.base": _EVALUATION,
    "luml.experiments.evaluation.types": _EVALUATION,
    "luml.experiments.tracker": f"{_HERE}.experiments.tracker",
    "luml.integrations": f"{_HERE}.integrations",
    "luml.integrations.sklearn": f"{_HERE}.integrations.sklearn",
    "luml.modelref": f"{_HERE}.modelref",
}
"""Modules of LUML, and what stands for them."""

_SKLEARN_ALONE = "luml.integrations.sklearn keeps estimators; log_attachment() keeps the file of any other model"

ABSENT = {
    **dict.fromkeys(
        (f"luml.integrations.{name}" for name in ("catboost", "langgraph", "lightgbm", "xgboost")), _SKLEARN_ALONE
    ),
    "luml.experiments.evaluation.scorers.llm": "write a scorer as a class with score(): luml.experiments.evaluation",
    "luml.api": "there is no platform to talk to: luml.experiments.tracker records into a store of your own",
}
"""Modules that LUML has and the dialect has not, and what to use instead."""
