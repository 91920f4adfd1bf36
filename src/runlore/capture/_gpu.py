"""NVIDIA GPUs through nvidia-ml-py. Without the library, the driver or a device there is simply nothing to sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Gpus:
    """The GPUs of this machine. Opened when hardware is first sampled in full, which may take a second.

    Attributes:
        missing: why there are none, or None.
    """

    def __init__(self) -> None:
        self.missing: str | None = None
        self._devices: list[Any] = []
        try:
            import pynvml
        except ImportError:
            self.missing = "nvidia-ml-py is not installed"
            return
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            self._devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self.missing = f"NVML says: {error}"

    def sample(self) -> dict[str, float]:
        """One reading of each device; what a device does not tell is left out."""
        out: dict[str, float] = {}
        for index, device in enumerate(self._devices):
            prefix = f"system/gpu/{index}/"
            for read in (self._read_use, self._read_memory, self._read_heat):
                out |= {prefix + name: value for name, value in self._told(read, device).items()}
        return out

    def close(self) -> None:
        """Let go of the driver."""
        if self._devices:
            self._devices = []
            self._nvml.nvmlShutdown()

    def _told(self, read: Callable[[Any, Any], dict[str, float]], device: Any) -> dict[str, float]:
        try:
            return read(self._nvml, device)
        except self._nvml.NVMLError:
            return {}  # this model has no such sensor, or the device was lost: the other values still count

    @staticmethod
    def _read_use(nvml: Any, device: Any) -> dict[str, float]:
        use = nvml.nvmlDeviceGetUtilizationRates(device)
        return {"utilization_percent": float(use.gpu), "memory_utilization_percent": float(use.memory)}

    @staticmethod
    def _read_memory(nvml: Any, device: Any) -> dict[str, float]:
        memory = nvml.nvmlDeviceGetMemoryInfo(device)
        return {
            "memory_used_bytes": float(memory.used),
            "memory_total_bytes": float(memory.total),
            "memory_percent": 100.0 * memory.used / memory.total,
        }

    @staticmethod
    def _read_heat(nvml: Any, device: Any) -> dict[str, float]:
        return {
            "temperature_celsius": float(nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU)),
            "power_watts": nvml.nvmlDeviceGetPowerUsage(device) / 1000,
        }
