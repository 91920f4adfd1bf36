"""What a container or a batch system allows: the limits of Linux control groups, version 1 and 2.

A limit counts wherever it stands between the process's own group and the top, and the smallest one decides. In a
container, `/proc` tells the memory of the whole machine; what is free of it is not free for the container.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from runlore.capture._files import is_shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEPT_SECONDS = 10.0
"""How long a process is taken to stay in its group, and the limits to stay as they are."""
NO_LIMIT = 1 << 60
"""Version 1 writes a number near 2^63 where there is no limit."""

_kept: tuple[int, float, ControlGroups] | None = None


class Memory:
    """A limit of memory, and what the group uses of it.

    Attributes:
        limit_bytes: the limit.
        used_bytes: without the part of the file cache that the kernel would give back first, as for the whole machine.
        cached_bytes: that part.
    """

    __slots__ = ("cached_bytes", "limit_bytes", "used_bytes")

    def __init__(self, limit_bytes: int, used_bytes: int, cached_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = used_bytes
        self.cached_bytes = cached_bytes


class Processors:
    """A limit of processor time, and what the group has used.

    Attributes:
        limit: in processors: 1.5 are one and a half.
        used_seconds: since the group exists; None where nobody tells.
    """

    __slots__ = ("limit", "used_seconds")

    def __init__(self, limit: float, used_seconds: float | None) -> None:
        self.limit = limit
        self.used_seconds = used_seconds


class ControlGroups:
    """The groups of this process, and their limits as they are now.

    Args:
        root: where `/proc` and `/sys` are found.

    Example:
        >>> groups = ControlGroups("/nowhere")
        >>> groups.memory() is None and groups.processors() is None
        True
    """

    def __init__(self, root: str = "/") -> None:
        self._root = root
        paths = _own_paths(_read(os.path.join(root, "proc/self/cgroup")))
        mounts = _mounts(_read(os.path.join(root, "proc/self/mountinfo")))
        self._groups = {
            controller: self._directories(*mounts[controller], path)
            for controller, path in paths.items()
            if controller in mounts
        }
        self._memory_limit = self._smallest_of_memory()
        self._processor_limit = self._smallest_of_processors()

    def memory(self) -> Memory | None:
        """The smallest limit of memory on the way up, with what its group uses now; None without one."""
        if self._memory_limit is None:
            return None
        limit, directory = self._memory_limit
        unified = os.path.exists(os.path.join(directory, "memory.current"))
        usage = _number(_read(os.path.join(directory, "memory.current" if unified else "memory.usage_in_bytes"))) or 0
        statistics = _fields(_read(os.path.join(directory, "memory.stat")))
        cached = statistics.get("inactive_file" if unified else "total_inactive_file", 0)
        return Memory(int(limit), max(0, int(usage) - cached), min(cached, int(usage)))

    def processors(self) -> Processors | None:
        """The smallest limit of processor time on the way up, and what its group has used; None without one."""
        if self._processor_limit is None:
            return None
        limit, directory = self._processor_limit
        return Processors(limit, self._used_seconds(directory))

    def _smallest_of_memory(self) -> tuple[float, str] | None:
        limits = [
            *_limits(self._groups.get("", ()), "memory.max", _number),
            *_limits(self._groups.get("memory", ()), "memory.limit_in_bytes", _number),
        ]
        smallest = min(limits, default=None)
        return None if smallest is None or smallest[0] >= NO_LIMIT else smallest

    def _smallest_of_processors(self) -> tuple[float, str] | None:
        unified = _limits(self._groups.get("", ()), "cpu.max", _quota_of_period)
        divided = [
            (quota / period, directory)
            for quota, directory in _limits(self._groups.get("cpu", ()), "cpu.cfs_quota_us", _number)
            if quota > 0 and (period := _number(_read(os.path.join(directory, "cpu.cfs_period_us"))) or 0) > 0
        ]
        return min([*unified, *divided], default=None)

    def _used_seconds(self, directory: str) -> float | None:
        microseconds = _fields(_read(os.path.join(directory, "cpu.stat"))).get("usage_usec")
        if microseconds is not None:
            return microseconds / 1e6
        groups, accounts = self._groups.get("cpu", ()), self._groups.get("cpuacct", ())
        if directory in groups and len(groups) == len(accounts):
            nanoseconds = _number(_read(os.path.join(accounts[groups.index(directory)], "cpuacct.usage")))
            return None if nanoseconds is None else nanoseconds / 1e9
        return None

    def _directories(self, mount_root: str, mount_point: str, path: str) -> tuple[str, ...]:
        """The directory of a group, and those above it that can be seen here."""
        top = os.path.join(self._root, mount_point.lstrip("/"))
        inside = mount_root == "/" or f"{path}/".startswith(f"{mount_root}/")
        rest = path[len(mount_root.rstrip("/")) :].strip("/") if inside else ""
        parts = [part for part in rest.split("/") if part not in ("", ".", "..")]
        return tuple(os.path.join(top, *parts[:count]) for count in range(len(parts), -1, -1))


def control_groups() -> ControlGroups:
    """The groups of this process, looked up every ten seconds."""
    global _kept  # noqa: PLW0603 - one for the process
    now, pid = monotonic(), os.getpid()
    if _kept is None or _kept[0] != pid or now - _kept[1] > KEPT_SECONDS:
        _kept = pid, now, ControlGroups()
    return _kept[2]


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


def _own_paths(text: str) -> dict[str, str]:
    """The path of the process's group, by controller of version 1; that of version 2 by the empty name."""
    paths = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _mounts(text: str) -> dict[str, tuple[str, str]]:
    """Root and mount point of each hierarchy, by controller as above."""
    mounts: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3 or not kind[0].startswith("cgroup"):
            continue
        place = _unescaped(fields[3]), _unescaped(fields[4])
        for controller in ("",) if kind[0] == "cgroup2" else kind[2].split(","):
            mounts.setdefault(controller, place)
    return mounts


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _limits(
    directories: Iterable[str], name: str, parse: Callable[[str], float | None]
) -> list[tuple[float, str]]:  # fmt: skip
    """The limit of each group that has one, with the group."""
    found = []
    for directory in directories:
        limit = parse(_read(os.path.join(directory, name)))
        if limit is not None:
            found.append((limit, directory))
    return found


def _number(text: str) -> float | None:
    try:
        return float(int(text))
    except ValueError:
        return None  # `max`, or nothing


def _quota_of_period(text: str) -> float | None:
    quota, _, period = text.partition(" ")
    numbers = _number(quota), _number(period)
    return numbers[0] / numbers[1] if numbers[0] and numbers[1] else None


def _fields(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _read(path: str) -> str:
    """A file's text without the last newline; empty where there is none, or not for us to read.

    Raises:
        OSError: there is no descriptor left.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip()
    except OSError as error:
        if is_shortage(error):
            raise
        return ""
