"""Traces: what their events say of them. Kept in memory while the server lives, and read again after it was started.

An experiment's traces are events of one run, see `homes.container`: spans as every run has them, and events of kind
`mlflow.trace`, each of which says something of a trace: its information, a tag, an assessment, that it was deleted. The
book reads what that run gained since the last time, whoever recorded it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Any

import msgspec

from runlore import model
from runlore.errors import RunNotFound
from runlore.server.mlflow import homes
from runlore.server.mlflow.experiments import HIDDEN, Experiments
from runlore.server.mlflow.message import MISSING, MlflowError
from runlore.server.mlflow.span_meaning import INPUTS, OUTPUTS, meant, of_spans, resource_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.server.context import Context
    from runlore.store.base import Follower
    from runlore.store.content import StoredEvent

TRACE = "mlflow.trace"
"""Kind of event. Key: id of the trace; value: what is said of it, see `Trace.apply`."""

SPANS_LOCATION, ARTIFACTS, TRACE_NAME = "mlflow.trace.spansLocation", "mlflow.artifactLocation", "mlflow.traceName"
SOURCE_RUN = "mlflow.sourceRun"
_MILLISECOND = 1_000_000
_MOST_PREVIEW = 1_000


def trace_id_of(span: Mapping[str, Any]) -> str:
    """The id that MLflow gives the trace of a span."""
    return f"tr-{span['trace_id']}"


@dataclass
class Trace:
    """One trace.

    Attributes:
        id: `tr-` and 32 hexadecimal digits, or another one that a client chose.
        native: the experiment.
        info: as a client gave it: previews, times in ms, state, the client's own id.
        metadata, tags: by key.
        assessments: by id, in the order in which they were made.
        runs: uids of runs that it was linked to.
        deleted: whether it was.
        said: whether a client said anything of it but its spans.
    """

    id: str
    native: str
    info: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    assessments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)
    deleted: bool = False
    said: bool = False
    _spans: dict[str, bytes] = field(default_factory=dict)

    def apply(self, event: StoredEvent) -> None:
        """Take one event into account."""
        value = event.value if isinstance(event.value, dict) else {}
        if event.kind == model.SPAN:
            self._spans[str(value.get("span_id"))] = _packed((event.key, value))
            return
        self.said = self.said or "info" in value
        self.info.update(value.get("info") or {})
        self.metadata.update(value.get("metadata") or {})
        for key, text in (value.get("tags") or {}).items():
            if text is None:
                self.tags.pop(key, None)
            else:
                self.tags[key] = text
        for identifier, assessment in (value.get("assessments") or {}).items():
            if assessment is None:
                self.assessments.pop(identifier, None)
            else:
                self.assessments[identifier] = assessment
        self.runs.update(value.get("runs") or ())
        if value.get("deleted"):
            self.deleted = True
            self._spans.clear()

    @property
    def has_spans(self) -> bool:
        """Whether its spans are here, and not in a file of the client's."""
        return bool(self._spans)

    def spans(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, span) of all spans, in the order of their beginning."""
        found = [_unpacked(raw) for raw in self._spans.values()]
        return sorted(((name, span) for name, span in found), key=lambda pair: pair[1].get("start_ns") or 0)

    def root(self) -> tuple[str, dict[str, Any]] | None:
        """The span that has no parent, if it came already."""
        return next(((name, span) for name, span in self.spans() if not span.get("parent_id")), None)

    @property
    def start_ms(self) -> int:
        """When it began."""
        if "request_time" in self.info:
            return int(self.info["request_time"])
        return min((span.get("start_ns") or 0 for _, span in self.spans()), default=0) // _MILLISECOND

    @property
    def duration_ms(self) -> int | None:
        """How long it took; None: it goes on, or nobody knows."""
        if "execution_duration" in self.info:
            found: int | None = self.info["execution_duration"]
            return found
        spans = [span for _, span in self.spans()]
        if all(span.get("parent_id") for span in spans):
            return None  # the one that all are in goes on
        begun, ended = min(int(span["start_ns"]) for span in spans), max(int(span["end_ns"]) for span in spans)
        return (ended - begun) // _MILLISECOND

    @property
    def state(self) -> str:
        """`OK`, `ERROR` or `IN_PROGRESS`."""
        if self.info.get("state"):
            return str(self.info["state"])
        root = self.root()
        return "IN_PROGRESS" if root is None else "ERROR" if root[1].get("status") == "error" else "OK"

    def preview(self, which: str) -> str | None:
        """The beginning of the request or response, as the client or its spans say."""
        if f"{which}_preview" in self.info:
            return str(self.info[f"{which}_preview"])
        root = self.root()
        known = {} if root is None else meant(root[1].get("attributes") or {})
        found = known.get(INPUTS if which == "request" else OUTPUTS)
        return None if found is None else json.dumps(found)[:_MOST_PREVIEW]

    def all_metadata(self) -> dict[str, str]:
        """Its metadata, with what its spans say of it and no client did."""
        return {**({} if self.said else of_spans(span for _, span in self.spans())), **self.metadata}

    def all_tags(self) -> dict[str, str]:
        """Its tags, with those that its spans give it."""
        more = {SPANS_LOCATION: "TRACKING_STORE"} if self.has_spans else {}
        if TRACE_NAME not in self.tags:
            root = self.root()
            more |= {TRACE_NAME: root[0]} if root is not None else {}
        if not self.said:
            more |= resource_tags(span for _, span in self.spans())
        return {**more, **self.tags}


def _packed(span: tuple[str, dict[str, Any]]) -> bytes:
    """A span as JSON; its texts may be no valid Unicode."""
    try:
        return msgspec.json.encode(span)
    except UnicodeEncodeError:
        return json.dumps(span).encode("ascii")


def _unpacked(raw: bytes) -> tuple[str, dict[str, Any]]:
    """What `_packed` was given."""
    try:
        name, span = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        name, span = json.loads(raw)
    return name, span


class Book:
    """The traces of one experiment. Threads may share it."""

    def __init__(self, native: str, follower: Follower) -> None:
        self._native = native
        self._follower = follower
        self._traces: dict[str, Trace] = {}
        self._lock = threading.Lock()

    def read(self) -> dict[str, Trace]:
        """The traces that there are, by id, as of now."""
        with self._lock:
            for event in self._follower.poll():
                self._take(event)
            return {identifier: trace for identifier, trace in self._traces.items() if not trace.deleted}

    def _take(self, event: StoredEvent) -> None:
        if event.kind == model.SPAN:
            if not isinstance(event.value, dict) or "trace_id" not in event.value:
                return
            identifier = trace_id_of(event.value)
        else:
            identifier = event.key
        self._traces.setdefault(identifier, Trace(identifier, self._native)).apply(event)


class OpenBooks(dict[str, Book]):
    """The books that a process reads, by the uid of the run: kept from one request to the next."""


class Books:
    """The traces of all experiments of a store. Cheap to make, for one request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._books = context.part(OpenBooks)

    def of(self, native: str) -> dict[str, Trace]:
        """The traces of an experiment, by id."""
        claimed = self._context.store.claimed(HIDDEN, f"{native}/traces")
        if claimed is None:
            return {}
        uid = str(claimed["uid"])
        book = self._books.get(uid)
        if book is None:
            try:
                follower = self._context.store.open_run(uid).follow([model.SPAN, TRACE])
            except RunNotFound:
                return {}
            book = self._books.setdefault(uid, Book(native, follower))
        try:
            return book.read()
        except RunNotFound:
            return {}

    def find(self, identifier: str) -> Trace:
        """The trace of this id.

        Raises:
            MlflowError: there is none.
        """
        for about in self._context.store.claims(HIDDEN):
            found = self.of(str(about["name"]).removesuffix("/traces")).get(identifier)
            if found is not None:
                return found
        raise MlflowError(f"Trace with ID '{identifier[:200]}' not found.", MISSING)

    def say(self, native: str, identifier: str, **said: Any) -> None:
        """Record something of a trace; see `Trace.apply`."""
        with homes.container_held(self._context, native) as recorder:
            recorder.event(TRACE, identifier, said)

    def add_spans(self, native: str, spans: Iterable[dict[str, Any]]) -> None:
        """Record spans."""
        with homes.container_held(self._context, native) as recorder:
            for span in spans:
                value = {key: item for key, item in span.items() if key != "name"}
                recorder.event(model.SPAN, span["name"], value)

    def artifact_location(self, native: str, identifier: str) -> str:
        """Where clients keep files of a trace."""
        return f"{Experiments(self._context).place_of(native).location}/traces/{identifier}/artifacts"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time_ns() // _MILLISECOND
