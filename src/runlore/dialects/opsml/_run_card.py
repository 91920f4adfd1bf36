"""v1 runs that are being recorded; `_recorded_run` reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from runlore import model as words
from runlore.dialects.opsml._cards import Card
from runlore.dialects.opsml._errors import ValidationError
from runlore.dialects.opsml._metrics import (
    Metric,
)
from runlore.dialects.opsml._recorded_run import RecordedRun, key_of
from runlore.dialects.opsml._registry import CardRegistry, register_card
from runlore.dialects.opsml._versions import VersionType, first
from runlore.errors import InvalidArgument, WrongType
from runlore.names import check_path_name
from runlore.registry.registering import register
from runlore.run import start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.dialects.opsml._card_info import CardInfo
    from runlore.run import Run

T = TypeVar("T")
MAX_SERIES = 50


class ActiveRun(RecordedRun):
    """A v1 run that is being recorded. After it ended, it can still be read; logging raises `ValueError`.

    What a returned call logged survives the death of the process.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run.uid, run.store)
        self.run = run
        self._tags: dict[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return not self.run.ended

    @property
    def run_id(self) -> str:
        """Its uid."""
        return self.uid

    @property
    def run_name(self) -> str:
        """Its name."""
        return self.name

    @property
    def runcard(self) -> RecordedRun:
        """Its card."""
        return self

    def _live(self) -> Run:
        if self.run.ended:
            raise InvalidArgument(f"Run is not active: {self.uid} ended as {self.run.status!r}. What it logged is kept")
        return self.run

    def add_tag(self, key: str, value: str) -> None:
        """Add a tag. The first value stays."""
        run = self._live()
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
            TypeError: the value is no number.
        """
        run = self._live()
        if timestamp is None:
            run.log_metric(key_of(key), value, step)
        else:
            run.log_event(words.METRIC, key_of(key), Metric(key, value).value, step=step, timestamp=int(timestamp))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record several metrics of one step: all, or none where one is no number."""
        self._live().log_metrics({key_of(key): value for key, value in metrics.items()}, step)

    def log_parameter(self, key: str, value: float | str) -> None:
        """Record a parameter: an int, a float or a text.

        Raises:
            ValueError: the run ended.
        """
        run = self._live()
        run.log_param(key_of(key), _parameter(key, value))

    log_param = log_parameter

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Record several parameters: all, or none where one cannot be."""
        run = self._live()
        run.log_params({key_of(key): _parameter(key, value) for key, value in parameters.items()})

    log_params = log_parameters

    def log_graph(
        self, name: str, x: Sequence[float], y: Any, x_label: str = "x", y_label: str = "y", graph_style: str = "line"
    ) -> None:
        """Keep a graph: one series, or up to 50 by name, over the same x.

        Raises:
            ValueError: lengths differ, there are too many series, or the style is unknown.
        """
        run = self._live()
        if graph_style not in ("line", "scatter"):
            raise ValidationError(f"graph_style={graph_style!r} must be 'line' or 'scatter'")
        series = dict(y) if hasattr(y, "items") else {y_label: y}
        if len(series) > MAX_SERIES:
            raise ValidationError(f"y has {len(series)} series; at most {MAX_SERIES} are possible")
        for key, values in series.items():
            if len(values) != len(x):
                raise ValidationError(f"y[{key!r}] has {len(values)} values and x has {len(x)}")
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
        run = self._live()
        if not isinstance(local_path, (str, os.PathLike)):
            raise WrongType(f"local_path of type {type(local_path).__name__} must be a path")
        path = os.fspath(local_path)
        prefix = "/".join(filter(None, [name, artifact_path]))
        check_path_name(prefix, "name")
        if os.path.isdir(path):
            run.log_artifacts(path, prefix)
        else:
            run.log_artifact(path, f"{prefix}/{os.path.basename(path)}")

    log_artifact = log_artifact_from_file

    def register_card(self, card: Any, version_type: VersionType | str = VersionType.MINOR) -> None:
        """Register a card as one of this run's."""
        run = self._live()
        register_card(card, first(card.version, version_type, None, None), run=run, store=run.store)
        self.add_tag(f"{card.registry_type}:{card.name}", card.version)

    def load_card(self, registry_name: str, info: CardInfo) -> Any:
        """A card of some registry."""
        return CardRegistry(registry_name).load_card(info=info)


class RunCard(ActiveRun):
    """A run by itself, without a project: recorded from here on in the experiment `repository/name`.

    It ends when it is registered, with `CardRegistry("run").register_card(card)`, or with the program.

    Args:
        name: what it is called; else what the info says, or the environment.
        repository: likewise.
        contact: likewise.
        info: likewise.
        tags: by key.

    Example:
        >>> card = RunCard(name="manual", repository="opsml", contact="user@email.com")
        >>> card.log_metric("acc", 0.9)
        >>> CardRegistry("run").register_card(card)
        >>> card.version, CardRegistry("run").load_card(uid=card.uid).get_metric("acc").value
        ('1.0.0', 0.9)
    """

    def __init__(
        self, name: str | None = None, repository: str | None = None, contact: str | None = None,
        info: CardInfo | None = None, tags: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self._called = Card(name=name, repository=repository, contact=contact, info=info, tags=tags)
        where = f"{self._called.space}/{self._called.name}"
        capture = {"hardware": False}
        super().__init__(start(where, self._called.name, tags=self._called.tags, join=False, capture=capture))

    def register(self, version_type: VersionType | str = VersionType.MINOR) -> None:
        """Register the card, and end the run."""
        run = self._live()
        chooser = first(self._called.version, version_type, None, None)
        metadata = {"contact": self._called.contact}
        register_run_card(run, self._called.space, self._called.name, chooser, metadata)
        run.finish()


def register_run_card(run: Run, repository: str, name: str, choose: Any, metadata: Mapping[str, Any]) -> None:
    """The native card that describes a run: one uid for both."""
    register(
        "run", repository, name, bump=choose, uid=run.uid, run=run.uid, run_role="record", metadata=metadata,
        store=run.store,
    )  # fmt: skip


def _parameter(key: str, value: Any) -> int | float | str:
    if isinstance(value, (int, float, str)):
        return value
    raise ValidationError(f"parameter {key!r}: a value of type {type(value).__name__} is no int, float or text")
