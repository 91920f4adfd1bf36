"""Evaluation datasets: what their events say of them. Kept in memory while the server lives, and read again afterwards.

A dataset is a run of its own, of the server's, in the experiment `<experiment>/evaluation-datasets`: its id is `d-` and
the uid of that run. Events of kind `mlflow.dataset` say something of the dataset, those of kind `mlflow.dataset.record`
something of one record. A record is named by its inputs, so that the same inputs are one record, whoever sends them.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from copy import deepcopy
from dataclasses import dataclass, field, replace
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import RunNotFound
from runlore.model import new_uid
from runlore.server.mlflow import homes
from runlore.server.mlflow.experiments import DEFAULT_NAME, HIDDEN
from runlore.server.mlflow.message import MISSING, MlflowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.server.context import Context
    from runlore.store.base import Follower
    from runlore.store.content import StoredEvent

DATASETS = "mlflow-evaluation-datasets"
"""Claims of the ids of datasets, each with the experiment under which it lives."""

ABOUT, RECORD = "mlflow.dataset", "mlflow.dataset.record"
USER = "mlflow.user"
_MILLISECOND = 1_000_000
_ID = re.compile(r"d-([0-9a-f]{32})")
_TYPES = ((bool, "boolean"), (int, "integer"), (float, "float"), (str, "string"), (list, "array"), (dict, "object"))
_PARTS = ("inputs", "outputs", "expectations")


@dataclass
class EvaluationSet:
    """One dataset.

    Attributes:
        id: `d-` and 32 hexadecimal digits.
        name: as its client calls it.
        created_ms, updated_ms: when it was made, and when its records changed last.
        created_by, updated_by: who did, as the tag `mlflow.user` says; None: nobody said.
        tags: by key.
        experiments: ids of those that it belongs to, in the order in which they were said.
        records: by id, as MLflow's clients read them.
        places: when each record was first said, in ns, by id: their order.
        schema: which sort of value each field of a part had first; None: there were no records yet.
        deleted: whether it is.
    """

    id: str
    name: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    created_by: str | None = None
    updated_by: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, None] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    deleted: bool = False

    def apply(self, event: StoredEvent) -> None:
        """Take one event into account."""
        value = event.value if isinstance(event.value, dict) else {}
        now = event.time_ns // _MILLISECOND
        if event.kind == RECORD:
            self._apply_record(event.key, event.value, event.time_ns)
            return
        self.deleted = self.deleted or bool(value.get("deleted"))
        if "name" in value:
            self.name, self.created_ms, self.updated_ms = str(value["name"]), now, now
            self.created_by = self.updated_by = (value.get("tags") or {}).get(USER)
        if value.get("touched"):
            self.updated_ms = now
        if "by" in value:
            self.updated_by = value["by"]
        for key, text in (value.get("tags") or {}).items():
            if text is None:
                self.tags.pop(key, None)
            else:
                self.tags[key] = text
        self.experiments.update(dict.fromkeys(value.get("added") or ()))
        for identifier in value.get("removed") or ():
            self.experiments.pop(identifier, None)

    def _apply_record(self, identifier: str, said: Any, time_ns: int) -> None:
        if not isinstance(said, dict):
            self.records.pop(identifier, None)
            self.places.pop(identifier, None)
            return
        self.places.setdefault(identifier, time_ns)
        now = time_ns // _MILLISECOND
        user = (said.get("tags") or {}).get(USER)
        record = self.records.get(identifier) or {
            "dataset_record_id": identifier, "dataset_id": self.id, "inputs": said.get("inputs") or {},
            "outputs": {}, "created_time": now, "tags": {}, **_source(said.get("source")),
            **({"created_by": user} if user else {}),
        }  # fmt: skip
        record = self.records[identifier] = dict(record)  # whoever reads the one before goes on with that
        if "outputs" in said:
            record["outputs"] = said["outputs"]
        for part in ("expectations", "tags"):
            if said.get(part):
                record[part] = {**record.get(part, {}), **said[part]}
        record["last_update_time"] = now
        if user:
            record["last_updated_by"] = user
        self.updated_ms = max(self.updated_ms, now)
        self.schema = _widened(self.schema, said)

    @property
    def digest(self) -> str:
        """What changes with every change of its records."""
        return hashlib.sha256(f"{self.name}:{self.updated_ms}".encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def document(self) -> dict[str, Any]:
        """As MLflow's clients read it."""
        found: dict[str, Any] = {
            "dataset_id": self.id, "name": self.name, "tags": json.dumps(dict(sorted(self.tags.items()))),
            "digest": self.digest, "created_time": self.created_ms, "last_update_time": self.updated_ms,
            "created_by": self.created_by, "last_updated_by": self.updated_by,
            "experiment_ids": list(self.experiments),
        }  # fmt: skip
        if self.schema is not None:
            found["schema"] = json.dumps(self.schema)
        if self.records:
            found["profile"] = json.dumps({"num_records": len(self.records)})
        return {key: value for key, value in found.items() if value is not None}


