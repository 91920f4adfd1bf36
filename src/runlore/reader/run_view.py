"""One recorded run, for reading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from runlore import model
from runlore.catalog import schema
from runlore.errors import ArtifactNotFound, NotFound
from runlore.reader import events as records
from runlore.reader.artifact import Artifact
from runlore.reader.edit import EditMethods
from runlore.reader.tables import is_system, settings
from runlore.store.detail import Detail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from runlore.reader.session import Session
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

    def __init__(self, session: Session, row: Mapping[Any, Any]) -> None:
        self._session = session
        self._fill(dict(row))

    def __repr__(self) -> str:
        return f"<RunView {self.experiment}#{self.number} {self.status} uid={self.uid}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunView) and (self.uid, self._session.store) == (other.uid, other._session.store)

    def __hash__(self) -> int:
        return hash(self.uid)

    def _fill(self, row: dict[str, Any]) -> None:
        self.uid: str = row["uid"]
        self.number: int | None = row["number"]
        self.experiment: str = row["experiment"]
        self.name: str | None = row["name"]
        self.status: str = row["status"]
        self.description: str | None = row["description"]
        self.user: str | None = row["user"]
        self.host: str | None = row["host"]
        self.group: str | None = row["group_name"]
        self.parent: str | None = row["parent_uid"]
        self.started_ns: int = row["started_ns"]
        self.ended_ns: int | None = row["ended_ns"]
        self.updated_ns: int = row["updated_ns"]
        self.points: int = row["points"]
        self.lost: int = row["lost"]
        self.liveness: str | None = row["liveness"]
        self.deleted = bool(row["deleted"])
        self.archived = bool(row["archived"])
        self.damage: list[str] = json.loads(row["damage"]) if row["damage"] else []
        self._row = row
        self._detail = Detail.load(row["detail"])
        self.params, metrics, self.tags = settings(self._session, row["id"])
        self.metrics = {key: value for key, value in metrics.items() if not is_system(key)}
        self.system = {key: value for key, value in metrics.items() if is_system(key)}

    def refresh(self) -> RunView:
        """Read everything anew; returns the view itself."""
        self._fill(dict(self._session.refresh().find(self.uid)))
        return self

    @property
    def directory(self) -> str:
        """Where the run is."""
        return self._session.directory(self._row["path"])

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end, or to the last event while it runs."""
        return ((self.ended_ns if self.ended_ns is not None else self.updated_ns) - self.started_ns) / 1e9

    @property
    def exit(self) -> dict[str, Any]:
        """What is known of the end: exit code, exception, message, traceback. Empty for a plain one."""
        stop = self._detail.conclude()[3]
        return {key: value for key, value in (stop or {}).items() if key != "status"}

    @property
    def source(self) -> dict[str, Any]:
        """What the start event says: user, host, process, Python."""
        return dict(self._detail.start)

    @property
    def statuses(self) -> list[tuple[int, str, str | None]]:
        """History of statuses: (time in ns, status, message). A process that joins the run changes none."""
        history: list[tuple[int, str, str | None]] = []
        for time, kind, key, value in self._detail.statuses:
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
        wanted = records.Filter(
            event, key, step, records.time_bound_ns(since, "since"), records.time_bound_ns(until, "until"), extra
        )
        columns = records.run_columns(self._row, self.directory, wanted)
        return records.frame([] if columns is None else [columns])

    def metric(self, key: str) -> pd.DataFrame:
        """The points of a metric in time order: columns step (float64, NaN: none), value (float64), dt (naive UTC).

        Raises:
            NotFound: the run has no such metric.
        """
        import numpy as np
        import pandas as pd

        if not self._has(key):
            raise NotFound(f"run {self.experiment}#{self.number} has no metric {key!r}{_similar(key, self.metrics)}")
        found = records.run_columns(self._row, self.directory, records.Filter(event=model.METRIC, key=key))
        if found is None:
            found = {"step": np.empty(0), "value": np.empty(0), "time": np.empty(0, dtype=np.int64)}
        dt = found["time"].astype("datetime64[ns]")
        return pd.DataFrame({"step": found["step"], "value": found["value"].astype("float64"), "dt": dt})

    def _has(self, key: str) -> bool:
        known = key in self.metrics or key in self.system
        return known or key in self.refresh().metrics or key in self.system

    def events(self, *kinds: str) -> list[StoredEvent]:
        """Recorded events of these kinds (of all, without any), in time order. Points of series are not among them."""
        from runlore.store.content import read_events

        return read_events(self.directory, list(kinds) or None)

    def data_refs(self) -> dict[str, dict[str, Any]]:
        """References to the data that the run used, by name: the latest of each, without those that were unset.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     _ = run.log_data_ref([5.1, 3.5], "train")
            >>> list(runlore.get_run(run.uid).data_refs())
            ['train']
        """
        found: dict[str, dict[str, Any]] = {}
        for event in self.events(model.DATA, model.UNSET):
            if event.kind == model.DATA and isinstance(event.value, dict) and "hash" in event.value:
                found[event.key] = event.value
            elif event.kind == model.UNSET and event.value == model.DATA:
                found.pop(event.key, None)
        return found

    def logs(self, *streams: str) -> Iterator[str]:
        """The console, line by line, without line ends.

        Args:
            streams: `stdout`, `stderr`, or `logging` for records of that module; stdout and stderr by default.
        """
        wanted = streams or ("stdout", "stderr")
        for event in self.events(model.LOG):
            if event.key in wanted and isinstance(event.value, str):
                yield from event.value.split("\n")

    def children(self) -> list[RunView]:
        """Runs that were started under this one, oldest first."""
        table = schema.runs
        with self._session.refresh().catalog.connect() as connection:
            rows = connection.execute(
                select(table).where(table.c.parent_uid == self.uid).order_by(table.c.started_ns, table.c.id)
            ).mappings().all()  # fmt: skip
        return [RunView(self._session, row) for row in rows]

    # -- artifacts ----------------------------------------------------------------------------------------------

    def artifacts(self, kind: str | None = None) -> list[Artifact]:
        """Every version of every artifact, by name, step and time.

        Args:
            kind: only these, for example `image`.
        """
        rows = self._session.refresh().select(schema.artifacts, [self._row["id"]])
        found = [
            Artifact(
                row["name"], row["step"], row["digest"], row["size"], row["media_type"], row["kind"],
                json.loads(row["metadata"]) if row["metadata"] else {}, row["time_ns"], self._session.store,
            )
            for row in rows
            if kind is None or row["kind"] == kind
        ]  # fmt: skip
        return sorted(found, key=lambda item: (item.name, item.step is not None, item.step or 0.0, item.time_ns))

    def artifact(self, name: str, step: float | None = None) -> Artifact:
        """The latest version of an artifact, or the latest at this step.

        Raises:
            ArtifactNotFound: there is none.
        """
        everything = self.artifacts()
        found = [item for item in everything if item.name == name and (step is None or item.step == step)]
        if not found:
            at = "" if step is None else f" at step {step:g}"
            hint = _similar(name, [item.name for item in everything])
            raise ArtifactNotFound(f"run {self.experiment}#{self.number} has no artifact {name!r}{at}{hint}")
        return max(found, key=lambda item: item.time_ns)

    def images(self, name: str | None = None) -> dict[float | None, Artifact]:
        """Images by step; of one name, or of all."""
        return {item.step: item for item in self.artifacts("image") if name is None or item.name == name}


def _similar(name: str, names: Any) -> str:
    import difflib

    close = difflib.get_close_matches(name, [str(other) for other in names], 3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
