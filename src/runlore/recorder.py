"""The contract of a recorder: what appends facts to one run."""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Recorder(ABC):
    """Appends points and events to one run, with the times that it is given. It has no hooks, and captures nothing.

    A `runlore.Run` is a recorder with hooks and captures. A server keeps one open for each run that others send to it
    piecemeal. In a directory a recorder is a journal; for tests it is a list.

    **Durable.** What a returned call recorded survives the death of the process, as far as the kind of store promises.

    **Lossless or counted.** A call does not raise because of the disk, the network or a server: what could not be kept
    is counted in `lost` and said once. Wrong arguments raise before anything is stored.

    **Threads** may share a recorder. After `fork`, the child's first record opens a writer of its own.

    **Ownership.** Whoever opened it closes it. Closing is not ending: the run's status stays.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def lost(self) -> int:
        """Records that could not be kept so far."""

    @abstractmethod
    def scalar(self, key: str, value: Any, step: Any = None, time: Any = None) -> None:
        """Record one point of a series.

        Args:
            key: name of the metric.
            value: anything that is a number; kept as float64, NaN and infinities included.
            step: kept as float64; None: no step.
            time: seconds since 1970 UTC, or a datetime; None: now.

        Raises:
            WrongType, InvalidArgument: one of them cannot be stored. Nothing was recorded.
            RunEnded: the recorder was closed.
        """

    @abstractmethod
    def row(self, values: Mapping[str, Any], step: Any = None, time: Any = None) -> None:
        """Record points of several series that share one step and one time: all of them, or none. See `scalar`."""

    @abstractmethod
    def event(
        self, kind: str, key: str, value: Any = None, *, step: Any = None, time_ns: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> bool:  # fmt: skip
        """Record a fact of any kind.

        Args:
            kind: see `runlore.model.EVENT_KINDS`.
            key: its name.
            value: anything that can be JSON.
            step: as for `scalar`.
            time_ns: ns since 1970 UTC; None: now.
            extra: columns of this event alone.

        Returns:
            Whether it could be kept. What could not is counted in `lost`.

        Raises:
            WrongType, InvalidArgument, RunEnded: as for `scalar`.
        """

    def reserve(self, sizes: Iterable[int]) -> None:  # noqa: B027 - where nothing can be known, nothing is done
        """Have room for records with payloads of so many bytes: those that come next are all kept.

        For who can tell a client of its own that nothing was stored. Where it cannot be known, nothing happens.

        Raises:
            OSError: there is no room. Nothing was recorded, and nothing is counted as lost.
            RunEnded: the recorder was closed.
        """

    @abstractmethod
    def stop(self, status: str, about: Mapping[str, Any]) -> None:
        """Record that the run ended with this status; where there is no room for more, the status alone.

        Args:
            status: one of `runlore.model.TERMINAL`.
            about: what is known of the end: exit code, exception, message.

        Raises:
            WrongType, InvalidArgument: `about` cannot be stored. Nothing was.
            RunEnded: the recorder was closed.
        """

    @abstractmethod
    def columns(self, columns: Mapping[str, Any]) -> None:
        """Give every later record these extra columns, in place of those before."""

    @abstractmethod
    def lose(self, key: str, what: str, error: BaseException) -> None:
        """Count something that could not be kept before it came to be a record, and say each reason once.

        Args:
            key: its name.
            what: what it was, in words: `artifact 'model'`.
            error: why.
        """

    @abstractmethod
    def say(self, text: str) -> None:
        """Say something to whoever runs the program, in a line of its own."""

    @abstractmethod
    def discard(self) -> None:
        """Close it, and leave nothing of it: for one through which nothing was recorded.

        Raises:
            OSError: what it made cannot be removed.
        """

    @abstractmethod
    def close(self) -> None:
        """Close it; a second call does nothing. Nothing can be recorded through it any more."""
