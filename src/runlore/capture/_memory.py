"""Memory as metrics: what this process can have, of the machine or of its control group."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runlore.capture._cgroups import Memory


def memory_metrics(machine: dict[str, int], group: Memory | None) -> dict[str, float]:
    """The memory that this process can have: the machine's, or what its control group is allowed.

    Args:
        machine: `total_bytes`, `available_bytes`, `free_bytes` and, if known, `used_bytes`.
        group: the limit of the control group, if there is one.

    Example:
        >>> machine = {"total_bytes": 1000, "available_bytes": 600, "free_bytes": 300}
        >>> memory_metrics(machine, None)["system/memory_percent"]
        40.0
    """
    memory = machine
    if group is not None and group.limit_bytes < machine["total_bytes"]:
        left = group.limit_bytes - group.used_bytes
        memory = {
            "total_bytes": group.limit_bytes,
            "used_bytes": group.used_bytes,
            "available_bytes": max(0, min(left, machine["available_bytes"])),
            "free_bytes": max(0, min(left - group.cached_bytes, machine["free_bytes"])),
        }
    unavailable = memory["total_bytes"] - memory["available_bytes"]
    percent = 100.0 * (unavailable if memory is machine else memory["used_bytes"]) / memory["total_bytes"]
    return {f"system/memory_{name}": float(value) for name, value in memory.items()} | {
        "system/memory_percent": percent
    }
