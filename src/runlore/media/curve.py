"""Curves: any y over x, ROC and precision-recall curves.

A stored curve is one or more lines on the same axes; a multi-class ROC or precision-recall curve has one line a class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import InvalidArgument, WrongType
from runlore.media._arrays import floats_from_json, json_label, json_number, json_numbers, to_array, to_floats
from runlore.media._classification import average_precision, pr_line, roc_line, trapezoid
from runlore.media._content import Content, dump_json, load_json
from runlore.media.confusion_matrix import sorted_classes, to_labels
from runlore.media.encoded import CURVE, Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

XY = "xy"
ROC = "roc"
PR = "pr"


class Line(NamedTuple):
    """One line of a curve.

    Attributes:
        name: the class in a multi-class curve, the given name, or empty.
        x: float64.
        y: float64, as long as `x`.
        thresholds: the score at which each point is reached (ROC and precision-recall curves), else None.
        auc: area under a ROC curve, NaN where it has no positive or no negative sample; None for other curves.
        average_precision: of a precision-recall curve; None for other curves.
    """

    name: Any
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64] | None = None
    auc: float | None = None
    average_precision: float | None = None


class Curve(NamedTuple):
    """A curve as it is read back.

    Attributes:
        curve: `xy`, `roc` or `pr`.
        x_label: what x is: for `roc` the false positive rate, for `pr` recall.
        y_label: what y is: for `roc` the true positive rate, for `pr` precision.
        annotation: a text for the chart, or None.
        lines: one or more lines.
    """

    curve: str
    x_label: str
    y_label: str
    annotation: str | None
    lines: tuple[Line, ...]

    def __repr__(self) -> str:
        points = sum(len(line.x) for line in self.lines)
        return f"<Curve {self.curve!r}: {self.y_label} over {self.x_label}, {len(self.lines)} lines, {points:,} points>"

    def _repr_html_(self) -> str:
        """A chart, for notebooks."""
        from runlore import notebook
        from runlore.media import _svg

        drawn = [(_called(line), line.x, line.y) for line in self.lines]
        title = notebook.heading(_TITLES.get(self.curve, ""), beside=self.annotation or "")
        return title + _svg.lines(drawn, self.x_label, self.y_label)

    @property
    def line(self) -> Line:
        """The only line.

        Raises:
            InvalidArgument: there are several; use `lines`.
        """
        if len(self.lines) != 1:
            raise InvalidArgument(f"this curve has {len(self.lines)} lines; choose one of curve.lines")
        return self.lines[0]

    @property
    def x(self) -> npt.NDArray[np.float64]:
        """X values of the only line."""
        return self.line.x

    @property
    def y(self) -> npt.NDArray[np.float64]:
        """Y values of the only line."""
        return self.line.y

    def to_frame(self) -> pd.DataFrame:
        """One row a point: `name`, `x`, `y`, and `threshold` where there are thresholds."""
        import numpy as np
        import pandas as pd

        columns: dict[str, Any] = {
            "name": [line.name for line in self.lines for _ in line.x],
            "x": np.concatenate([line.x for line in self.lines]),
            "y": np.concatenate([line.y for line in self.lines]),
        }
        thresholds = [line.thresholds for line in self.lines if line.thresholds is not None]
        if len(thresholds) == len(self.lines):
            columns["threshold"] = np.concatenate(thresholds)
        frame: pd.DataFrame = pd.DataFrame(columns)
        return frame


_TITLES = {ROC: "ROC", PR: "precision and recall"}


def _called(line: Line) -> str:
    """A line's name for people, with what sums it up."""
    score = line.auc if line.auc is not None else line.average_precision
    named = str(line.name)
    if score is None:
        return named
    kind = "AUC" if line.auc is not None else "average precision"
    return f"{named + ', ' if named else ''}{kind} {score:.4g}"


