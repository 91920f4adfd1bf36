"""What the events of a run say of the run itself: its start, its attributes, its statuses, and how it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runlore import model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.journal.decode import Event
    from runlore.store.content import StoredEvent


class Detail:
    """What a run's events say beyond params, tags, metrics and artifacts. Kept as JSON in the catalog.

    Attributes:
        start: value of the start event.
        attributes: name → (time, value), of those that were set after the start.
        statuses: (time, kind, key, value) of start, resume, status and stop events.
        definitions: metric → (time, how it is meant), as `Run.define_metric` recorded it last.
        lives: writer → times of its first and its last event or point.
        first_ns, last_ns: of all writers together; None and 0 where nothing was recorded.
    """

    __slots__ = ("attributes", "definitions", "first_ns", "last_ns", "lives", "start", "started_ns", "statuses")

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.started_ns: int | None = None
        self.attributes: dict[str, tuple[int, Any]] = {}
        self.statuses: list[tuple[int, str, str, Any]] = []
        self.definitions: dict[str, tuple[int, dict[str, str]]] = {}
        self.lives: dict[str, tuple[int, int]] = {}
        self.first_ns: int | None = None
        self.last_ns = 0

    def dump(self) -> str:
        """The detail as JSON, the same whatever the order in which the events came."""
        lives = [[writer, *times] for writer, times in sorted(self.lives.items())]
        attributes = dict(sorted(self.attributes.items()))
        definitions = [dict(sorted(self.definitions.items()))] if self.definitions else []
        return json.dumps(
            [self.start, self.started_ns, attributes, self.statuses, self.first_ns, self.last_ns, lives, *definitions],
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, text: str) -> Detail:
        """What `dump` wrote, also before it knew of `lives` and `definitions`."""
        detail = cls()
        start, started, attributes, statuses, first, last, *later = json.loads(text)
        detail.start, detail.started_ns, detail.first_ns, detail.last_ns = start, started, first, last
        detail.attributes = {name: (time, value) for name, (time, value) in attributes.items()}
        detail.statuses = [(time, kind, key, value) for time, kind, key, value in statuses]
        known = later[0] if later else [] if first is None else [["", first, last]]
        detail.lives = {writer: (begin, end) for writer, begin, end in known}
        definitions = later[1] if len(later) > 1 else {}
        detail.definitions = {key: (time, meant) for key, (time, meant) in definitions.items()}
        return detail

    def saw(self, writer: str, first_ns: int, last_ns: int) -> None:
        """A writer recorded something between these times."""
        known = self.lives.get(writer, (first_ns, last_ns))
        self.lives[writer] = min(known[0], first_ns), max(known[1], last_ns)
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)

    def apply(self, event: Event | StoredEvent) -> None:
        """Take an event into account that is about the run itself. One that makes no sense is left out."""
        value = event.value
        if event.kind in (model.START, model.STOP) and not isinstance(value, dict):
            return
        if event.kind == model.STOP and not isinstance(value.get("status"), str):
            return
        if event.kind == model.START and (self.started_ns is None or event.time_ns < self.started_ns):
            self.start = {name: item for name, item in value.items() if _fits(name, item)}
            self.started_ns = event.time_ns
        if event.kind == model.ATTRIBUTE and _fits(event.key, value):
            known = self.attributes.get(event.key)
            if known is None or known[0] <= event.time_ns:
                self.attributes[event.key] = (event.time_ns, value)
        if event.kind == model.DEFINITION and isinstance(value, dict):
            earlier = self.definitions.get(event.key)
            if earlier is None or earlier[0] <= event.time_ns:
                meant = {name: value[name] for name in ("x", "best") if isinstance(value.get(name), str)}
                self.definitions[event.key] = (event.time_ns, meant)
        if event.kind in (model.START, model.RESUME, model.STATUS, model.STOP):
            self.statuses.append((event.time_ns, event.kind, event.key, value))
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

    def active_ns(self) -> int:
        """How long the run was recorded for: the time from each start or resume to its end, without what lies between.

        A run that goes on is counted up to its last record.
        """
        return sum(end - begin for begin, end in self.spans())

    def spans(self) -> Iterator[tuple[int, int]]:
        """(begin, end) of each stretch for which it was recorded, in ns since 1970 UTC.

        Where a process died, its part ended with the last that any writer recorded before the run was resumed.
        """
        begin = self.started_ns if self.started_ns is not None else self.first_ns
        if begin is None:
            return
        end = None
        for time, kind, key, _ in self.statuses:
            if kind == model.RESUME and key == "resume":
                yield begin, max(begin, end if end is not None else self._last_before(time, begin))
                begin, end = time, None
            elif kind == model.STOP or (end is None and kind == model.STATUS and key in model.TERMINAL):
                end = time
        yield begin, max(begin, self.last_ns if end is None else end)

    def _last_before(self, time_ns: int, begin_ns: int) -> int:
        """The last that was recorded before a time; a writer that was not done by then recorded until then."""
        return max((min(last, time_ns) for first, last in self.lives.values() if first < time_ns), default=begin_ns)


_TEXTS = frozenset({"experiment", "name", "description", "group", "parent", "user", "host"})
_MOST_NUMBER = (1 << 63) - 1


def _fits(name: str, value: Any) -> bool:
    """Whether an attribute can have this value: what is read may have been written by anybody."""
    if name == "number":
        return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_NUMBER)
    return name not in _TEXTS or value is None or isinstance(value, str)
