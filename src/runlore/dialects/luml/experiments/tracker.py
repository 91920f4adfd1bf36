"""`luml.experiments.tracker`: LUML's `ExperimentTracker`, recording runs."""

from __future__ import annotations

import os
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.dialects._absent import Absent
from runlore.dialects._native import status_of
from runlore.dialects.luml import _records as records
from runlore.dialects.luml._experiments import Experiments, check_words
from runlore.dialects.luml.experiments._evaluations import EvaluationMethods
from runlore.dialects.luml.experiments._models import ModelMethods
from runlore.errors import InvalidArgument, WrongType
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from runlore.dialects.luml._experiments import Handle
    from runlore.reader import RunView
    from runlore.run import Run

__all__ = ["ExperimentTracker"]

_GROUPS = "group"
_NONE_ACTIVE = "No active experiment. Call start_experiment() first."


class ExperimentTracker(EvaluationMethods, ModelMethods):
    """LUML's tracker: every experiment is a run of the Runlore store that the connection string names.

    Methods that take `experiment_id` use the current experiment without one, and raise `ValueError` where there is
    none. What a returned call logged survives `kill -9`. Threads may share a tracker.

    As a context manager it ends the current experiment with the block: `completed`, or `error` with the exception. At
    the end of the program an experiment that nobody ended is `completed`, or `error` after an exception.

    Args:
        connection_string: `sqlite://` and the path of a store, which is made if it does not exist.

    Raises:
        InvalidArgument: the connection string is of another form.

    Example:
        >>> tracker = ExperimentTracker("sqlite://./experiments")
        >>> tracker.start_experiment("resnet-1", name="baseline", group="vision", tags=["resnet", "baseline"])
        'resnet-1'
        >>> tracker.log_static("learning_rate", 0.001)
        >>> tracker.log_dynamic("loss", 0.5, step=1)
        >>> tracker.end_experiment()
        >>> [(exp["id"], exp["status"], exp["tags"]) for exp in tracker.list_experiments()]
        [('resnet-1', 'completed', ['resnet', 'baseline'])]
    """

    get_experiment_record = Absent("get_experiment(id)['metadata'], or an item of list_experiments()")
    get_experiment_metadata = Absent("log_static(key, value), and get_experiment(id)['static_params']")
    set_experiment_metadata = update_experiment_metadata = get_experiment_metadata
    get_experiment_upload_status = Absent("nothing is uploaded; log_static(key, value) keeps what you want to remember")
    set_experiment_upload_status = get_experiment_upload_status
    get_group = Absent("list_groups() has the groups")
    update_group = Absent("create_group(name, description) describes a new group; one that exists stays as it is")
    delete_group = Absent("delete_experiment(id) for each of its experiments; a group without any is not listed")
    get_model = get_model_card = Absent("get_models(experiment_id) lists models; ModelReference(path) reads one")
    update_model = delete_model = Absent(
        "log_model(reference, name=...) adds a version; models stay with the experiment"
    )
    list_attachments_tree = Absent("list_attachments() has all names; '/' in a name makes folders")

    def __init__(self, connection_string: str = "sqlite://./experiments") -> None:
        scheme, mark, path = str(connection_string).partition("://")
        if not mark:
            raise InvalidArgument(
                f"Invalid connection string format: {connection_string!r}. Use 'sqlite://' and the path of a store"
            )
        if scheme != "sqlite":
            raise InvalidArgument(f"Unknown backend {scheme!r} in {connection_string!r}. Use 'sqlite://' and a path")
        self._experiments = Experiments(path)
        self.current_experiment_id: str | None = None
        self.tracing_enabled = False

    def __enter__(self) -> ExperimentTracker:  # noqa: PYI034 - nothing is derived from it
        """The tracker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the current experiment with the block."""
        if self.current_experiment_id is not None:
            self._end(self.current_experiment_id, *status_of(error))

    # -- from start to end --------------------------------------------------------------------------------------

    def start_experiment(
        self,
        experiment_id: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
    ) -> str:
        """Start an experiment; it becomes the current one.

        Args:
            experiment_id: unique in the store; text without `/`. By default the uid of the run.
            name: for people; by default the id.
            group: name of the native experiment that the run goes into; `default` by default.
            tags: words.

        Returns:
            The id.

        Raises:
            AlreadyExists: the id is taken: see `resume_experiment`.
            InvalidArgument, WrongType: an argument cannot be stored. In either case nothing was changed.
        """
        self.current_experiment_id = self._experiments.start(experiment_id, name, group, tags)
        return self.current_experiment_id

    def resume_experiment(self, experiment_id: str) -> str:
        """Go on with an experiment that ended, failed or died. Nothing of it is lost; it becomes the current one."""
        self.current_experiment_id = self._experiments.resume(experiment_id)
        return self.current_experiment_id

    def end_experiment(self, experiment_id: str | None = None) -> None:
        """End an experiment: `completed`. Again, or with an id that does not exist, it does nothing."""
        self._end(self._id(experiment_id, "No active experiment to end."), model.SUCCEEDED, {})

    def fail_experiment(self, experiment_id: str | None = None) -> None:
        """End an experiment: `error`."""
        self._end(self._id(experiment_id, "No active experiment to fail."), model.FAILED, {})

    def _end(self, experiment_id: str, status: str, about: Mapping[str, Any]) -> None:
        self._experiments.end(experiment_id, status, about)
        if experiment_id == self.current_experiment_id:
            self.current_experiment_id = None

    # -- logging ------------------------------------------------------------------------------------------------

    def log_static(self, key: str, value: Any, experiment_id: str | None = None) -> None:
        """Record a param. Its type is kept: numbers, text, bools, None, lists and dicts of these.

        Raises:
            WrongType: JSON cannot hold it: bytes, sets, other objects.
        """
        if isinstance(value, (set, frozenset)):
            raise WrongType(f"log_static({key!r}): a set has no order to store it in; pass sorted(…) or a list")
        self._handle(experiment_id).run.log_param(key, value)

    def log_dynamic(self, key: str, value: float, step: int | None = None, experiment_id: str | None = None) -> None:
        """Record a point of a metric.

        Args:
            key: its name; any text, such as `train/loss`.
            value: a number; NaN and ±inf are kept. Text is converted.
            step: by default the one after the greatest so far, beginning with 0.
            experiment_id: by default the current experiment.
        """
        self._handle(experiment_id).point(key, value, step)

    def log_attachment(self, name: str, data: Any, binary: bool = False, experiment_id: str | None = None) -> None:
        """Keep text, bytes or a file. The same name again replaces what readers get; nothing is overwritten.

        Args:
            name: within the experiment; `/` makes folders.
            data: text, which is kept as UTF-8; bytes; or a path object, whose file is kept. A *string* is text, unless
                `binary` is true: text is never binary, so then it is the path of a file.
            binary: whether `data` is binary. Bytes are kept as they are either way.
            experiment_id: by default the current experiment.

        Raises:
            WrongType: the data is none of these.
            ArtifactNotFound: there is no such file.
            InvalidName: the name would leave the experiment. In each case nothing was kept.
        """
        handle = self._handle(experiment_id)
        check_path_name(name, "name")
        if isinstance(data, str) and not binary:
            handle.run.log_artifact(data.encode("utf-8"), name)
        elif isinstance(data, (bytes, bytearray, memoryview)):
            handle.run.log_artifact(bytes(data), name)
        elif isinstance(data, (str, os.PathLike)):
            handle.run.log_artifact(data, name)
        else:
            raise WrongType(f"attachment {name!r}: data of type {type(data).__name__} must be text, bytes or a path")

    # -- reading ------------------------------------------------------------------------------------------------

    def list_experiments(
        self, query: str | None = None, order_by: str | Sequence[str] | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The experiments of the store, oldest first: id, name, created_at, status, group, tags.

        Args:
            query: in Runlore's query language: `metric.loss < 0.1 and param.lr = 0.1`, ``metric.`train/loss` < 1``.
            order_by: for example `-metric.acc`.
            limit: at most so many.

        Raises:
            QuerySyntaxError: the query cannot be understood.
        """
        return records.list_experiments(self._experiments.session(), query, order_by, limit)

    def get_experiment(self, experiment_id: str) -> dict[str, Any]:
        """One experiment: experiment_id, metadata, static_params, dynamic_metrics, attachments.

        Raises:
            InvalidArgument: there is no such experiment.
        """
        return records.experiment(self._experiments.session(), self._experiments.view(experiment_id))

    def get_experiment_metric_history(self, experiment_id: str, key: str) -> list[dict[str, Any]]:
        """The points of a metric by step: value, step, logged_at. Empty where there are none."""
        return records.series(self._experiments.view(experiment_id), key).get(key, [])

    def get_attachment(self, name: str, experiment_id: str | None = None) -> bytes:
        """The contents of an attachment.

        Raises:
            InvalidArgument: there is no such attachment.
        """
        view = self._view(experiment_id)
        found = records.attachments(view).get(name)
        if found is None:
            raise InvalidArgument(f"Attachment {name!r} not found in experiment {view.tags.get('luml_id', view.uid)!r}")
        return found.read_bytes()

    def list_attachments(self, experiment_id: str | None = None) -> list[dict[str, Any]]:
        """The attachments by name: name, file_path, size (bytes), created_at."""
        return [
            {"name": name, "file_path": name, "size": item.size, "created_at": records.time_text(item.time_ns)}
            for name, item in sorted(records.attachments(self._view(experiment_id)).items())
        ]

    # -- experiments and groups ---------------------------------------------------------------------------------

    def update_experiment(
        self, experiment_id: str, name: str | None = None, description: str | None = None,
        tags: list[str] | None = None,
    ) -> None:  # fmt: skip
        """Change name, description or tags; None leaves one as it is, and an empty list removes all tags."""
        view = self._experiments.view(experiment_id)
        words = check_words(tags)
        if name is not None:
            view.set_name(name)
        if description is not None:
            view.set_description(description)
        if tags is not None:
            gone = {key: None for key, value in view.tags.items() if not value and key not in words}
            view.set_tags({**gone, **words})

    def delete_experiment(self, experiment_id: str) -> None:
        """Put an experiment into the store's trash. An unknown id is passed over; one that is a path is refused."""
        self._experiments.delete(experiment_id)
        if experiment_id == self.current_experiment_id:
            self.current_experiment_id = None

    def create_group(self, name: str, description: str | None = None) -> None:
        """Describe a group before it has experiments. One that exists stays as it is."""
        check_path_name(name, "name")
        if description is not None and not isinstance(description, str):
            raise WrongType(f"description={description!r} must be text")
        self._experiments.store.claim(_GROUPS, name, {"description": description, "time_ns": time_ns()})

    def list_groups(self) -> list[dict[str, Any]]:
        """The groups by name: name, description, created_at. Those that were created, and those of experiments."""
        found = {
            about["name"]: (about["time_ns"], about["description"]) for about in self._experiments.store.claims(_GROUPS)
        }
        for experiment in self.list_experiments():
            if experiment["group"] is not None and experiment["group"] not in found:
                found[experiment["group"]] = (experiment["created_at"], None)
        return [
            {
                "name": name, "description": description,
                "created_at": created if isinstance(created, str) else records.time_text(created),
            }
            for name, (created, description) in sorted(found.items())
        ]  # fmt: skip

    # -- traces ----------------------------------------------------------------------------------------------------

    def enable_tracing(self) -> None:
        """Record OpenTelemetry's spans: each in the experiment that is current when it starts, or nowhere without one.

        The program's TracerProvider is extended, not replaced. Needs the extra `tracing`.
        """
        from runlore import tracing

        tracing.enable(self._current_run)
        self.tracing_enabled = True

    def _current_run(self) -> Run | None:
        return self._experiments.opened(self.current_experiment_id)

    # -- which experiment ---------------------------------------------------------------------------------------

    def _id(self, experiment_id: str | None, message: str) -> str:
        found = self.current_experiment_id if experiment_id is None else experiment_id
        if found is None:
            raise InvalidArgument(message)
        return found

    def _handle(self, experiment_id: str | None) -> Handle:
        return self._experiments.handle(self._id(experiment_id, _NONE_ACTIVE))

    def _view(self, experiment_id: str | None) -> RunView:
        return self._experiments.view(self._id(experiment_id, _NONE_ACTIVE))