def encode_curve(
    x: Any, y: Any, *, x_label: str = "x", y_label: str = "y", annotation: str | None = None, name: str = ""
) -> Encoded:
    """Any y over x. NaN and infinities are kept; points stay in the given order.

    Args:
        x: real numbers, one dimension.
        y: as long as x; or a mapping of names to such, for several lines on the same x.
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        annotation: a text for the chart.
        name: name of the line.

    Raises:
        InvalidArgument: x and y differ in length, or are empty.
        WrongType: not real numbers.

    Example:
        >>> decode_curve(encode_curve([0, 1, 2], [1.0, 0.5, 0.25], x_label="epoch", y_label="rate").data).y
        array([1.  , 0.5 , 0.25])
    """
    across = to_floats(x, "x")
    named = y if isinstance(y, dict) else {name: y}
    if not len(across) or not named:
        raise InvalidArgument("x or y is empty; a curve needs at least one point")
    lines = []
    for key, values in named.items():
        up = to_floats(values, f"y[{key!r}]" if isinstance(y, dict) else "y")
        if len(up) != len(across):
            raise InvalidArgument(f"x has {len(across):,} elements and y {len(up):,}; they must be equally long")
        lines.append(Line(key, across, up))
    return _encode(Curve(XY, x_label, y_label, annotation, tuple(lines)))


def encode_roc(
    y_true: Any,
    y_score: Any,
    *,
    labels: Sequence[Any] | None = None,
    positive: Any = None,
    annotation: str | None = None,
) -> Encoded:
    """A receiver operating characteristic: x is the false positive rate, y the true positive rate.

    Points and area are scikit-learn's `roc_curve` and `auc`, without needing scikit-learn. A class without a positive
    or without a negative sample has NaN rates and a NaN area, as there; nothing is raised.

    Args:
        y_true: true class of each sample.
        y_score: score of the positive class `(samples,)`, or of every class `(samples, classes)`.
        labels: the classes, in the order of the score's columns. Default: those in `y_true`, sorted.
        positive: which class is positive when there are two. Default: 1 or True, else the later one in sorted order.
        annotation: a text for the chart. Default: the area, also when it is exactly 0.

    Raises:
        InvalidArgument: lengths or columns do not fit, a score is NaN or infinite, the positive class is unclear.

    Example:
        >>> decode_curve(encode_roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).data).line.auc
        0.75
    """
    lines = []
    for name, truth, score in _one_against_rest(y_true, y_score, labels, positive):
        false_positive_rate, true_positive_rate, thresholds = roc_line(truth, score)
        area = trapezoid(false_positive_rate, true_positive_rate)
        lines.append(Line(name, false_positive_rate, true_positive_rate, thresholds, area))
    note = annotation if annotation is not None else _area_note("AUC", [line.auc for line in lines])
    return _encode(Curve(ROC, "false positive rate", "true positive rate", note, tuple(lines)))


def encode_pr(
    y_true: Any,
    y_score: Any,
    *,
    labels: Sequence[Any] | None = None,
    positive: Any = None,
    annotation: str | None = None,
) -> Encoded:
    """A precision-recall curve: x is recall, y is precision.

    Points are scikit-learn's `precision_recall_curve` and the area its `average_precision_score`. Arguments and errors
    are those of `encode_roc`. The last point, recall 0 and precision 1, has no threshold of its own: it is +inf.

    Example:
        >>> curve = decode_curve(encode_pr([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).data)
        >>> curve.x_label, round(curve.line.average_precision, 3)
        ('recall', 0.833)
    """
    lines = []
    for name, truth, score in _one_against_rest(y_true, y_score, labels, positive):
        precision, recall, thresholds = pr_line(truth, score)
        lines.append(Line(name, recall, precision, thresholds, None, average_precision(precision, recall)))
    note = annotation if annotation is not None else _area_note("AP", [line.average_precision for line in lines])
    return _encode(Curve(PR, "recall", "precision", note, tuple(lines)))


def _area_note(word: str, areas: list[float | None]) -> str | None:
    return f"{word} = {areas[0]:.4g}" if len(areas) == 1 else None


