"""v1's shapes of hardware samples, made from what `runlore.capture.hardware` samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore.dialects.opsml._metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

_S = "system/"


@dataclass
class CPUMetrics:
    """Processors.

    Attributes:
        cpu_percent_avg: mean over cores since the sample before, 0 to 100.
        cpu_percent_per_core: likewise a core each; None where cores were not sampled.
        compute_overall: as `cpu_percent_avg`.
        compute_utilized: of this process and its children, up to 100 per core.
        load_avg: processes that wanted to run, over a minute.
    """

    cpu_percent_avg: float
    cpu_percent_per_core: list[float] | None = None
    compute_overall: float | None = None
    compute_utilized: float | None = None
    load_avg: float | None = None

    @classmethod
    def from_sample(cls, sample: Mapping[str, float]) -> CPUMetrics:
        """From a sample by metric key."""
        cores = sorted(
            (int(key.split("/")[2]), value)
            for key, value in sample.items()
            if key.startswith(f"{_S}cpu/") and key.endswith("/percent")
        )
        overall = sample.get(f"{_S}cpu_percent", float("nan"))
        return cls(
            overall, [value for _, value in cores] or None, overall, sample.get(f"{_S}process/cpu_percent"),
            sample.get(f"{_S}load_1min"),
        )  # fmt: skip


@dataclass
class MemoryMetrics:
    """Memory, in bytes and percent."""

    sys_ram_total: int
    sys_ram_used: int
    sys_ram_available: int
    sys_ram_percent_used: float
    sys_swap_total: int | None = None
    sys_swap_used: int | None = None
    sys_swap_free: int | None = None
    sys_swap_percent: float | None = None

    @classmethod
    def from_sample(cls, sample: Mapping[str, float]) -> MemoryMetrics:
        """From a sample by metric key."""
        total, available = (int(sample.get(f"{_S}memory_{name}_bytes", 0)) for name in ("total", "available"))
        swap_total, swap_used, swap_free = (
            None if value is None else int(value)
            for value in (sample.get(f"{_S}swap_{name}_bytes") for name in ("total", "used", "free"))
        )
        return cls(
            total, int(sample.get(f"{_S}memory_used_bytes", total - available)), available,
            sample.get(f"{_S}memory_percent", float("nan")), swap_total, swap_used, swap_free,
            sample.get(f"{_S}swap_percent"),
        )  # fmt: skip


@dataclass
class NetworkRates:
    """All network interfaces, in bytes per second since the sample before."""

    bytes_recv: float
    bytes_sent: float

    @classmethod
    def from_sample(cls, sample: Mapping[str, float]) -> NetworkRates:
        """From a sample by metric key; zero in the first one, which has none before it."""
        return cls(
            sample.get(f"{_S}network_received_bytes_per_s", 0.0), sample.get(f"{_S}network_sent_bytes_per_s", 0.0)
        )


@dataclass
class HardwareMetrics:
    """One sample of the hardware.

    Example:
        >>> sample = {"system/cpu_percent": 12.5, "system/memory_total_bytes": 1024.0}
        >>> HardwareMetrics.from_sample(sample).cpu.cpu_percent_avg
        12.5
    """

    cpu: CPUMetrics
    memory: MemoryMetrics
    network: NetworkRates
    gpu: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_sample(cls, sample: Mapping[str, float]) -> HardwareMetrics:
        """From a sample by metric key."""
        return cls(
            CPUMetrics.from_sample(sample),
            MemoryMetrics.from_sample(sample),
            NetworkRates.from_sample(sample),
            {key.removeprefix(_S): value for key, value in sample.items() if key.startswith(f"{_S}gpu")},
        )


def read_hardware(uid: str, store: Any = None) -> list[HardwareMetrics]:
    """Every sample of a run's hardware, oldest first."""
    from runlore.dialects.opsml._metrics import view_of

    view = view_of(uid, store)
    if view is None:
        return []
    data = view.data(event="metric")
    data = data[data["key"].str.startswith(_S)]
    samples = [dict(zip(part["key"], part["value"], strict=True)) for _, part in data.groupby("time", sort=True)]
    return [HardwareMetrics.from_sample(sample) for sample in samples]


__all__ = ["CPUMetrics", "HardwareMetrics", "MemoryMetrics", "Metric", "NetworkRates", "read_hardware"]
