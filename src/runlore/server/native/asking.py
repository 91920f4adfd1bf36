"""What many endpoints are asked: runs by a query, and one run by its name."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from runlore.query.values import Clock
from runlore.server.endpoint import Parameter
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.index.records import RunRecord
    from runlore.server.endpoint import Call

Experiment = str | list[str] | None
"""A name, a glob such as `vision/**`, a list of those; null: all."""

RUN = Parameter("uid", "A run: its uid, the beginning of it, or experiment#number.", required=True)
EXPERIMENT = Parameter("experiment", "Only runs of this experiment: a name or a glob.", repeated=True)


def find_run(call: Call) -> RunRecord:
    """The run that the address names, with its facts.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    return call.context.fresh().find(call.path("uid"), "uid")


def runs_of(call: Call, uids: list[str]) -> list[RunRecord]:
    """The runs with these uids, with their facts; those that are gone are left out."""
    return call.context.fresh().index.runs(list(dict.fromkeys(uids)))


def clock_of(zone: str | None) -> Clock:
    """What `now` and times without a zone mean to a caller.

    Args:
        zone: name of a time zone, such as `Europe/Berlin`; None: the server's.

    Raises:
        Problem: there is no such zone (400).
    """
    if zone is None:
        return Clock()
    try:
        return Clock(zone=zoneinfo.ZoneInfo(zone))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise Problem(
            400, f"zone={zone[:100]!r} is no time zone; write one such as Europe/Berlin", field="zone", value=zone[:100]
        ) from None


def check_count(name: str, count: int, low: int, high: int) -> None:
    """Refuse a number of things that is out of its range.

    Raises:
        Problem: it is (400).
    """
    if not low <= count <= high:
        raise Problem(400, f"{name}={count} should be from {low:,} to {high:,}", field=name, value=count)


def experiments_of(call: Call) -> list[str] | None:
    """The parameter `experiment`, which may be repeated; None: all of them."""
    return call.texts("experiment") or None
