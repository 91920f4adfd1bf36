"""What the events of a run say of the run itself: its start, its attributes, its statuses, and how it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runlore import model

if TYPE_CHECKING:
    from runlore.journal.decode import Event
    from runlore.store.content import StoredEvent


class Detail:
    """What a run's events say beyond params, tags, metrics and artifacts. Kept as JSON in the catalog.

    Attributes:
        start: value of the start event.
        attributes: name → (time, value), of those that were set after the start.
        statuses: (time, kind, key, value) of start, resume, status and stop events.
        first_ns, last_ns: times of the first and the last event or point.
    """

    __slots__ = ("attributes", "first_ns", "last_ns", "start", "started_ns", "statuses")

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.started_ns: int | None = None
        self.attributes: dict[str, tuple[int, Any]] = {}
        self.statuses: list[tuple[int, str, str, Any]] = []
        self.first_ns: int | None = None
        self.last_ns = 0

    def dump(self) -> str:
        """The detail as JSON."""
        return json.dumps(
            [self.start, self.started_ns, self.attributes, self.statuses, self.first_ns, self.last_ns],
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, text: str) -> Detail:
        """What `dump` wrote."""
        detail = cls()
        start, started, attributes, statuses, first, last = json.loads(text)
        detail.start, detail.started_ns, detail.first_ns, detail.last_ns = start, started, first, last
        detail.attributes = {name: (time, value) for name, (time, value) in attributes.items()}
        detail.statuses = [(time, kind, key, value) for time, kind, key, value in statuses]
        return detail

    def saw(self, first_ns: int, last_ns: int) -> None:
        """Something was recorded between these times."""
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)

    def apply(self, event: Event | StoredEvent) -> None:
        """Take an event into account that is about the run itself."""
        if event.kind == model.START and (self.started_ns is None or event.time_ns < self.started_ns):
            self.start, self.started_ns = event.value, event.time_ns
        if event.kind == model.ATTRIBUTE:
            known = self.attributes.get(event.key)
            if known is None or known[0] <= event.time_ns:
                self.attributes[event.key] = (event.time_ns, event.value)
        if event.kind in (model.START, model.RESUME, model.STATUS, model.STOP):
            self.statuses.append((event.time_ns, event.kind, event.key, event.value))
            self.statuses.sort(key=lambda status: status[0])

    def attribute(self, name: str) -> Any:
        """An attribute: as it was set last, else as the start event gave it."""
        if name in self.attributes:
            return self.attributes[name][1]
        return self.start.get(name)

    def conclude(self) -> tuple[str, bool, int | None, Any]:
        """(status, whether the run was ended, when, value of the stop event), as far as events tell.

        The first terminal status wins; a resume opens the run again.
        """
        status, ended, ended_ns, stop = model.RUNNING, False, None, None
        for time, kind, key, value in self.statuses:
            if kind == model.RESUME and key == "resume":
                status, ended, ended_ns, stop = model.RUNNING, False, None, None
            elif kind == model.STATUS and not ended and not key.startswith("process "):
                status, ended = key, key in model.TERMINAL
                ended_ns = time if ended else None
                stop = {"message": value} if ended else None
            elif kind == model.STOP:
                if not ended:
                    status, ended, stop = value["status"], True, value
                ended_ns = time
        return status, ended, ended_ns, stop
