"""One recorded run, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import ArtifactNotFound, NotFound, RunNotFound
from runlore.reader.artifact import Artifact
from runlore.reader.edit import EditMethods
from runlore.reader.facts import facts_of, is_system, similar
from runlore.reader.filters import Filter, time_bound_ns
from runlore.reader.goals import definitions_of
from runlore.store.detail import Detail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session
    from runlore.store.base import Follower, RecordedRun
    from runlore.store.content import StoredEvent


class RunView(EditMethods):
    """What is recorded of a run. Attributes are those of the moment when it was made; `refresh` reads them anew.

    Attributes:
        uid, number, experiment, name, status, description, user, host, group, parent: as they were recorded.
        started_ns, ended_ns, updated_ns: nanoseconds since 1970 UTC; `ended_ns` None while it runs.
        params: values as they were logged, by key.
        metrics: last value of each metric: the one of the greatest step, then of the latest time.
        system: the same of hardware metrics, whose keys begin with `system/`.
        tags: by key.
        points: number of metric points.
        lost: records that could not be kept.
        damage: what could not be read, in words; empty when all is well.

    Example:
        >>> import runlore
        >>> with runlore.start("iris", params={"lr": 0.1}) as run:
        ...     run.log_metric("acc", 0.9, step=1)
        >>> view = runlore.get_run(run.uid)
        >>> view.status, view.params, view.metrics
        ('succeeded', {'lr': 0.1}, {'acc': 0.9})
    """

    def __init__(self, session: Session, record: RunRecord) -> None:
        self._session = session
        self._said_ns = 0
        self._fill(record)

    def __repr__(self) -> str:
        return f"<RunView {self.experiment}#{self.number} {self.status} uid={self.uid}>"

    def _repr_html_(self) -> str:
        """What it recorded, as tables, for notebooks: of the moment when the view was made."""
        from runlore.reader import shown

        return shown.run_html(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunView) and (self.uid, self._session.store) == (other.uid, other._session.store)

    def __hash__(self) -> int:
        return hash(self.uid)

    def _fill(self, record: RunRecord) -> None:
        self._record = record
        self.uid: str = record.uid
        self.number: int | None = record.number
        self.experiment: str = record.experiment
        self.name: str | None = record.name
        self.status: str = record.status
        self.description: str | None = record.description
        self.user: str | None = record.user
        self.host: str | None = record.host
        self.group: str | None = record.group
        self.parent: str | None = record.parent
        self.started_ns: int = record.started_ns
        self.ended_ns: int | None = record.ended_ns
        self.updated_ns: int = record.updated_ns
        self.points: int = record.points
        self.lost: int = record.lost
        self.liveness: str | None = record.liveness
        self.deleted: bool = record.deleted
        self.archived: bool = record.archived
        self.damage: list[str] = list(record.damage)
        facts = facts_of(record)
        self.params: dict[str, Any] = dict(facts.params)
        self.metrics: dict[str, float] = {key: value for key, value in facts.metrics.items() if not is_system(key)}
        self.system: dict[str, float] = {key: value for key, value in facts.metrics.items() if is_system(key)}
        self.tags: dict[str, str] = dict(facts.tags)

    def _said_of_it(self) -> Detail:
        return Detail.load(facts_of(self._record).detail)

    def refresh(self) -> RunView:
        """Read everything anew; returns the view itself.

        Raises:
            RunNotFound: the run was removed.
        """
        found = self._session.refresh().index.runs([self.uid])
        if not found:
            raise RunNotFound(f"the run {self.uid!r} is gone from the store {self._session.store.location!r}")
        self._fill(found[0])
        return self

    @property
    def directory(self) -> str:
        """The directory in which it lies.

        Raises:
            NotLocal: its store keeps it elsewhere than in a directory of this machine.
        """
        return self.recorded().directory

    @property
    def duration_s(self) -> float:
        """Seconds for which it was recorded so far, without the gaps before it was resumed."""
        return self._record.active_ns / 1e9

    @property
    def definitions(self) -> dict[str, dict[str, str]]:
        """How its metrics are meant, by key, as far as `Run.define_metric` said it: `best`, `x`."""
        return definitions_of(self._record)

    @property
    def exit(self) -> dict[str, Any]:
        """What is known of the end: exit code, exception, message, traceback. Empty for a plain one."""
        stop = self._said_of_it().conclude()[3]
        return {key: value for key, value in (stop or {}).items() if key != "status"}

    @property
    def source(self) -> dict[str, Any]:
        """What the start event says: user, host, process, Python."""
        return dict(self._said_of_it().start)

    @property
    def statuses(self) -> list[tuple[int, str, str | None]]:
        """History of statuses: (time in ns, status, message). A process that joins the run changes none."""
        history: list[tuple[int, str, str | None]] = []
        for time, kind, key, value in self._said_of_it().statuses:
            if kind == model.STOP:
                history.append((time, value["status"], value.get("message")))
            elif kind == model.STATUS:
                history.append((time, key, value))
            elif kind == model.START or key == "resume":
                history.append((time, model.RUNNING, None if kind == model.START else key))
        return history

    # -- series and events --------------------------------------------------------------------------------------

    def data(
        self, event: Any = None, key: Any = None, step: Any = None, since: Any = None, until: Any = None, **extra: Any
    ) -> pd.DataFrame:
        """Everything that was recorded, as a DataFrame; arguments and columns as of `Experiment.data`."""
        from runlore.reader import frames

        wanted = Filter(event, key, step, time_bound_ns(since, "since"), time_bound_ns(until, "until"), extra)
        return frames.record_frame([frames.read_run(self.recorded(), self._record, wanted)], wanted)

    def metric(self, key: str) -> pd.DataFrame:
        """The points of a metric in time order: columns step, value (float64), time (UTC).

        Steps are int64 where each point has an integral one, else float64 with NaN for none.

        Raises:
            NotFound: the run has no such metric.
        """
        if key not in self._last_values() and key not in self.refresh()._last_values():  # noqa: SLF001 - itself
            raise NotFound(f"run {self.experiment}#{self.number} has no metric {key!r}{similar(key, self.metrics)}")
        from runlore.reader import frames

        return frames.metric_frame(self.recorded(), self._record, key)

    def _last_values(self) -> Mapping[str, float]:
        return facts_of(self._record).metrics

    def events(self, *kinds: str) -> list[StoredEvent]:
        """Recorded events of these kinds (of all, without any), in time order. Points of series are not among them."""
        return self.recorded().events(list(kinds) or None)

    def follow(self, *kinds: str) -> Follower:
        """Recorded events of these kinds as they come: each call of its `poll` gives those that are new.

        Example:
            >>> import runlore
            >>> run = runlore.start("iris", capture=False)
            >>> follower = runlore.get_run(run.uid).follow("note")
            >>> run.log_event("note", "note", "it goes well")
            >>> [event.value for event in follower.poll()], follower.poll()
            (['it goes well'], [])
            >>> run.finish()
        """
        return self.recorded().follow(list(kinds) or None)

    def recorded(self) -> RecordedRun:
        """The run in its store: points as arrays, events, and ways to follow it and to add to it.

        Raises:
            RunNotFound: it was removed.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.log_metric("acc", 0.9)
            >>> runlore.get_run(run.uid).recorded().points(["acc"]).value
            array([0.9])
        """
        return self._session.open_run(self._record)

    def data_refs(self) -> dict[str, dict[str, Any]]:
        """References to the data that the run used, by name: the latest of each, without those that were unset.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     _ = run.log_data_ref([5.1, 3.5], "train")
            >>> list(runlore.get_run(run.uid).data_refs())
            ['train']
        """
        return data_refs_of(self.events(model.DATA, model.UNSET))

    def logs(self, *streams: str) -> Iterator[str]:
        """The console, line by line, without line ends.

        Args:
            streams: `stdout`, `stderr`, or `logging` for records of that module. By default all, but of `logging` only
                those records that no handler printed on the console, where they are already.
        """
        from runlore.reader.console import ConsoleLines

        for line in ConsoleLines(streams).of(self.events(model.LOG)):
            yield line.text

    def children(self) -> list[RunView]:
        """Runs that were started under this one, oldest first, without those in the trash."""
        from runlore.query.expression import Attribute, Compare, OrderKey

        mine = Compare(Attribute("parent"), "=", self.uid)
        order = OrderKey(Attribute("started"))
        found = self._session.refresh().page(mine, order, facts=True, last=True)
        return [RunView(self._session, record) for record in found.runs]

    # -- artifacts ----------------------------------------------------------------------------------------------

    def artifacts(self, kind: str | None = None) -> list[Artifact]:
        """Every version of every artifact, by name, step and time.

        Args:
            kind: only these, for example `image`.
        """
        found = self._session.refresh().index.artifacts([self.uid]).get(self.uid, [])
        return [
            Artifact.of(record, self._session.store) for record in found if kind is None or record.kind == kind
        ]  # fmt: skip

    def artifact(self, name: str, step: float | None = None) -> Artifact:
        """The latest version of an artifact, or the latest at this step.

        Raises:
            ArtifactNotFound: there is none.
        """
        everything = self.artifacts()
        found = [item for item in everything if item.name == name and (step is None or item.step == step)]
        if not found:
            at = "" if step is None else f" at step {step:g}"
            hint = similar(name, [item.name for item in everything])
            raise ArtifactNotFound(f"run {self.experiment}#{self.number} has no artifact {name!r}{at}{hint}")
        return max(found, key=lambda item: item.time_ns)

    def images(self, name: str | None = None) -> dict[float | None, Artifact]:
        """Images by step; of one name, or of all."""
        return {item.step: item for item in self.artifacts("image") if name is None or item.name == name}


def data_refs_of(events: Iterable[StoredEvent]) -> dict[str, dict[str, Any]]:
    """References to data by name, as events of a run in time order say; see `RunView.data_refs`."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind == model.DATA and isinstance(event.value, dict) and "hash" in event.value:
            found[event.key] = event.value
        elif event.kind == model.UNSET and event.value == model.DATA:
            found.pop(event.key, None)
    return found
