"""New events of a run as they are recorded: what `runlore logs -f` shows. Reads only what journals gained."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.journal import format as fmt
from runlore.journal.decode import Context, read
from runlore.journal.format import JOURNAL
from runlore.store.base import Follower
from runlore.store.content import StoredEvent, read_events

if TYPE_CHECKING:
    from collections.abc import Collection


class EventFollower(Follower):
    """Gives each event of a run once, also across sealing and writers that join later.

    Args:
        directory: the run's directory.
        kinds: the kinds wanted; None: all.

    Example:
        >>> import runlore
        >>> run = runlore.start("iris", capture=False)
        >>> follower = EventFollower(run.path, ["note"])
        >>> follower.poll()
        []
        >>> run.log_event("note", "note", "it goes well")
        >>> [event.value for event in follower.poll()]
        ['it goes well']
        >>> run.finish()
    """

    def __init__(self, directory: str, kinds: Collection[str] | None = None) -> None:
        self._directory = directory
        self._kinds = None if kinds is None else frozenset(kinds)
        self._contexts: dict[str, Context] = {}
        self._seen: set[tuple[str, int]] = set()

    def poll(self) -> list[StoredEvent]:
        """The events that were recorded since the last call, in time order.

        Raises:
            RunNotFound: the run was deleted meanwhile.
        """
        found = self._gained() if self._contexts else [*read_events(self._directory, self._kinds), *self._gained()]
        new = {place: event for event in found if (place := (event.writer, event.sequence)) not in self._seen}
        self._seen.update(new)
        return sorted(new.values(), key=lambda event: (event.time_ns, event.writer, event.sequence))

    def _paths(self) -> dict[str, str]:
        folder = os.path.join(self._directory, JOURNAL)
        if not os.path.isdir(folder):
            return {}
        names = [name.removesuffix(fmt.SUFFIX) for name in os.listdir(folder) if name.endswith(fmt.SUFFIX)]
        return {name: os.path.join(folder, name + fmt.SUFFIX) for name in names}

    def _gained(self) -> list[StoredEvent]:
        paths = self._paths()
        if self._contexts.keys() - paths.keys():
            return read_events(self._directory, self._kinds)  # sealed meanwhile
        found: list[StoredEvent] = []
        try:
            for writer, path in paths.items():
                self._contexts[writer] = self._advance(path, self._contexts.get(writer), found)
        except FileNotFoundError:
            return read_events(self._directory, self._kinds)  # just being sealed
        return found

    def _advance(self, path: str, context: Context | None, found: list[StoredEvent]) -> Context:
        writer = os.path.basename(path).removesuffix(fmt.SUFFIX)
        chunk = read(path, context)
        found += [
            StoredEvent(writer, *event) for event in chunk.events if self._kinds is None or event.kind in self._kinds
        ]
        return chunk.context
