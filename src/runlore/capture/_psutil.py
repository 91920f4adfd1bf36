"""Readings through psutil: totals and states now, and rates since the reading before."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture._cgroups import control_groups, memory_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture._cgroups import ControlGroups


class Machine:
    """Reads the machine, or as much of it as this process may use, and this process with its children.

    Rates and CPU percentages are means since the previous reading (or since this was made); the first `read` should
    come a while after.

    Args:
        per_core: read every core's use and frequency too.
        disk_path: the file system whose use is read.
        groups: gives the control groups of this process, at each reading.
    """

    def __init__(
        self, *, per_core: bool = False, disk_path: str = "/", groups: Callable[[], ControlGroups] = control_groups
    ) -> None:
        import psutil

        self._psutil = psutil
        self._per_core = per_core
        self._disk_path = disk_path
        self._processes: dict[int, Any] = {}
        self._groups = groups
        self._used: tuple[float, float] | None = None
        self._cpu_percent(1.0, [0.0])
        psutil.cpu_percent(percpu=True)
        self._before = self._counters()
        self._time = monotonic()
        self._read_processes()

    def read(self) -> dict[str, float]:
        """One reading of everything, by metric key."""
        processes = self._read_processes()
        return {
            **self._read_cpu(processes["system/process/cpu_percent"]),
            **self._read_memory(),
            **self._read_disk(),
            **self._read_rates(),
            **processes,
        }

    def _read_cpu(self, own_percent: float) -> dict[str, float]:
        psutil = self._psutil
        cores = psutil.cpu_percent(percpu=True)
        load = os.getloadavg()
        out = {
            **self._cpu_percent(own_percent, cores),
            "system/load_1min": load[0],
            "system/load_5min": load[1],
            "system/load_15min": load[2],
        }
        if self._per_core:
            out |= {f"system/cpu/{index}/percent": float(percent) for index, percent in enumerate(cores)}
            frequencies = psutil.cpu_freq(percpu=True) or []
            out |= {f"system/cpu/{index}/frequency_mhz": float(f.current) for index, f in enumerate(frequencies)}
        return out

    def _cpu_percent(self, own_percent: float, cores: list[float]) -> dict[str, float]:
        """The use of the processors that this process may use, and how many these are: 1.5 are one and a half.

        Args:
            own_percent: of the process tree, up to 100 per core; it stands in where the group's own use is not told.
            cores: the use of each core of the machine.
        """
        usable = [cores[core] for core in _affinity() if core < len(cores)] or cores
        group, now = self._groups().processors(), monotonic()
        used, before = None if group is None else group.used_seconds, self._used
        self._used = None if used is None else (now, used)
        if group is None or group.limit >= len(usable):
            return {"system/cpu_percent": sum(usable) / len(usable), "system/cpu_count": float(len(usable))}
        percent = own_percent
        if used is not None and before is not None and now > before[0]:
            percent = 100.0 * max(0.0, used - before[1]) / (now - before[0])
        return {"system/cpu_percent": min(100.0, percent / group.limit), "system/cpu_count": group.limit}

    def _read_memory(self) -> dict[str, float]:
        memory, swap = self._psutil.virtual_memory(), self._psutil.swap_memory()
        machine = {
            "total_bytes": memory.total,
            "used_bytes": memory.used,
            "available_bytes": memory.available,
            "free_bytes": memory.free,
        }
        return {
            **memory_metrics(machine, self._groups().memory()),
            "system/swap_total_bytes": float(swap.total),
            "system/swap_used_bytes": float(swap.used),
            "system/swap_free_bytes": float(swap.free),
            "system/swap_percent": float(swap.percent),
        }

    def _read_disk(self) -> dict[str, float]:
        disk = self._psutil.disk_usage(self._disk_path)
        return {
            "system/disk_total_bytes": float(disk.total),
            "system/disk_used_bytes": float(disk.used),
            "system/disk_free_bytes": float(disk.free),
            "system/disk_percent": float(disk.percent),
        }

    def _counters(self) -> dict[str, float]:
        disk, network = self._psutil.disk_io_counters(), self._psutil.net_io_counters()
        out: dict[str, float] = {}
        if disk is not None:
            out |= {"disk_read_bytes": disk.read_bytes, "disk_written_bytes": disk.write_bytes}
        if network is not None:
            out |= {"network_received_bytes": network.bytes_recv, "network_sent_bytes": network.bytes_sent}
        return out

    def _read_rates(self) -> dict[str, float]:
        counters, now = self._counters(), monotonic()
        seconds = max(now - self._time, 1e-3)
        before, self._before, self._time = self._before, counters, now
        out: dict[str, float] = {}
        for name, value in counters.items():
            gained = max(0.0, float(value - before.get(name, value)))  # a counter that wrapped or a device that left
            out[f"system/{name}"] = float(value)
            out[f"system/{name}_per_s"] = gained / seconds
        return out

    def _read_processes(self) -> dict[str, float]:
        """This process and all that descend from it, added up."""
        psutil = self._psutil
        known = self._processes
        own = known.get(os.getpid()) or psutil.Process()
        present = {process.pid: process for process in [own, *own.children(recursive=True)]}
        # The same objects are asked again, because a process object measures CPU time since it was last asked.
        self._processes = {pid: known[pid] if known.get(pid) == new else new for pid, new in present.items()}
        told = [reading for process in self._processes.values() if (reading := self._read_process(process))]
        cpu, memory, threads = (sum(column) for column in zip(*told, strict=True)) if told else (0.0, 0.0, 0.0)
        return {
            "system/process/cpu_percent": cpu,
            "system/process/memory_rss_bytes": memory,
            "system/process/threads": threads,
            "system/process/count": float(len(told)),
        }

    def _read_process(self, process: Any) -> tuple[float, float, float] | None:
        try:
            with process.oneshot():
                return float(process.cpu_percent()), float(process.memory_info().rss), float(process.num_threads())
        except self._psutil.Error:
            return None  # it ended in between, or belongs to somebody else


def _affinity() -> list[int]:
    """The cores that this process may run on; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