def _one_against_rest(
    y_true: Any, y_score: Any, labels: Sequence[Any] | None, positive: Any
) -> Iterator[tuple[Any, npt.NDArray[np.bool_], npt.NDArray[np.float64]]]:
    """Name, truth and score of each line."""
    import numpy as np

    true = to_array(y_true, "y_true")
    score = to_array(y_score, "y_score")
    if score.dtype.kind not in "biuf":
        raise WrongType(f"y_score must hold real numbers, not {score.dtype}")
    if true.ndim != 1 or not len(true) or score.ndim not in (1, 2) or len(score) != len(true):
        raise InvalidArgument(
            f"y_true has shape {true.shape} and y_score {score.shape}; give (samples,) and (samples,) or "
            "(samples, classes), at least one sample"
        )
    score = score.astype(np.float64)
    if not np.isfinite(score).all():
        raise InvalidArgument("y_score holds NaN or infinity; a threshold cannot be found for those")
    found = set(true.tolist())
    classes = sorted_classes(found) if labels is None else list(to_labels(labels))
    unknown = sorted_classes(found - set(classes))
    if unknown:
        raise InvalidArgument(f"labels lacks {unknown[:5]!r}, which occur in y_true")
    if score.ndim == 1 or score.shape[1] == 1:
        chosen = _positive_class(classes, positive)
        yield "", true == chosen, score.reshape(-1)
        return
    if score.shape[1] != len(classes):
        raise InvalidArgument(
            f"y_score has {score.shape[1]} columns and there are {len(classes)} classes {classes[:5]!r}; "
            "pass labels= in the order of the columns"
        )
    if len(classes) == 2:
        chosen = _positive_class(classes, positive)
        yield "", true == chosen, score[:, classes.index(chosen)]
        return
    for column, label in enumerate(classes):
        yield json_label(label), true == label, score[:, column]


def _positive_class(classes: list[Any], positive: Any) -> Any:
    if positive is not None:
        if len(classes) > 1 and positive not in classes:
            raise InvalidArgument(f"positive={positive!r} is none of the classes {classes[:5]!r}")
        return positive
    if set(classes) <= {0, 1} or set(classes) <= {-1, 1}:
        return 1
    if len(classes) == 2:
        return classes[1]
    raise InvalidArgument(
        f"y_true has {len(classes)} classes {classes[:5]!r} and y_score one column; "
        "pass positive=, or one column a class"
    )


def _encode(curve: Curve) -> Encoded:
    for argument, text in (("x_label", curve.x_label), ("y_label", curve.y_label), ("annotation", curve.annotation)):
        if text is not None and not isinstance(text, str):
            raise WrongType(f"{argument}={text!r} must be a string, not {type(text).__name__}")
    lines = []
    for line in curve.lines:
        stored: dict[str, Any] = {"name": line.name, "x": json_numbers(line.x), "y": json_numbers(line.y)}
        if line.thresholds is not None:
            stored["thresholds"] = json_numbers(line.thresholds)
        if line.auc is not None:
            stored["auc"] = json_number(line.auc)
        if line.average_precision is not None:
            stored["average_precision"] = json_number(line.average_precision)
        lines.append(stored)
    head = {"curve": curve.curve, "x_label": curve.x_label, "y_label": curve.y_label, "annotation": curve.annotation}
    areas = [
        {name: stored[name] for name in ("name", "auc", "average_precision") if name in stored} for stored in lines
    ]
    return Encoded(
        data=dump_json({**head, "lines": lines}),
        media_type="application/json",
        suffix=".json",
        kind=CURVE,
        metadata={**head, "lines": areas[:100], "points": sum(len(line.x) for line in curve.lines)},
    )


def decode_curve(content: Content) -> Curve:
    """A stored curve.

    Raises:
        InvalidArgument: the content is not a curve.
    """
    document = load_json(content, "the curve")
    stored = document.get("lines")
    if not isinstance(stored, list) or not stored or not all(isinstance(line, dict) for line in stored):
        raise InvalidArgument("the curve has no lines")
    head = [document.get(name) for name in ("curve", "x_label", "y_label")]
    annotation = document.get("annotation")
    if not all(isinstance(text, str) for text in head) or not isinstance(annotation, (str, type(None))):
        raise InvalidArgument(f"the curve is labelled {head!r} and {annotation!r}; texts were expected")
    return Curve(str(head[0]), str(head[1]), str(head[2]), annotation, tuple(_decode_line(line) for line in stored))


def _decode_line(stored: dict[str, Any]) -> Line:
    x = floats_from_json(stored.get("x"), "x of the curve")
    y = floats_from_json(stored.get("y"), "y of the curve")
    thresholds = stored.get("thresholds")
    marks = None if thresholds is None else floats_from_json(thresholds, "thresholds of the curve")
    if len(x) != len(y) or (marks is not None and len(marks) != len(x)):
        raise InvalidArgument(
            f"a line of the curve has {len(x)} x and {len(y)} y values, or thresholds of other length"
        )
    areas = [stored.get("auc"), stored.get("average_precision")]
    auc, precision = [None if area is None else float(floats_from_json([area], "an area")[0]) for area in areas]
    return Line(stored.get("name", ""), x, y, marks, auc, precision)
