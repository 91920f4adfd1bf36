"""What a source gives: runs, and of each the points, facts, files and the end that it recorded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Points(NamedTuple):
    """Some points of one series, in the order in which the source has them.

    Attributes:
        key: name of the series.
        steps: float; NaN: no step.
        times_ns: ns since 1970 UTC.
        values: float; as many as steps and times.
    """

    key: str
    steps: Sequence[float]
    times_ns: Sequence[int]
    values: Sequence[float]


class Fact(NamedTuple):
    """One event: a param, a tag, a note, a line of a log.

    Attributes:
        kind: see `runlore.model.EVENT_KINDS`.
        key: its name.
        value: anything that can be JSON.
        time_ns: ns since 1970 UTC; None: nobody said, it counts from the start of the run.
        step: where in the run it belongs; None: nowhere in particular.
    """

    kind: str
    key: str
    value: Any
    time_ns: int | None = None
    step: float | None = None


class File(NamedTuple):
    """A file that the run kept.

    Attributes:
        name: artifact name; `/` makes folders.
        content: the bytes, or the path of a regular file, which the importer found itself.
        kind: what it is, for readers: `file`, `image` …
        media_type: such as `image/png`; None: guessed from the name.
        metadata: further facts about it.
        time_ns: as for `Fact`.
        step: as for `Fact`.
    """

    name: str
    content: bytes | str
    kind: str = "file"
    media_type: str | None = None
    metadata: Mapping[str, Any] = {}
    time_ns: int | None = None
    step: float | None = None


class End(NamedTuple):
    """The run ended.

    Attributes:
        status: one of `runlore.model.TERMINAL`.
        time_ns: ns since 1970 UTC.
    """

    status: str
    time_ns: int


Record: TypeAlias = "Points | Fact | File | End"


@dataclass
class SourceRun(ABC):
    """One run of a source.

    Attributes:
        id: what the source calls it.
        uid: what it is called here, the same at every import: see `runlore.importers._names.uid_of`.
        experiment: where it goes.
        started_ns: ns since 1970 UTC.
        about: what the start event says besides: name, user, host, parent (a uid), group, description.
        problems: what of it could not be understood; it grows while records are read.
        is_start_guessed: nobody said when it began. Then, where the run is there already, the start that it has counts,
            so that times that depend on it are the same at every import.
    """

    id: str
    uid: str
    experiment: str
    started_ns: int
    about: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_start_guessed: bool = False

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """What it recorded; of each series in a stable order, to which the source only ever appends.

        Raises:
            DamagedFile: nothing more can be read of it. What came before counts.
        """


class Source(ABC):
    """Where runs come from.

    Attributes:
        kind: its name on the command line.
        location: where it is, for messages.
        problems: what is no run, though it stands where runs should, and why.
    """

    kind: str
    location: str
    problems: list[str]

    @abstractmethod
    def runs(self) -> Iterable[SourceRun]:
        """Its runs, those that began earlier first, so that numbers follow the time.

        Raises:
            DamagedFile, InvalidArgument, NotReachable: the source cannot be read.
        """

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Let go of what it holds. Whoever imports it does that."""


class LiveSource(Source):
    """A source that is being written to: each call of `runs` finds new ones, each call of `records` what came since."""

    @abstractmethod
    def stop(self) -> None:
        """Wait for no more: the next `records` of each run give its end."""
