"""Confusion matrices: rows are the true classes, columns the predicted ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import InvalidArgument
from runlore.media._arrays import floats_from_json, json_label, json_numbers, to_array
from runlore.media._content import Content, dump_json, load_json
from runlore.media.encoded import CONFUSION_MATRIX, Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MAX_CLASSES = 2000
_MOST_SHOWN = 30
"""Classes of a table in a notebook."""


class ConfusionMatrix(NamedTuple):
    """A confusion matrix as it is read back.

    Attributes:
        labels: the classes, in the order of rows and columns.
        matrix: float64, `(classes, classes)`; `matrix[i, j]` counts true class i predicted as class j.
    """

    labels: tuple[Any, ...]
    matrix: npt.NDArray[np.float64]

    def __repr__(self) -> str:
        return f"<ConfusionMatrix {len(self.labels)} classes, {self.matrix.sum():g} samples>"

    def _repr_html_(self) -> str:
        """A table whose cells are the darker the more of a true class they hold, for notebooks."""
        from runlore import notebook

        shown = self.labels[:_MOST_SHOWN]
        head = "".join(f"<th>{notebook.text(label)}</th>" for label in shown)
        rows = []
        for label, row in zip(shown, self.matrix, strict=False):
            whole = row.sum() or 1.0
            cells = "".join(
                f'<td style="background:rgba(66,105,208,{count / whole:.2f})">{count:g}</td>'
                for count in row[:_MOST_SHOWN]
            )
            rows.append(f"<tr><th>{notebook.text(label)}</th>{cells}</tr>")
        more = notebook.left_out(len(self.labels) - len(shown))
        return f"<table><tr><th>true \\ predicted</th>{head}</tr>{''.join(rows)}</table>{more}"

    def to_frame(self) -> pd.DataFrame:
        """Index `true`, columns `predicted`."""
        import pandas as pd

        frame: pd.DataFrame = pd.DataFrame(
            self.matrix,
            index=pd.Index(list(self.labels), name="true"),
            columns=pd.Index(list(self.labels), name="predicted"),
        )
        return frame


def encode_confusion_matrix(
    y_true: Any = None, y_pred: Any = None, *, matrix: Any = None, labels: Sequence[Any] | None = None
) -> Encoded:
    """A confusion matrix from labels, or one that was already counted.

    Args:
        y_true: true class of each sample.
        y_pred: predicted class of each sample.
        matrix: instead of both: a square array, rows true, columns predicted.
        labels: order of the classes. Default: all that occur, sorted. Text of any kind is kept as it is.

    Raises:
        InvalidArgument: shapes do not fit, a class is not among `labels`, a count is negative or not finite.

    Example:
        >>> encoded = encode_confusion_matrix(["cat", "dog", "dog"], ["cat", "cat", "dog"])
        >>> decode_confusion_matrix(encoded.data).to_frame().to_dict("index")
        {'cat': {'cat': 1.0, 'dog': 0.0}, 'dog': {'cat': 1.0, 'dog': 1.0}}
    """
    if (matrix is None) == (y_true is None and y_pred is None):
        raise InvalidArgument("a confusion matrix needs either y_true and y_pred, or matrix=")
    if matrix is None:
        result = _count(y_true, y_pred, labels)
    else:
        counts = _check_matrix(to_array(matrix, "matrix"))
        result = ConfusionMatrix(_check_labels(labels, len(counts)), counts)
    document = {
        "labels": [json_label(label) for label in result.labels],
        "matrix": [json_numbers(row) for row in result.matrix],
    }
    return Encoded(
        data=dump_json(document),
        media_type="application/json",
        suffix=".json",
        kind=CONFUSION_MATRIX,
        metadata={"classes": len(result.labels), "count": float(result.matrix.sum())},
    )


def _check_matrix(array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    import numpy as np

    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.dtype.kind not in "biuf":
        raise InvalidArgument(f"matrix has shape {array.shape} and type {array.dtype}; it must be square, of numbers")
    if not 1 <= len(array) <= MAX_CLASSES:
        raise InvalidArgument(f"matrix has {len(array):,} classes; 1 to {MAX_CLASSES:,} can be stored")
    counts = array.astype(np.float64)
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise InvalidArgument("matrix must hold finite counts that are not negative")
    return counts


def _check_labels(labels: Sequence[Any] | None, classes: int) -> tuple[Any, ...]:
    if labels is None:
        return tuple(range(classes))
    given = to_labels(labels)
    if len(given) != classes:
        raise InvalidArgument(f"labels has {len(given)} elements and matrix {classes} rows; they must be equal")
    if len(set(given)) != len(given):
        raise InvalidArgument("labels must differ from one another")
    return given


def to_labels(values: Any) -> tuple[Any, ...]:
    """Class labels as Python values, from any array or sequence."""
    return tuple(values.tolist() if hasattr(values, "tolist") else values)


def sorted_classes(values: set[Any]) -> list[Any]:
    """Sorted classes; those of unlike types (text beside numbers) by type first."""
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def _count(y_true: Any, y_pred: Any, labels: Sequence[Any] | None) -> ConfusionMatrix:
    import numpy as np

    if y_true is None or y_pred is None:
        raise InvalidArgument("y_true and y_pred must be given together")
    true = to_labels(to_array(y_true, "y_true").reshape(-1))
    predicted = to_labels(to_array(y_pred, "y_pred").reshape(-1))
    if len(true) != len(predicted) or not true:
        raise InvalidArgument(f"y_true has {len(true):,} elements and y_pred {len(predicted):,}; equal and at least 1")
    found = set(true) | set(predicted)
    classes = sorted_classes(found) if labels is None else list(_check_labels(labels, len(to_labels(labels))))
    if len(classes) > MAX_CLASSES:
        raise InvalidArgument(f"there are {len(classes):,} classes; at most {MAX_CLASSES:,} can be stored")
    unknown = sorted_classes(found - set(classes))
    if unknown:
        raise InvalidArgument(f"labels lacks {unknown[:5]!r}, which occur in y_true or y_pred")
    position = {label: index for index, label in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)))
    np.add.at(matrix, ([position[label] for label in true], [position[label] for label in predicted]), 1)
    return ConfusionMatrix(tuple(classes), matrix)


def decode_confusion_matrix(content: Content) -> ConfusionMatrix:
    """A stored confusion matrix.

    Raises:
        InvalidArgument: the content is not a confusion matrix.
    """
    import numpy as np

    document = load_json(content, "the confusion matrix")
    rows, labels = document.get("matrix"), document.get("labels")
    if (
        not isinstance(rows, list)
        or not isinstance(labels, list)
        or any(not isinstance(row, list) or len(row) != len(rows) for row in rows)
    ):
        raise InvalidArgument("the confusion matrix has no square matrix or no labels")
    if not all(isinstance(label, (str, int, float)) for label in labels):
        raise InvalidArgument("the confusion matrix has labels that are neither text nor numbers")
    matrix = np.asarray([floats_from_json(row, "a row of the confusion matrix") for row in rows])
    return ConfusionMatrix(_check_labels(labels, len(rows)), _check_matrix(matrix))
