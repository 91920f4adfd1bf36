"""CPU, memory, disk, network, processes and NVIDIA GPUs as metrics under `system/`, while a run lasts.

The first sample is taken at once, from `/proc` and without importing anything; it holds what needs no second reading.
A run that is still alive after a second gets a full sample then (psutil and NVML are imported on the shared thread only
now), and further ones at every interval, and one at its end.
"""

from __future__ import annotations

import os
import threading
from time import monotonic
from typing import TYPE_CHECKING

from runlore.capture import _worker
from runlore.capture._cgroups import control_groups, memory_metrics
from runlore.capture._intervals import check_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture import Sink
    from runlore.capture._gpu import Gpus
    from runlore.capture._psutil import Machine

DEFAULT_INTERVAL_S = 10.0
GRACE_SECONDS = 1.0
STOP_SECONDS = 0.4
BASELINE_SECONDS = 0.1


class HardwareSampler:
    """Samples the hardware into a sink until stopped.

    Units are in the names: `_percent` (0 to 100; of a process tree up to 100 per core), `_bytes`, `_per_s`, `_celsius`,
    `_watts`, `_mhz`. Rates and CPU percentages are means since the sample before.

    `system/memory_*`, `system/cpu_percent` and `system/cpu_count` are about what this process may use: where a control
    group (a container, a batch job) limits memory or processors, or the affinity of the process does, about that limit.

    Args:
        sink: receives `metrics`.
        interval_s: seconds between samples, at least 1.
        per_core: sample each core too, as `system/cpu/0/percent`.
        whole_start: take a whole first sample, with rates over 0.1 s, instead of a quick one.
        disk_path: the file system whose use is sampled; None: that of the working directory.

    Raises:
        InvalidArgument: the interval is shorter than a second, or no number.

    Example:
        >>> from runlore.capture.hardware import HardwareSampler
        >>> sampler = HardwareSampler(sink=None, interval_s=5)
        >>> sampler.sample()["system/memory_total_bytes"] > 0
        True
    """

    def __init__(
        self,
        sink: Sink | None,
        interval_s: float = DEFAULT_INTERVAL_S,
        *,
        per_core: bool = False,
        whole_start: bool = False,
        disk_path: str | None = None,
    ) -> None:
        self.interval_s = check_interval(interval_s)
        self._sink = sink
        self._per_core = per_core
        self._whole_start = whole_start
        self._disk_path = disk_path
        self._readers: tuple[Machine, Gpus] | None = None
        self._task: _worker.Task | None = None
        self._started = self._sampled = 0.0
        self._said: set[str] = set()
        self._pid = os.getpid()

    def start(self) -> None:
        """Take the first sample, and arrange for the next."""
        self._started = self._sampled = monotonic()
        if self._sink is not None:
            first = self.sample() if self._whole_start else quick_sample(self._disk_path or os.curdir)
            if first:
                self._sink.metrics(first)
        self._task = _worker.call_after(self.interval_s if self._whole_start else GRACE_SECONDS, self._on_time)

    def stop(self) -> None:
        """Take a last sample if a second has passed since the one before, and end. Idempotent; ends within a second.

        When the hardware's driver hangs, the last sample is left out rather than waited for, which is recorded. In a
        forked child nothing happens.
        """
        task, self._task = self._task, None
        if task is None or self._pid != os.getpid():
            return
        is_due = self._readers is not None and monotonic() - self._sampled >= GRACE_SECONDS
        if not task.cancel(STOP_SECONDS) or (is_due and not self._sample_in_time()):
            self._say(
                f"reading the hardware took longer than {STOP_SECONDS:g} s at the end: the last sample is missing"
            )
        elif self._readers is not None:
            self._readers[1].close()

    def sample(self) -> dict[str, float]:
        """A full reading now, by metric key. Rates are means since the last call, the first time over 0.1 s."""
        if self._readers is None:
            from time import sleep

            self._open()
            sleep(BASELINE_SECONDS)
        return self._read()

    def _open(self) -> tuple[Machine, Gpus]:
        if self._readers is None:
            from runlore.capture._gpu import Gpus
            from runlore.capture._psutil import Machine

            machine = Machine(per_core=self._per_core, disk_path=self._disk_path or os.curdir)
            self._readers = (machine, Gpus())
        return self._readers

    def _read(self) -> dict[str, float]:
        machine, gpus = self._open()
        self._sampled = monotonic()
        return machine.read() | gpus.sample()

    def _on_time(self) -> None:
        """On the shared thread: open the readers, or sample; then arrange for the next time."""
        task, sink = self._task, self._sink
        if task is None or sink is None:
            return
        if self._readers is None:
            self._try(self._open)
            due = monotonic() + BASELINE_SECONDS
        else:
            self._try(self._record)
            due = self._started + self.interval_s
            due += max(0.0, (monotonic() - due) // self.interval_s + 1) * self.interval_s
        task.again(due)

    def _record(self) -> None:
        if self._sink is not None:
            self._sink.metrics(self._read())

    def _try(self, function: Callable[[], object]) -> None:
        """Call the function; say what fails, the same failure once, however often it happens."""
        try:
            function()
        except Exception as error:  # noqa: BLE001 - whatever a driver does, training goes on and the run says so
            self._say(f"{type(error).__name__}: {error}")

    def _say(self, problem: str) -> None:
        if self._sink is not None and problem not in self._said:
            self._said.add(problem)
            self._sink.event("capture", "hardware", {"error": problem})

    def _sample_in_time(self) -> bool:
        """Take one more sample on the shared thread; whether that ended in time."""
        done = threading.Event()

        def record() -> None:
            self._try(self._record)
            done.set()

        try:
            _worker.call_after(0, record)
        except (OSError, RuntimeError):
            record()  # there is no thread to be had any more
        return done.wait(STOP_SECONDS)


def quick_sample(disk_path: str = os.curdir) -> dict[str, float]:
    """What `/proc` tells in a fraction of a millisecond, without imports; empty where there is no `/proc`.

    Example:
        >>> quick_sample()["system/load_1min"] >= 0
        True
    """
    try:
        with open("/proc/meminfo", "rb", buffering=0) as file:
            fields = dict(line.split()[:2] for line in file.read(4096).split(b"\n", 3)[:3])
        with open("/proc/self/statm", "rb", buffering=0) as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        disk = os.statvfs(disk_path)
    except (FileNotFoundError, PermissionError):
        return {}  # not Linux: the full sample follows after a second
    total, free = int(fields[b"MemTotal:"]) * 1024, int(fields[b"MemFree:"]) * 1024
    available = int(fields.get(b"MemAvailable:", fields[b"MemFree:"])) * 1024
    memory = {"total_bytes": total, "available_bytes": available, "free_bytes": free}
    return {
        **memory_metrics(memory, control_groups().memory()),
        "system/disk_total_bytes": float(disk.f_blocks * disk.f_frsize),
        "system/disk_free_bytes": float(disk.f_bavail * disk.f_frsize),
        "system/load_1min": os.getloadavg()[0],
        "system/process/memory_rss_bytes": float(resident),
    }
