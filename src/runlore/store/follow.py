"""New events of a run as they are recorded: what `runlore logs -f` shows. Reads only what journals gained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.journal.decode import Context, read_pieces
from runlore.store.base import Follower
from runlore.store.content import StoredEvent, read_events
from runlore.store.journal_files import journal_paths

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

    def _gained(self) -> list[StoredEvent]:
        paths = dict(journal_paths(self._directory))
        if self._contexts.keys() - paths.keys():
            return read_events(self._directory, self._kinds)  # sealed meanwhile
        found: list[StoredEvent] = []
        try:
            for writer, path in paths.items():
                self._advance(writer, path, found)
        except FileNotFoundError:
            return read_events(self._directory, self._kinds)  # just being sealed
        return found

    def _advance(self, writer: str, path: str, found: list[StoredEvent]) -> None:
        before = self._contexts.get(writer, Context())
        is_whole = True
        for chunk in read_pieces(path, before):
            found += [
                StoredEvent(writer, *event)
                for event in chunk.events
                if self._kinds is None or event.kind in self._kinds
            ]
            is_whole = is_whole and not chunk.damage
        # Where there is damage, a better copy may take the place of what is there: it is read again.
        self._contexts[writer] = chunk.context if is_whole else before
