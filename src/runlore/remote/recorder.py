"""A recorder whose records a server appends: each call returns when the server has what it recorded, or it is counted.

While one thread waits for an answer, the records of others gather, and go together with the next request.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from time import time_ns as now_ns
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, NotStored, RunEnded, RunloreError, WrongType
from runlore.failures import reason_of
from runlore.journal.leaves import shown
from runlore.journal.values import number_of, step_of, time_ns_of, to_bytes
from runlore.model import LOST, new_uid
from runlore.names import check_key
from runlore.recorder import Recorder
from runlore.wire import problems, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.remote.connection import Server

_MOST_RECORDS = 10_000
"""In one request."""


class _Record:
    """One record on its way."""

    def __init__(self, sent: list[Any]) -> None:
        self.sent = sent
        self.done = False
        self.kept = False
        self.error: RunloreError | None = None


class ServerRecorder(Recorder):
    """See the module, and the contract.

    Args:
        server: where the run is.
        uid: of the run.
        experiment: of the run.
        first, lazily: see `RecordedRun.record`.

    Raises:
        RunNotFound, ReadOnlyStore, OSError: as `RecordedRun.record`.
    """

    def __init__(self, server: Server, uid: str, experiment: str, *, first: bool = False, lazily: bool = False) -> None:
        self._server = server
        self._uid = uid
        self._experiment = experiment
        self._closed = False
        self._columns: dict[str, Any] = {}
        self._reset()
        if not lazily:
            self._server.change("store/record", {**self._named, "first": first})
            self._is_open = True

    def _reset(self) -> None:
        """As for a process that has recorded nothing."""
        self._pid = os.getpid()
        self._writer = new_uid()
        self._lock = threading.Lock()
        self._sending = threading.RLock()
        self._sender: int | None = None
        self._waiting: list[_Record] = []
        self._sequence = 0
        self._lost = 0
        self._is_open = False
        self._reasons: set[str] = set()
        self._side: ServerRecorder | None = None

    @property
    def _named(self) -> dict[str, Any]:
        return {"uid": self._uid, "experiment": self._experiment, "writer": self._writer, "anywhere": True}

    @property
    def lost(self) -> int:  # noqa: D102 - described by the contract
        return self._lost + (self._side.lost if self._side is not None else 0)

    # -- records ------------------------------------------------------------------------------------------------

    def scalar(self, key: str, value: Any, step: Any = None, time: Any = None) -> None:  # noqa: D102
        check_key(key, "key")
        self._append(["scalar", key, number_of(key, value), _place(step), _moment(time)])

    def row(self, values: Mapping[str, Any], step: Any = None, time: Any = None) -> None:  # noqa: D102
        numbers = {check_key(key, "key"): number_of(key, value) for key, value in values.items()}
        record = ["row", numbers, _place(step), _moment(time)]
        if numbers:
            self._append(record)

    def event(  # noqa: D102
        self, kind: str, key: str, value: Any = None, *, step: Any = None, time_ns: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> bool:  # fmt: skip
        for name, word in (("kind", kind), ("key", key)):
            if not isinstance(word, str):
                raise WrongType(f"{name}={shown(word)} must be a string, not {type(word).__name__}")
        if time_ns is not None and not (isinstance(time_ns, int) and -(2**63) <= time_ns < 2**63):
            raise InvalidArgument(f"time_ns={shown(time_ns)} must be nanoseconds since 1970 as int64")
        argument = f"{kind} {shown(key)}"
        moment = now_ns() if time_ns is None else time_ns
        columns = _plain(dict(extra), f"{argument}: its columns") if extra else None
        return self._append(["event", kind, key, _plain(value, argument), _place(step), moment, columns])

    def stop(self, status: str, about: Mapping[str, Any]) -> None:  # noqa: D102
        self._append(["stop", status, _plain(dict(about), "about")])

    def columns(self, columns: Mapping[str, Any]) -> None:  # noqa: D102
        plain = _plain(dict(columns), "extra columns")
        self._check_open()
        with self._sending:
            self._send_waiting()
            self._columns = plain
        if self._side is not None:
            self._side.columns(columns)

    def lose(self, key: str, what: str, error: BaseException) -> None:  # noqa: D102
        reason = reason_of(error)
        if reason not in self._reasons:
            self._reasons.add(reason)
            self.say(
                f"{what} of run {self._uid} could not be kept: {reason}. The program goes on; what is lost like this "
                "is counted, and not said one by one"
            )
        if self._closed or self.event(LOST, key, {"lost": what, "reason": reason}):
            self._lost += 1

    def say(self, text: str) -> None:  # noqa: D102
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"runlore: {text}\n")
            sys.__stderr__.flush()

    # -- sending ------------------------------------------------------------------------------------------------

    def _append(self, sent: list[Any]) -> bool:
        """Send a record, with those of other threads; whether it was kept."""
        if self._pid != os.getpid():
            self._reset()
        self._check_open()
        if self._sender == threading.get_ident():
            return self._aside()._append(sent)  # noqa: SLF001 - a signal handler interrupted us: a second self
        record = _Record(sent)
        with self._lock:
            self._waiting.append(record)
        with self._sending:
            while not record.done:
                self._send_waiting()
        if record.error is not None:
            raise record.error
        return record.kept

    def _aside(self) -> ServerRecorder:
        if self._side is None:
            self._side = ServerRecorder(self._server, self._uid, self._experiment, lazily=True)
            self._side._columns = self._columns  # noqa: SLF001 - a second self
        return self._side

    def _send_waiting(self) -> None:
        """Send what waits; called by whoever holds `_sending`."""
        with self._lock:
            batch, self._waiting = self._waiting[:_MOST_RECORDS], self._waiting[_MOST_RECORDS:]
        if not batch:
            return
        self._sender = threading.get_ident()
        try:
            self._send(batch)
        finally:
            self._sender = None
            for record in batch:
                record.done = True

    def _send(self, batch: Sequence[_Record]) -> None:
        self._sequence += 1
        arguments = {
            **self._named, "sequence": self._sequence, "columns": self._columns,
            "records": [record.sent for record in batch],
        }  # fmt: skip
        try:
            answer = self._server.change("store/append", arguments, dict)
            self._is_open = True
            self._take(answer, batch)
        except (OSError, RunloreError, LookupError, TypeError) as error:
            self._lost += len(batch)
            reason = reason_of(error)
            if reason not in self._reasons:
                self._reasons.add(reason)
                self.say(
                    f"records of run {self._uid} could not be kept: {reason}. The program goes on; they are counted"
                )

    def _take(self, answer: Any, batch: Sequence[_Record]) -> None:
        """What became of each record of a batch."""
        refused, errors, lost = set(answer["refused"]), dict(answer["errors"]), int(answer["lost"])
        for place, record in enumerate(batch):
            if place in errors:
                record.error = problems.unpack(errors[place]) or NotStored("the server did not take the record")
            record.kept = place not in refused and place not in errors
        self._lost += lost

    # -- the end ------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise RunEnded(
                f"run {self._uid} was finished: nothing more can be logged through this handle. What was logged is "
                f"kept. To go on, call runlore.resume({self._uid!r})"
            )

    def discard(self) -> None:  # noqa: D102
        self._end(discard=True)

    def close(self) -> None:  # noqa: D102
        try:
            self._end(discard=False)
        except (OSError, RunloreError) as error:
            self.say(
                f"the recorder of run {self._uid} could not be closed ({reason_of(error)}); the server does so later"
            )
        if self._side is not None:
            self._side.close()

    def _end(self, *, discard: bool) -> None:
        if self._closed:
            return
        if self._pid != os.getpid():
            self._reset()
        self._closed = True
        if self._is_open:
            self._server.change("store/close_recorder", {**self._named, "discard": discard})


def _place(step: Any) -> float | None:
    place = step_of(step)
    return None if math.isnan(place) else place


def _moment(time: Any) -> int:
    return now_ns() if time is None else time_ns_of(time)


def _plain(value: Any, argument: str) -> Any:
    """The value as JSON brings it back.

    Raises:
        WrongType, InvalidArgument: JSON cannot hold it.
    """
    return text.loads(to_bytes(value, argument))
