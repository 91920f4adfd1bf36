"""Which records are wanted: by kind, key, step, time, and columns of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIASES = {"parameter": model.PARAM, "params": model.PARAM, "metrics": model.METRIC}


@dataclass
class Filter:
    """Which records to take; None, `*` and `all` mean all."""

    event: Any = None
    key: Any = None
    step: Any = None
    since_ns: int | None = None
    until_ns: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def kinds(self) -> frozenset[str] | None:
        """The kinds of events wanted, or None for all."""
        found = choices(self.event)
        return None if found is None else frozenset(_ALIASES.get(kind, kind) for kind in map(str, found))

    def keys(self) -> frozenset[str] | None:
        """The keys wanted, or None for all."""
        found = choices(self.key)
        return None if found is None else frozenset(map(str, found))

    def takes_points(self) -> bool:
        """Whether points of series can be among them."""
        kinds = self.kinds()
        return kinds is None or model.METRIC in kinds

    def steps(self) -> set[float | None] | None:
        """The steps wanted, or None for all; NaN asks for records without a step."""
        if self.step is None or (isinstance(self.step, str) and self.step in ("*", "all")):
            return None
        steps = (
            self.step
            if isinstance(self.step, (list, tuple, set, range)) or hasattr(self.step, "tolist")
            else [self.step]
        )
        return {None if step is None or float(step) != float(step) else float(step) for step in steps}


def choices(value: Any) -> set[Any] | None:
    """A filter's scalar or list as a set; None where it means all."""
    if value is None or (isinstance(value, str) and value in ("*", "all")):
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return {value}
    return set(value)


def time_bound_ns(value: Any, argument: str) -> int | None:
    """A bound in time as nanoseconds UTC: a datetime, seconds since 1970, text such as `2026-11-01` or `-2h`.

    Raises:
        InvalidArgument: it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, str):
        from runlore.query.values import Clock, to_time

        span = to_time(value, Clock())
        return span.start_ns if argument == "since" else max(span.start_ns, span.end_ns - 1)
    from runlore.journal.values import time_ns_of

    if hasattr(value, "total_seconds"):
        from time import time_ns

        return time_ns() - int(value.total_seconds() * 1e9)
    if not isinstance(value, (int, float)) and not hasattr(value, "timestamp"):
        raise InvalidArgument(f"{argument}={value!r} must be a datetime, seconds since 1970, or text such as '-2h'")
    return time_ns_of(value)
