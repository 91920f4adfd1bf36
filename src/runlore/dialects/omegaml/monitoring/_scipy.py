"""SciPy: tests and distances between two distributions."""

from __future__ import annotations

from typing import Any

from runlore.errors import MissingDependency


def kolmogorov_smirnov(a: Any, b: Any) -> tuple[float, float]:
    """The largest distance between two empirical distributions, and its p-value."""
    found = _stats().ks_2samp(a, b, method="asymp")
    return float(found.statistic), float(found.pvalue)


def wasserstein(a: Any, b: Any) -> float:
    """The earth mover's distance in one dimension, in units of the values."""
    return float(_stats().wasserstein_distance(a, b))


def chi_square(p: Any, q: Any) -> tuple[float, float]:
    """Pearson's test whether two rows of counts come from one distribution: statistic and p-value."""
    if len(p) < 2:
        return 0.0, 1.0  # one category on both sides
    found = _stats().chi2_contingency([p, q], correction=False)
    return float(found.statistic), float(found.pvalue)


def entropy(p: Any, q: Any) -> float:
    """The Kullback-Leibler divergence of q from p, in nats."""
    return float(_stats().entropy(p, q))


def _stats() -> Any:
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingDependency("scipy", "drift", "comparing snapshots of data") from error
    return stats
