"""ROC and precision-recall points from truth and scores, as scikit-learn defines them, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def _cumulative(truth: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, Floats]:
    """False positives, true positives and the score, at each distinct score, from the highest down."""
    import numpy as np

    order = np.argsort(-score, kind="stable")
    descending = score[order]
    last_of_equal = np.r_[np.flatnonzero(np.diff(descending)), len(score) - 1]
    true_positives = np.cumsum(truth[order], dtype=np.float64)[last_of_equal]
    false_positives = 1.0 + last_of_equal - true_positives
    return false_positives, true_positives, descending[last_of_equal]


def roc_line(truth: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, Floats]:
    """False positive rate, true positive rate, thresholds; points on a straight stretch are left out.

    The first threshold is +inf: nothing is called positive. Rates without a sample to divide by are NaN.
    """
    import numpy as np

    false_positives, true_positives, thresholds = _cumulative(truth, score)
    if len(false_positives) > 2:
        bends = np.logical_or(np.diff(false_positives, 2), np.diff(true_positives, 2))
        keep = np.flatnonzero(np.r_[True, bends, True])
        false_positives, true_positives, thresholds = false_positives[keep], true_positives[keep], thresholds[keep]
    false_positives, true_positives = np.r_[0.0, false_positives], np.r_[0.0, true_positives]
    return _rate(false_positives), _rate(true_positives), np.r_[np.inf, thresholds]


def _rate(counts: Floats) -> Floats:
    import numpy as np

    return counts / counts[-1] if counts[-1] > 0 else np.full_like(counts, np.nan)


def pr_line(truth: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall, thresholds, by falling recall, ending at precision 1 and recall 0 with threshold +inf.

    Without a positive sample, recall is 1 throughout and precision 0, as in scikit-learn.
    """
    import numpy as np

    false_positives, true_positives, thresholds = _cumulative(truth, score)
    precision = true_positives / (true_positives + false_positives)
    positives = true_positives[-1]
    recall = true_positives / positives if positives else np.ones_like(true_positives)
    return np.r_[precision[::-1], 1.0], np.r_[recall[::-1], 0.0], np.r_[thresholds[::-1], np.inf]


def trapezoid(x: Floats, y: Floats) -> float:
    """Area under the line, by the trapezoidal rule."""
    import numpy as np

    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2.0)


def average_precision(precision: Floats, recall: Floats) -> float:
    """The mean of precision, weighted by the steps of recall; 0 without a positive sample."""
    import numpy as np

    return float(max(0.0, -np.sum(np.diff(recall) * precision[:-1])))
