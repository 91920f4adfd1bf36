"""Provider `profiling`: how busy the machine is in a `with` block, as omega-ml's nine `profile` rows a sample."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore.capture.hardware import HardwareSampler
from runlore.dialects.omegaml.tracker import SimpleTracker
from runlore.errors import InvalidArgument, RunloreError

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS = (
    "profile_dt", "memory_load", "memory_total", "cpu_load", "cpu_count", "cpu_freq", "cpu_avg", "disk_use",
    "disk_total",
)  # fmt: skip
"""What a sample consists of. Loads and use in percent, totals in bytes, frequencies in MHz; `cpu_load` and `cpu_freq`
are lists with an entry a core, `cpu_avg` the load averages of 1, 5 and 15 minutes, divided by the number of cores."""
DEFAULT_INTERVAL_S = 10.0


class Profiler:
    """Samples the hardware in one thread.

    Attributes:
        metrics: which of `METRICS` are taken.
    """

    def __init__(self, tracker: SimpleTracker, interval: float = DEFAULT_INTERVAL_S) -> None:
        self.metrics: tuple[str, ...] = METRICS
        self._tracker = tracker
        self._sampler = HardwareSampler(None, per_core=True)
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._step = 0
        self.interval = interval

    @property
    def interval(self) -> float:
        """Seconds between samples, more than 0. A change counts at once, in the same thread."""
        return self._interval_s

    @interval.setter
    def interval(self, seconds: float) -> None:
        if not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
            raise InvalidArgument(f"interval={seconds!r} must be a number of seconds, more than 0")
        self._interval_s = float(seconds)
        self._changed.set()

    def start(self) -> None:
        """Take a sample, and go on until `stop`. A second call does nothing."""
        if self._thread is None:
            self._ended.clear()
            self.log(self.sample())
            self._thread = threading.Thread(target=self._work, name="runlore-profiling", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for it."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ended.set()
            self._changed.set()
            thread.join()

    def sample(self) -> dict[str, Any]:
        """One sample, by the names of `METRICS`."""
        values = self._sampler.sample()
        cores = sum(name.startswith("system/cpu/") and name.endswith("/percent") for name in values)
        loads = [values[f"system/load_{minutes}min"] / cores for minutes in (1, 5, 15)]
        taken: dict[str, Any] = {
            "profile_dt": datetime.now(timezone.utc).isoformat(),
            "memory_load": values["system/memory_percent"],
            "memory_total": values["system/memory_total_bytes"],
            "cpu_load": _per_core(values, "percent", cores),
            "cpu_count": cores,
            "cpu_freq": _per_core(values, "frequency_mhz", cores),
            "cpu_avg": loads,
            "disk_use": values["system/disk_percent"],
            "disk_total": values["system/disk_total_bytes"],
        }
        return {name: taken[name] for name in self.metrics}

    def log(self, sample: Mapping[str, Any]) -> None:
        """Log a sample: one `profile` row a metric, all with the same step."""
        time = datetime.now(timezone.utc)
        for name, value in sample.items():
            self._tracker.log_event("profile", name, value, step=self._step, dt=time)
        self._step += 1

    def _work(self) -> None:
        while True:
            self._changed.clear()
            if self._ended.is_set():
                return
            if self._changed.wait(self._interval_s):
                continue  # another interval, or the end
            try:
                self.log(self.sample())
            except RunloreError:
                return  # the run was ended under the profiler: there is nothing left to log into


def _per_core(values: Mapping[str, float], name: str, cores: int) -> list[float]:
    found = [values.get(f"system/cpu/{core}/{name}") for core in range(cores)]
    return [value for value in found if value is not None]


class ProfilingTracker(SimpleTracker):
    """A `SimpleTracker` that profiles every `with` block. `exp.profiler.interval` and `.metrics` can be set."""

    def __init__(self, experiment: str = "default", **options: Any) -> None:
        super().__init__(experiment, **options)
        self.profiler = Profiler(self)

    def start_runtime(self) -> None:
        """Begin to profile."""
        self.profiler.start()

    def stop_runtime(self) -> None:
        """End it."""
        self.profiler.stop()

    def log_profile(self, data: Mapping[str, Any]) -> None:
        """Log a sample: a `profile` row a metric."""
        self.profiler.log(data)
