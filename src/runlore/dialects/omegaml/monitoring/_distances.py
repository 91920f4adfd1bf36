"""Statistics of two described columns: what they measure, and whether they call it drift.

Both sides are counted in the same bins, and no bin is empty. Logarithms are natural. A score is an effect size from 0
to 1; nothing is drift that the size of the samples explains.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.dialects.omegaml.monitoring import _scipy
from runlore.dialects.omegaml.monitoring._describe import OTHERS, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

BINS = 20
MAX_SAMPLES = 1000
WASSERSTEIN_SD, KL, JS, PSI = 0.05, 0.1, 0.05, 0.25
"""Distances above which a statistic calls it drift."""
DRIFT_SCORE = 0.5
"""A column has drifted when the mean of its scores is above."""
_SMOOTHING = 0.5


def numeric_statistics(a: Mapping[str, Any], b: Mapping[str, Any], ci: float) -> dict[str, dict[str, Any]]:
    """KS, Wasserstein (its score in standard deviations of `a`), KL and JS of two numeric columns, and their mean."""
    left, right = (draw(column, min(MAX_SAMPLES, column["count"])) for column in (a, b))
    distance, pvalue = _scipy.kolmogorov_smirnov(left, right)
    moved = _scipy.wasserstein(left, right)
    in_sd = moved / (a["std"] or b["std"] or 1.0)
    edges = _shared_edges(left, right)
    p, q = (_shares(np.histogram(side, edges)[0]) for side in (left, right))
    kl, js = _scipy.entropy(p, q), jensen_shannon(p, q)
    significant = pvalue < 1 - ci
    return _with_mean(
        {
            "ks": _row(distance, distance, pvalue, significant),
            "wasserstein": _row(moved, in_sd, None, significant and in_sd > WASSERSTEIN_SD),
            "kld": _row(kl, kl, None, significant and kl > KL),
            "jsd": _row(js, js / math.log(2), None, significant and js > JS),
        },
        ("ks", "wasserstein"),
    )


def categorical_statistics(a: Mapping[str, Any], b: Mapping[str, Any], ci: float) -> dict[str, dict[str, Any]]:
    """Chi-square test (its score: Cramér's V) and population stability index of two categorical columns."""
    p, q = _counts(a["groups"], b["groups"])
    statistic, pvalue = _scipy.chi_square(p, q)
    psi = population_stability(_shares(p), _shares(q))
    significant = pvalue < 1 - ci
    return _with_mean(
        {
            "chisquare": _row(statistic, math.sqrt(statistic / (p.sum() + q.sum())), pvalue, significant),
            "psi": _row(psi, psi, None, significant and psi > PSI),
        },
        ("chisquare", "psi"),
    )


def jensen_shannon(p: Any, q: Any) -> float:
    """The symmetric divergence, 0 to log 2."""
    middle = (p + q) / 2
    return (_scipy.entropy(p, middle) + _scipy.entropy(q, middle)) / 2


def population_stability(p: Any, q: Any) -> float:
    """The population stability index; 0.1 to 0.25 is a small change, more a large one."""
    return float(((p - q) * np.log(p / q)).sum())


def _row(metric: float, score: float, pvalue: float | None, drift: object) -> dict[str, Any]:
    return {"metric": float(metric), "score": min(1.0, float(score)), "pvalue": pvalue, "drift": bool(drift)}


def _with_mean(found: dict[str, dict[str, Any]], scored: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    score = sum(found[name]["score"] for name in scored) / len(scored)
    drifted = [name for name in scored if found[name]["drift"]]
    mean = {**_row(score, score, None, score > DRIFT_SCORE and drifted), "stats": drifted}
    return {**{name: {**row, "stats": [name]} for name, row in found.items()}, "mean": mean}


def _shared_edges(a: Any, b: Any) -> Any:
    low, high = min(a[0], b[0]), max(a[-1], b[-1])
    return np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _counts(a: Mapping[str, int], b: Mapping[str, int]) -> Any:
    """Counts of both by category. Where one side has names for the frequent ones alone, so has the other."""
    names = {*a, *b} if not {OTHERS} & {*a, *b} else ({*a} & {*b}) - {OTHERS}
    rows = []
    for groups in (a, b):
        row = [groups.get(name, 0) for name in sorted(names)]
        rows.append([*row, sum(groups.values()) - sum(row)])
    return np.array(rows, dtype=np.float64)[:, np.array(rows).sum(axis=0) > 0]


def _shares(counts: Any) -> Any:
    """Shares of the counts, none of them 0."""
    smooth = counts + _SMOOTHING
    return smooth / smooth.sum()