def _source(said: Any) -> dict[str, Any]:
    """Where a record comes from, and the id of that, such as of a trace."""
    if not isinstance(said, dict):
        return {}
    sort, data = str(said.get("source_type") or "UNSPECIFIED").upper(), said.get("source_data") or {}
    identifier = data.get("trace_id" if sort == "TRACE" else "source_id") if isinstance(data, dict) else None
    found = {"source": {"source_type": sort, "source_data": data}, "source_type": sort}
    return {**found, **({"source_id": str(identifier)} if identifier else {})}


def _widened(schema: dict[str, Any] | None, said: Mapping[str, Any]) -> dict[str, Any]:
    found = schema or {**{part: {} for part in _PARTS}, "version": "1.0"}
    for part in _PARTS:
        value = said.get(part)
        if isinstance(value, dict) and isinstance(found[part], dict):
            for key, item in value.items():
                found[part].setdefault(key, _type_of(item))
        elif value is not None and not found[part]:
            found[part] = _type_of(value)
    return found


def _type_of(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "null")


def record_id(dataset: str, inputs: Mapping[str, Any]) -> str:
    """The id of the record that has these inputs: always the same one, in whatever order their keys come."""
    text = json.dumps([dataset, inputs], sort_keys=True)
    return f"dr-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


class _Open:
    """A dataset that a process reads, with what its run gained since the last time. Threads may share it."""

    def __init__(self, identifier: str, follower: Follower) -> None:
        self._found = EvaluationSet(identifier)
        self._follower = follower
        self._lock = threading.Lock()

    def read(self) -> EvaluationSet:
        with self._lock:
            for event in self._follower.poll():
                self._found.apply(event)
            found = self._found
            return replace(
                found, tags=dict(found.tags), experiments=dict(found.experiments), records=dict(found.records),
                places=dict(found.places),
                schema=deepcopy(found.schema),
            )  # fmt: skip


class OpenSets(dict[str, _Open]):
    """The datasets that a process reads, by id: kept from one request to the next."""


class EvaluationSets:
    """The evaluation datasets of a store. Cheap to make, for one request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open = context.part(OpenSets)

    def every(self) -> list[EvaluationSet]:
        """All that there are."""
        found = (self._read(str(about["name"])) for about in self._context.store.claims(DATASETS))
        return [dataset for dataset in found if dataset is not None and not dataset.deleted]

    def find(self, identifier: str) -> EvaluationSet | None:
        """The dataset with this id; None: there is none."""
        claimed = self._context.store.claimed(DATASETS, identifier) if _ID.fullmatch(identifier) else None
        found = self._read(identifier) if claimed is not None else None
        return None if found is None or found.deleted else found

    def get(self, identifier: str) -> EvaluationSet:
        """The dataset with this id.

        Raises:
            MlflowError: there is none.
        """
        found = self.find(identifier)
        if found is None:
            raise MlflowError(f"Evaluation dataset with id '{identifier[:100]}' not found", MISSING)
        return found

    def _read(self, identifier: str) -> EvaluationSet | None:
        opened = self._open.get(identifier)
        try:
            if opened is None:
                follower = self._context.store.open_run(identifier[2:]).follow([ABOUT, RECORD])
                opened = self._open.setdefault(identifier, _Open(identifier, follower))
            return opened.read()
        except RunNotFound:
            return None  # it is just being made, or its run was removed for good

    def create(self, name: str, tags: Mapping[str, str], experiments: Iterable[tuple[str, str]]) -> EvaluationSet:
        """Make a dataset.

        Args:
            name: of the dataset; several may have the same.
            tags: by key.
            experiments: (id, name that runs have) of those that it belongs to; it lives under the first.
        """
        context, uid, known = self._context, new_uid(), list(experiments)
        native = known[0][1] if known else DEFAULT_NAME
        place, identifier = f"{native}/evaluation-datasets", f"d-{uid}"
        context.store.claim(HIDDEN, place, {"experiment": native})
        homes.begin_own(context, place, uid, name, "An evaluation dataset of MLflow's clients")
        self.say(identifier, name=name, tags=dict(tags), added=[found for found, _ in known])
        context.store.claim(DATASETS, identifier, {"experiment": native})
        return self.get(identifier)

    def say(self, identifier: str, **said: Any) -> None:
        """Record something of a dataset; see `EvaluationSet.apply`."""
        with homes.own_held(self._context, identifier[2:]) as recorder:
            recorder.event(ABOUT, "", said)

    def say_records(self, identifier: str, records: Mapping[str, dict[str, Any] | None], by: str | None) -> None:
        """Record what was said of records, by their ids, in this order; None: the record is deleted."""
        now = time_ns()
        with homes.own_held(self._context, identifier[2:]) as recorder:
            for place, (name, said) in enumerate(records.items()):
                recorder.event(RECORD, name, said, time_ns=now + place)
            recorder.event(ABOUT, "", {"touched": True, "by": by}, time_ns=now)

    def delete(self, dataset: EvaluationSet) -> None:
        """Put it into the trash, as a run."""
        store = self._context.store
        claimed = store.claimed(DATASETS, dataset.id) or {}
        self.say(dataset.id, deleted=True)
        store.open_run(dataset.id[2:]).annotate([(model.ATTRIBUTE, "deleted", True)], after_ns=time_ns())
        self._context.recorders.forget(dataset.id[2:])
        store.release(DATASETS, dataset.id, {key: claimed[key] for key in claimed if key != "name"})
