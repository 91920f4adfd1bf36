"""What can be logged into a v1 run, also after it ended: v1's run cards take metrics at any time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runlore import model as words
from runlore.dialects._native import number_of
from runlore.dialects.opsml._errors import NotANumber, ValidationError
from runlore.dialects.opsml._recorded_run import RecordedRun, key_of
from runlore.errors import WrongType
from runlore.names import check_path_name
from runlore.run import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runlore.run import Run

MAX_SERIES = 50


class LoadedRun(RecordedRun):
    """A v1 run that is recorded: what is logged is added to it, and it stays ended, or running, as it was.

    What a returned call logged survives the death of the process.
    """

    def __init__(self, uid: str, store: Any = None) -> None:
        super().__init__(uid, store)
        self._tags: dict[str, str] = {}

    @contextmanager
    def _recording(self) -> Iterator[Run]:
        """The native run to record into."""
        run = start(self.view.experiment, join=self.uid, store=self._store, capture=False)
        try:
            yield run
        finally:
            run.finish()

    def add_tag(self, key: str, value: str) -> None:
        """Add a tag. The first value stays."""
        with self._recording() as run:
            if key not in self._tags and key not in self.tags:
                run.set_tag(key, value)
                self._tags[key] = str(value)

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add several tags."""
        for key, value in tags.items():
            self.add_tag(key, value)

    def log_metric(self, key: str, value: float, timestamp: int | None = None, step: int | None = None) -> None:
        """Record one value of a metric; blanks in the name become `_`.

        Raises:
            ValueError: the run ended.
            ValueError, TypeError: the value is no number.
        """
        number = _number(key, value)
        with self._recording() as run:
            if timestamp is None:
                run.log_metric(key_of(key), number, step)
            else:
                run.log_event(words.METRIC, key_of(key), number, step=step, timestamp=int(timestamp))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record several metrics of one step: all, or none where one is no number."""
        numbers = {key_of(key): _number(key, value) for key, value in metrics.items()}
        with self._recording() as run:
            run.log_metrics(numbers, step)

    def log_parameter(self, key: str, value: float | str) -> None:
        """Record a parameter: an int, a float or a text.

        Raises:
            ValueError: the run ended.
        """
        with self._recording() as run:
            run.log_param(key_of(key), _parameter(key, value))

    log_param = log_parameter

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Record several parameters: all, or none where one cannot be."""
        found = {key_of(key): _parameter(key, value) for key, value in parameters.items()}
        with self._recording() as run:
            run.log_params(found)

    log_params = log_parameters

    def log_graph(
        self, name: str, x: Any, y: Any, x_label: str = "x", y_label: str = "y", graph_style: str = "line"
    ) -> None:
        """Keep a graph: one series, or up to 50 by name, over the same x. Arrays of more axes are read as one row.

        Raises:
            ValueError: lengths differ, there are too many series, or the style is unknown.
        """
        import numpy as np

        if graph_style not in ("line", "scatter"):
            raise ValidationError(f"graph_style={graph_style!r} must be 'line' or 'scatter'")
        series = {key: np.ravel(values) for key, values in (y if hasattr(y, "items") else {y_label: y}).items()}
        if len(series) > MAX_SERIES:
            raise ValidationError(f"y has {len(series)} series; at most {MAX_SERIES} are possible")
        x = np.ravel(x)
        for key, values in series.items():
            if len(values) != len(x):
                raise ValidationError(f"y[{key!r}] has {len(values)} values and x has {len(x)}")
        with self._recording() as run:
            for key, values in series.items():
                run.log_curve(x, values, f"graphs/{name}/{key}" if len(series) > 1 else f"graphs/{name}",
                              x_label=x_label, y_label=y_label, annotation=graph_style)  # fmt: skip

    def log_artifact_from_file(
        self, name: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep a file, or the files of a directory, under `name/`.

        Args:
            name: what the run calls it.
            local_path: the file, or a directory.
            artifact_path: a folder within.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the run ended, or a name would leave it.
        """
        if not isinstance(local_path, (str, os.PathLike)):
            raise WrongType(f"local_path of type {type(local_path).__name__} must be a path")
        path = os.fspath(local_path)
        prefix = check_path_name("/".join(filter(None, [name, artifact_path])), "name")
        with self._recording() as run:
            if os.path.isdir(path):
                run.log_artifacts(path, prefix)
            else:
                run.log_artifact(path, f"{prefix}/{os.path.basename(path)}")

    log_artifact = log_artifact_from_file


def _parameter(key: str, value: Any) -> int | float | str:
    if isinstance(value, (int, float, str)):
        return value
    raise ValidationError(f"parameter {key!r}: a value of type {type(value).__name__} is no int, float or text")


def _number(key: str, value: Any) -> float:
    try:
        return number_of(key, value)
    except WrongType as error:
        raise NotANumber(str(error)) from error
