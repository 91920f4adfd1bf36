"""Made-up data for examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects.opsml._errors import ValidationError

if TYPE_CHECKING:
    import pandas as pd

_SEED = 42
_INFORMATIVE = 3


def create_fake_data(
    n_samples: int, n_features: int = 10, n_categorical_features: int = 0, task_type: str = "classification"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and a target that depends on the first few of them; the same on every call.

    Args:
        n_samples: rows.
        n_features: columns `col_0`, `col_1` …, normally distributed.
        n_categorical_features: further columns `cat_col_0` …, of texts.
        task_type: `regression`: a number; `classification`: 0 or 1.

    Returns:
        The features, and a frame with the column `target`.

    Raises:
        ValidationError: another task type.

    Example:
        >>> X, y = create_fake_data(n_samples=1000, task_type="regression")
        >>> X.shape, y.columns.tolist(), int((X["col_1"] >= 0.5).sum())
        ((1000, 10), ['target'], 313)
    """
    import numpy as np
    import pandas as pd

    task = getattr(task_type, "value", task_type)
    if task not in ("classification", "regression"):
        raise ValidationError(f"task_type={task_type!r} must be 'classification' or 'regression'")
    generator: Any = np.random.RandomState(_SEED)
    values = generator.standard_normal((n_samples, n_features))
    weights = generator.uniform(1, 100, size=min(_INFORMATIVE, n_features))
    target = values[:, : len(weights)] @ weights
    if task == "classification":
        target = (target > 0).astype(int)
    features = pd.DataFrame(values, columns=[f"col_{index}" for index in range(n_features)])
    for index in range(n_categorical_features):
        features[f"cat_col_{index}"] = generator.choice(["a", "b", "c"], size=n_samples)
    return features, pd.DataFrame({"target": target})
