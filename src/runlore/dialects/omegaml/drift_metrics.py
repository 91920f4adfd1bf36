"""Distances between two distributions. Both sides are counted in the same bins, and no bin is empty.

NumPy alone: SciPy is not needed. Logarithms are natural.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.dialects.omegaml.distributions import draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

BINS = 20
MAX_SAMPLES = 1000
KS_P, WASSERSTEIN_SD, KL, JS, CHI_SQUARE_P, PSI = 0.05, 0.05, 0.1, 0.05, 0.05, 0.25
"""Thresholds: drift where a p-value is below, or a distance above."""
_SMOOTHING = 0.5


def numeric_metrics(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """KS, Wasserstein (in standard deviations of `a`), KL and JS of two numeric columns.

    Each has `metric`, `score` (0 to 1: how sure the drift is), `stats` (the distance), `pvalue` (or None) and `drift`.
    """
    size_a, size_b = (min(MAX_SAMPLES, column["count"]) for column in (a, b))
    left, right = draw(a, size_a), draw(b, size_b)
    distance, pvalue = kolmogorov_smirnov(left, right)
    moved = wasserstein(left, right) / (a["std"] or b["std"] or 1.0)
    edges = _shared_edges(left, right)
    p, q = (np.histogram(side, edges)[0].astype(np.float64) for side in (left, right))
    significant = pvalue < KS_P
    return [
        _row("ks", 1 - pvalue, distance, pvalue, drift=significant),
        # A distance that the size of the samples explains is none: small samples differ by chance.
        _row("wasserstein", min(1.0, moved), moved, None, drift=moved > WASSERSTEIN_SD and significant),
        *divergences(p, q, significant=significant),
    ]


def divergences(p: Counts, q: Counts, *, significant: bool) -> list[dict[str, Any]]:
    """Kullback-Leibler and Jensen-Shannon divergence of counts in the same bins."""
    p, q = _shares(p), _shares(q)
    kl, js = kullback_leibler(p, q), jensen_shannon(p, q)
    return [
        _row("kl", min(1.0, kl), kl, None, drift=kl > KL and significant),
        _row("js", js / math.log(2), js, None, drift=js > JS and significant),
    ]


def categorical_metrics(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Chi-square test and population stability index of two categorical columns; a value may occur in one alone."""
    names = sorted({*a["groups"], *b["groups"]})
    p, q = (np.array([column["groups"].get(name, 0) for name in names], dtype=np.float64) for column in (a, b))
    statistic, pvalue = chi_square(p, q)
    psi = population_stability(_shares(p), _shares(q))
    significant = pvalue < CHI_SQUARE_P
    return [
        _row("chisquare", 1 - pvalue, statistic, pvalue, drift=significant),
        _row("psi", min(1.0, psi), psi, None, drift=psi > PSI and significant),
    ]


def _row(metric: str, score: float, stats: float, pvalue: float | None, *, drift: bool) -> dict[str, Any]:
    own = None if pvalue is None else float(pvalue)
    return {"metric": metric, "score": float(score), "stats": float(stats), "pvalue": own, "drift": bool(drift)}


def _shared_edges(a: Counts, b: Counts) -> Counts:
    low, high = min(a[0], b[0]), max(a[-1], b[-1])
    return np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _shares(counts: Counts) -> Counts:
    """Shares of the counts, none of them 0."""
    smooth = counts + _SMOOTHING
    shares: Counts = smooth / smooth.sum()
    return shares


def kolmogorov_smirnov(a: Counts, b: Counts) -> tuple[float, float]:
    """The largest distance between two empirical distributions, and its p-value (asymptotic).

    Example:
        >>> import numpy as np
        >>> kolmogorov_smirnov(np.arange(100.0), np.arange(100.0))
        (0.0, 1.0)
    """
    a, b = np.sort(a), np.sort(b)
    values = np.concatenate([a, b])
    steps_a, steps_b = (np.searchsorted(side, values, side="right") / len(side) for side in (a, b))
    distance = float(np.abs(steps_a - steps_b).max())
    root = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return distance, _kolmogorov((root + 0.12 + 0.11 / root) * distance)


def _kolmogorov(x: float) -> float:
    """The complement of Kolmogorov's distribution."""
    if x < 0.2:
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def wasserstein(a: Counts, b: Counts) -> float:
    """The earth mover's distance in one dimension, in units of the values."""
    values = np.sort(np.concatenate([a, b]))
    steps_a, steps_b = (np.searchsorted(np.sort(side), values[:-1], side="right") / len(side) for side in (a, b))
    return float((np.abs(steps_a - steps_b) * np.diff(values)).sum())


def kullback_leibler(p: Counts, q: Counts) -> float:
    """The divergence of q from p, in nats; shares of the same bins, none of them 0."""
    return float((p * np.log(p / q)).sum())


def jensen_shannon(p: Counts, q: Counts) -> float:
    """The symmetric divergence, 0 to log 2."""
    middle = (p + q) / 2
    return (kullback_leibler(p, middle) + kullback_leibler(q, middle)) / 2


def population_stability(p: Counts, q: Counts) -> float:
    """The population stability index; 0.1 to 0.25 is a small change, more a large one."""
    return float(((p - q) * np.log(p / q)).sum())


def chi_square(p: Counts, q: Counts) -> tuple[float, float]:
    """Pearson's test whether two rows of counts come from one distribution: statistic and p-value.

    Example:
        >>> import numpy as np
        >>> chi_square(np.array([90.0, 10.0]), np.array([10.0, 90.0]))[1] < 1e-20
        True
    """
    together = p + q
    kept = together > 0
    p, q, together = p[kept], q[kept], together[kept]
    if len(together) < 2 or not p.sum() or not q.sum():
        return 0.0, 1.0
    total = together.sum()
    statistic = 0.0
    for row in (p, q):
        expected = together * row.sum() / total
        statistic += float(((row - expected) ** 2 / expected).sum())
    return statistic, _chi_square_tail(statistic, len(together) - 1)


def _chi_square_tail(x: float, freedom: int) -> float:
    """The probability of a larger value: the regularised upper incomplete gamma function Q(freedom/2, x/2)."""
    a, x = freedom / 2, x / 2
    if x <= 0:
        return 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * 1e-15:
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1 - total * scale)
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for i in range(1, 10_000):
        step = -i * (i - a)
        b += 2
        d = 1 / (step * d + b or 1e-300)
        c = b + step / c or 1e-300
        fraction *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return fraction * scale
