"""`Experiment`, `Group`, `Job` and `BuildJob`, with the signatures of Polyaxon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runlore.dialects.polyaxon import _context as context
from runlore.dialects.polyaxon._names import FRAMEWORK, as_text
from runlore.dialects.polyaxon._tracker import Tracker
from runlore.errors import WrongType

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from runlore.dialects.polyaxon._names import Tagging


class Experiment(Tracker):
    """One experiment of a project: a run of a Runlore experiment.

    Nothing is recorded before `create`, unless the platform started the program. It ends by itself: see
    docs/how-to/resume-and-children.md. Under `POLYAXON_NO_OP` every call does nothing.

    Args:
        project: `name`, `owner/name` or `owner.name`; by default what the platform says, else `default`.
        experiment_id: go on with this one: its number within the project, or its uid. What is recorded is added.
        group_id: the group that it belongs to.
        client: a `PolyaxonClient` or the path of a store; others are accepted and not used.
        track_logs: record the console and `logging` by itself.
        track_git: record the state of the git repository by itself.
        track_env: record the environment by itself.
        outputs_store: an object with `upload_file` and `upload_dir`, which gets artifacts too.
        track_code: the later name of `track_git`.
        auto_step: count steps by itself where `log_metrics` is given none.

    Raises:
        InvalidName: it is no project.
        RunNotFound, ExperimentNotFound: there is no such experiment.
        WrongType: another argument is of no use.

    Example:
        >>> import runlore
        >>> experiment = Experiment("vision").create(tags=["resnet"])
        >>> experiment.log_params(lr=0.1)
        >>> experiment.log_metrics(step=1, loss=0.5)
        >>> experiment.log_succeeded()
        >>> view = runlore.get_run("vision#1")
        >>> view.status, view.params, view.metrics
        ('succeeded', {'lr': 0.1}, {'loss': 0.5})
    """

    def __init__(
        self, project: str | None = None, experiment_id: int | str | None = None, group_id: int | str | None = None,
        client: Any = None, track_logs: bool = True, track_git: bool = True, track_env: bool = True,
        outputs_store: Any = None, *, track_code: bool | None = None, auto_step: bool = False,
    ) -> None:  # fmt: skip
        captures = tracked(track_logs, track_git if track_code is None else track_code, track_env)
        super().__init__(project, experiment_id, client, captures, outputs_store, group_id)
        self._next_step: float | None = 0.0 if auto_step else None
        if auto_step and self.uid is not None:
            steps = self._recorded_steps()
            self._next_step = steps + 1.0 if steps is not None else 0.0

    @property
    def experiment_id(self) -> int | str | None:
        """The same as `id`."""
        return self.id

    def log_metrics(
        self, metrics: Mapping[str, Any] | None = None, /, *, step: float | None = None, **more: Any
    ) -> None:
        """Record metrics that share a time and a step; None is no point.

        Args:
            metrics: a mapping, for names that an argument cannot have, such as `step`.
            step: where on the x axis.
            more: further metrics, by name. Any text is one: `**{"val/loss": 0.1}`.

        Raises:
            WrongType, InvalidArgument: a value is not a number. Nothing was recorded.
        """
        points = {key: value for key, value in {**(metrics or {}), **more}.items() if value is not None}
        if not points:
            return
        counted = step is None and self._next_step is not None
        self.run.log_metrics(points, step=self._next_step if counted else step)
        if counted and self._next_step is not None:
            self._next_step += 1.0

    def _recorded_steps(self) -> float | None:
        """The greatest step of any metric so far."""
        from runlore.reader import get_run

        steps = get_run(str(self.uid), store=self._store).data(event="metric")["step"].dropna()
        return float(steps.max()) if len(steps) else None

    def log_framework(self, framework: str) -> None:
        """Say which framework it uses."""
        self.run.set_tag(FRAMEWORK, as_text(framework, "framework"))

    get_experiment_info = staticmethod(context.get_experiment_info)
    get_cluster_def = staticmethod(context.get_cluster_def)
    get_task_info = staticmethod(context.get_task_info)
    get_tf_config = staticmethod(context.get_tf_config)


class Job(Tracker):
    """A job of a project: a run of the Runlore experiment `<project>/jobs`. Arguments as of `Experiment`."""

    _section: ClassVar[str] = "/jobs"
    _info: ClassVar[tuple[Any, str]] = (context.get_job_info, "job")

    def __init__(
        self, project: str | None = None, job_id: int | str | None = None, client: Any = None, track_logs: bool = True,
        track_git: bool = True, track_env: bool = True, outputs_store: Any = None, *, track_code: bool | None = None,
    ) -> None:  # fmt: skip
        captures = tracked(track_logs, track_git if track_code is None else track_code, track_env)
        super().__init__(project, job_id, client, captures, outputs_store)

    @property
    def job_id(self) -> int | str | None:
        """The same as `id`."""
        return self.id

    get_job_info = staticmethod(context.get_job_info)


class BuildJob(Job):
    """A build of a project: a run of the Runlore experiment `<project>/builds`."""

    _section: ClassVar[str] = "/builds"

    def log_dockerfile(self, dockerfile: str) -> None:
        """Keep the text of the Dockerfile, as the artifact `Dockerfile`."""
        if not isinstance(dockerfile, str):
            raise WrongType(f"dockerfile={dockerfile!r} must be text; log_artifact keeps files")
        self.run.log_artifact(dockerfile.encode("utf-8"), "Dockerfile", kind="config", media_type="text/x-dockerfile")


class Group(Tracker):
    """A group of experiments: a run of the Runlore experiment `<project>/groups`, and the parent of its members.

    Args:
        project: as for `Experiment`.
        group_id: go on with this group.
        client: as for `Experiment`, and so are the others; members inherit all of them.

    Example:
        >>> import runlore
        >>> group = Group("vision").create(name="sweep")
        >>> for lr in (0.1, 0.01):
        ...     member = group.create_experiment()
        ...     member.log_params(lr=lr)
        ...     member.log_succeeded()
        >>> group.log_succeeded()
        >>> [view.params["lr"] for view in runlore.get_run("vision/groups#1").children()]
        [0.1, 0.01]
    """

    _section: ClassVar[str] = "/groups"
    _info: ClassVar[tuple[Any, str]] = (context.get_experiment_info, "group")
    _captures: ClassVar[bool] = False
    member_class: ClassVar[type] = Experiment

    def __init__(
        self, project: str | None = None, group_id: int | str | None = None, client: Any = None,
        track_logs: bool = True, track_git: bool = True, track_env: bool = True, outputs_store: Any = None, *,
        track_code: bool | None = None,
    ) -> None:  # fmt: skip
        captures = tracked(track_logs, track_git if track_code is None else track_code, track_env)
        super().__init__(project, group_id, client, captures, outputs_store)

    def _enter_cluster(self, info: Mapping[str, Any]) -> None:
        """Of what the platform says, only the project is of use: groups are made by programs."""

    def create_experiment(
        self, name: str | None = None, framework: str | None = None, backend: str | None = None, tags: Tagging = None,
        description: str | None = None, content: Any = None, build_id: int | str | None = None,
        base_outputs_path: str | os.PathLike[str] | None = None,
    ) -> Experiment:  # fmt: skip
        """Start an experiment of this group; arguments as of `Experiment.create`."""
        member = Experiment(
            self.project, None, self.id, self.client, self._flags.get("console", True), self._flags.get("git", True),
            self._flags.get("environment", True), self.outputs_store,
        )  # fmt: skip
        base = base_outputs_path if base_outputs_path is not None else self._base_outputs
        member.create(name, framework, backend, tags, description, content, build_id, base)
        return member


def tracked(logs: bool | None, git: bool | None, env: bool | None) -> dict[str, bool]:
    """What not to capture. What is tracked is left to the defaults, so that `RUNLORE_CAPTURE=0` still holds."""
    flags = {"console": logs, "git": git, "environment": env}
    return {name: False for name, flag in flags.items() if flag is not None and not flag}
