"""Recorders that are kept open for clients: one for each name that a client gave its own.

A client sends its records in numbered batches, each until it is answered. The same batch again gets the same answer.
Where this process does not know the recorder (the server was started anew, it was idle for long, another worker had
it), another one is opened; a batch that comes again to such a one is compared with what the run has, record by record,
and what is there is not stored twice. The client chose the times, so that a record can be told from others.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, RunEnded, WrongType
from runlore.names import is_uid
from runlore.server.contract.present import places_of
from runlore.wire import problems, recording
from runlore.wire.text import Garbled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runlore.recorder import Recorder
    from runlore.store.base import RecordedRun

IDLE_S = 15 * 60.0
"""After so long without a record a recorder is closed. Its run counts as crashed then, until the next record comes."""

LOOK_S = 30.0
"""How often idle recorders are looked for."""


class _Open:
    """A recorder of a client's."""

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.lock = threading.Lock()
        self.recorder: Recorder | None = None
        self.columns: dict[str, Any] = {}
        self.sequence = 0
        self.answer: dict[str, Any] = {}
        self.used = monotonic()

    def close(self) -> None:
        recorder, self.recorder = self.recorder, None
        self.columns = {}
        if recorder is not None:
            recorder.close()


class Recorders:
    """See the module. Threads share it.

    Args:
        idle_s: after so many seconds without a record a recorder is closed.
    """

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._known: dict[str, _Open] = {}
        self._ending = threading.Event()
        self._closer: threading.Thread | None = None

    def open(self, run: RecordedRun, name: str, *, first: bool, lazily: bool) -> None:
        """Open a recorder. One that is open under this name stays.

        Raises:
            Garbled: the name is none.
            ReadOnlyStore, OSError: as `RecordedRun.record`.
        """
        known = self._find(run.uid, name)
        with known.lock:
            if known.recorder is None:
                known.recorder = run.record(first=first, lazily=lazily)

    def append(
        self, find: Callable[[], RecordedRun], uid: str, name: str, sequence: int, records: Sequence[Any], *,
        columns: Mapping[str, Any], again: bool,
    ) -> dict[str, Any]:  # fmt: skip
        """Append a batch, once.

        Args:
            find: gives the run.
            uid: of it.
            name: of the recorder.
            sequence: number of the batch, from 1.
            records: see `runlore.wire.recording`.
            columns: those that hold before it.
            again: it was sent before.

        Returns:
            `refused`: places of the records that could not be kept; `errors`: place and problem of those that cannot be
            stored; `lost`: how many more the recorder counts as lost.
        """
        known = self._find(uid, name)
        with known.lock:
            if sequence <= known.sequence:
                return known.answer if sequence == known.sequence else {"refused": [], "errors": [], "lost": 0}
            present = places_of(find(), records) if again else frozenset()
            if known.recorder is None:
                known.recorder = find().record()
            if known.columns != columns:
                known.recorder.columns(columns)
                known.columns = dict(columns)
            known.answer = _play(known.recorder, records, present)
            known.sequence = sequence
            return known.answer

    def close(self, name: str | None = None, *, discard: bool = False) -> None:
        """Close a recorder, or all of them with what closes them when they are idle."""
        if name is None:
            self._ending.set()
        with self._lock:
            names = list(self._known) if name is None else [name]
            closing = [self._known.pop(one) for one in names if one in self._known]
        for known in closing:
            with known.lock:
                if discard and known.recorder is not None:
                    known.recorder.discard()
                    known.recorder = None
                known.close()

    def recorder(self, name: str) -> Recorder | None:
        """The recorder of that name, if it is open."""
        known = self._known.get(name)
        return None if known is None else known.recorder

    def run_of(self, name: str) -> str | None:
        """The uid of the run that the recorder of that name records, if it is open."""
        known = self._known.get(name)
        return None if known is None else known.uid

    def _find(self, uid: str, name: str) -> _Open:
        if not is_uid(name):
            raise Garbled(f"writer={name!r:.60} should be 32 hexadecimal digits")
        with self._lock:
            if self._ending.is_set():
                raise RunEnded("the server ends; its recorders are closed")
            known = self._known.get(name)
            if known is None:
                known = self._known[name] = _Open(uid)
                self._watch()
            if known.uid != uid:
                raise Garbled(f"writer={name!r} records another run")
            known.used = monotonic()
            return known

    # -- idle ones ----------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._closer is None:
            self._closer = threading.Thread(target=self._close_idle, name="runlore-idle-recorders", daemon=True)
            self._closer.start()

    def _close_idle(self) -> None:
        while not self._ending.wait(min(LOOK_S, self._idle_s)):
            self.close_idle()

    def close_idle(self) -> None:
        """Close the recorders that had no record for so long."""
        latest = monotonic() - self._idle_s
        with self._lock:
            idle = [(name, known) for name, known in self._known.items() if known.used < latest]
        for name, known in idle:
            with known.lock:
                if known.used < latest:
                    known.close()
                    with self._lock:
                        self._known.pop(name, None)


def _play(recorder: Recorder, records: Sequence[Any], present: frozenset[int]) -> dict[str, Any]:
    """Append what is not there yet. A record that cannot be stored keeps none of the others from it."""
    lost = recorder.lost
    refused, errors = [], []
    for place, record in enumerate(records):
        if place in present:
            continue
        try:
            if not recording.play(recorder, record):
                refused.append(place)
        except (WrongType, InvalidArgument) as error:
            errors.append([place, problems.pack(error)])
    return {"refused": refused, "errors": errors, "lost": recorder.lost - lost}
