"""Records that clients append in numbered batches, each sent until it is answered: once more, the answer is the same.

Where this process does not know the recorder (the server was started anew, it was idle for long, another worker had
it), another one is opened; a batch that comes again to such a one is compared with what the run has, record by record,
and what is there is not stored twice. The client chose the times, so that a record can be told from others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.server.contract.present import places_of
from runlore.wire import problems, recording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.recorder import Recorder
    from runlore.server.recorders import Held


class Batches:
    """What is known of the batches of one recorder."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._columns: dict[str, Any] = {}
        self._sequence = 0
        self._answer: dict[str, Any] = {}

    def append(
        self, held: Held, sequence: int, records: Sequence[Any], *, columns: Mapping[str, Any], again: bool
    ) -> dict[str, Any]:
        """Append a batch, once. Whoever calls holds the lock of what is held.

        Args:
            held: the recorder.
            sequence: number of the batch, from 1.
            records: see `runlore.wire.recording`.
            columns: those that hold before it.
            again: it was sent before.

        Returns:
            `refused`: places of the records that could not be kept; `errors`: place and problem of those that cannot be
            stored; `lost`: how many more the recorder counts as lost.
        """
        if sequence <= self._sequence:
            return self._answer if sequence == self._sequence else {"refused": [], "errors": [], "lost": 0}
        present = places_of(held.run, records) if again else frozenset()
        recorder = held.recorder
        if recorder is not self._recorder:
            self._recorder, self._columns = recorder, {}
        if self._columns != columns:
            recorder.columns(columns)
            self._columns = dict(columns)
        self._answer = _play(recorder, records, present)
        self._sequence = sequence
        return self._answer


def batches_of(held: Held) -> Batches:
    """Those of a recorder, which are known as long as it is held."""
    found: Batches = held.known.setdefault("batches", Batches())
    return found


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
