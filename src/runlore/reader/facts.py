"""Small questions about what was logged of a run, which several views ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.index.records import RunFacts, RunRecord

SYSTEM = "system/"
"""Where the keys of metrics begin that are about the hardware, not about the model."""

EXACT = 1 << 53
"""Float64 holds every integer up to here."""


def facts_of(run: RunRecord) -> RunFacts:
    """What was logged of a run.

    Raises:
        LookupError: the index was not asked for it.
    """
    if run.facts is None:
        raise LookupError(f"the facts of run {run.uid} were not asked for")
    return run.facts


def is_system(key: str) -> bool:
    """Whether a metric is about the hardware, not about the model."""
    return key.startswith(SYSTEM)


def similar(name: str, names: Iterable[str]) -> str:
    """What to add to a message about a name that is not there: those that are like it, if any are."""
    import difflib

    close = difflib.get_close_matches(name, [str(other) for other in names], 3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def as_step(value: float | None) -> float | None:
    """A step as it is given out: an int where it is integral."""
    return int(value) if value is not None and float(value).is_integer() and abs(value) < EXACT else value
