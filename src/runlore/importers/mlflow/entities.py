"""MLflow's words in Runlore's: statuses, times, params, the tags that it keeps for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, SourceRun
from runlore.model import ATTRIBUTE, FAILED, PARAM, STOPPED, SUCCEEDED, TAG
from runlore.names import is_uid
from runlore.plain import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIND = "mlflow"
MILLISECOND = 1_000_000
"""In ns."""

STATUSES = {"FINISHED": SUCCEEDED, "FAILED": FAILED, "KILLED": STOPPED}
"""Those that end a run."""

NUMBERED = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
"""As the directory has them."""

_NAME, _USER, _NOTE, _PARENT = "mlflow.runName", "mlflow.user", "mlflow.note.content", "mlflow.parentRunId"
_MOST = 1.7976931348623157e308
_MOST_MS = (1 << 63) // MILLISECOND - 1


@dataclass
class RunInfo:
    """What MLflow says of a run itself.

    Attributes:
        id: 32 hexadecimal digits, as MLflow makes them.
        experiment: name of its experiment.
        name, user, status: as MLflow has them.
        start_ms, end_ms: since 1970 UTC; None: nobody said.
        deleted: whether it is in MLflow's trash.
    """

    id: str
    experiment: str
    name: str | None
    user: str | None
    status: str
    start_ms: int | None
    end_ms: int | None
    deleted: bool = False


@dataclass
class MlflowRun(SourceRun):
    """A run of MLflow, wherever it is kept: what is common to them."""

    info: RunInfo = field(kw_only=True)
    tags: Mapping[str, str] = field(kw_only=True)

    def facts(self, params: Mapping[str, str]) -> Iterator[Fact]:
        """Params and tags, and that it is in the trash."""
        for key, text in params.items():
            yield Fact(PARAM, key, from_text(text))
        for key, text in self.tags.items():
            yield Fact(TAG, key, text)
        if self.info.deleted:
            yield Fact(ATTRIBUTE, "deleted", True)

    def end(self) -> Iterator[End]:
        """How it ended, if it did."""
        if self.info.status in STATUSES:
            end_ns = ns_of(self.info.end_ms) or self.started_ns
            yield End(STATUSES[self.info.status], end_ns)


def start_of(info: RunInfo, tags: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a `SourceRun`. MLflow's own id is the uid: so links that people have still name the run."""
    parent = tags.get(_PARENT)
    about = {
        "name": info.name or tags.get(_NAME) or None, "user": info.user or tags.get(_USER) or None,
        "description": tags.get(_NOTE) or None, "parent": uid_for(parent) if parent else None,
    }  # fmt: skip
    return {
        "id": info.id, "uid": uid_for(info.id), "experiment": info.experiment,
        "started_ns": ns_of(info.start_ms) or time_ns(), "about": about, "info": info, "tags": tags,
    }  # fmt: skip


def uid_for(run_id: str) -> str:
    """The uid of a run here."""
    return run_id if is_uid(run_id) else uid_of(KIND, run_id, 0)


def ns_of(milliseconds: int | None) -> int:
    """A time in ms since 1970 in ns; 0: nobody said, or no time that can be."""
    return milliseconds * MILLISECOND if milliseconds and 0 < milliseconds < _MOST_MS else 0


def infinite(value: float) -> float:
    """A value as it was before MLflow's database made the greatest float64 of an infinity.

    Example:
        >>> infinite(1.7976931348623157e308), infinite(0.5)
        (inf, 0.5)
    """
    return value if abs(value) < _MOST else value * 2
