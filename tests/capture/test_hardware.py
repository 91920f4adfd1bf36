from __future__ import annotations

import os
import subprocess
import sys
import time
import types

import psutil
import pytest
from recording import RecordingSink

from runlore.capture import _gpu, hardware, resolve
from runlore.capture.hardware import HardwareSampler, quick_sample
from runlore.errors import InvalidArgument

FULL = {
    "system/cpu_percent", "system/load_1min", "system/memory_used_bytes", "system/memory_percent",
    "system/swap_total_bytes", "system/disk_used_bytes", "system/disk_percent", "system/network_received_bytes",
    "system/network_sent_bytes_per_s", "system/process/cpu_percent", "system/process/memory_rss_bytes",
    "system/process/count",
}  # fmt: skip


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr(hardware, "GRACE_SECONDS", 0.02)
    monkeypatch.setattr(hardware, "BASELINE_SECONDS", 0.02)


def test_the_first_sample_is_there_at_once(sink):
    sampler = HardwareSampler(sink)
    sampler.start()
    assert len(sink.samples) == 1
    assert sink.samples[0]["system/memory_total_bytes"] == psutil.virtual_memory().total
    sampler.stop()


def test_the_first_sample_agrees_with_psutil():
    quick = quick_sample("/")
    assert quick["system/memory_available_bytes"] == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    assert quick["system/process/memory_rss_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert quick["system/disk_total_bytes"] == pytest.approx(psutil.disk_usage("/").total, rel=0.01)


@pytest.mark.usefixtures("_quick")
def test_a_run_that_goes_on_gets_full_samples(sink):
    sampler = HardwareSampler(sink)
    sampler.start()
    sink.wait_for(lambda: len(sink.samples) == 2)
    assert set(sink.samples[1]) >= FULL
    assert all(isinstance(value, float) for sample in sink.samples for value in sample.values())
    sampler.stop()
    assert sink.events == []


@pytest.mark.usefixtures("_quick")
def test_samples_follow_at_the_interval(sink, monkeypatch):
    sampler = HardwareSampler(sink)
    sampler.interval_s = 0.05
    sampler.start()
    sink.wait_for(lambda: len(sink.samples) >= 5)
    sampler.stop()
    count = len(sink.samples)
    time.sleep(0.15)
    assert len(sink.samples) == count


@pytest.mark.usefixtures("_quick")
def test_a_last_sample_is_taken_at_the_end(sink):
    sampler = HardwareSampler(sink, 3600)
    sampler.start()
    sink.wait_for(lambda: len(sink.samples) == 2)
    time.sleep(0.05)
    sampler.stop()
    sampler.stop()
    assert len(sink.samples) == 3


@pytest.mark.usefixtures("_quick")
def test_a_driver_that_hangs_is_not_waited_for(sink, monkeypatch):
    monkeypatch.setattr(hardware, "STOP_SECONDS", 0.05)
    sampler = HardwareSampler(sink, 3600)
    sampler.start()
    sink.wait_for(lambda: len(sink.samples) == 2)
    monkeypatch.setattr(sampler, "_read", lambda: time.sleep(0.2) or {})
    time.sleep(0.03)
    sampler.stop()
    assert len(sink.samples) == 2


@pytest.mark.usefixtures("_quick")
def test_a_failure_is_an_event(sink, monkeypatch):
    monkeypatch.setattr(HardwareSampler, "_read", lambda _self: 1 / 0)
    sampler = HardwareSampler(sink, 3600)
    sampler.start()
    sink.wait_for(lambda: sink.events)
    assert "ZeroDivisionError" in sink.facts("hardware")["error"]
    sampler.stop()


@pytest.mark.parametrize("interval", [0, 0.99, -1, float("nan"), float("inf")])
def test_an_interval_below_a_second_is_refused(interval):
    with pytest.raises(InvalidArgument, match="1 s or more"):
        HardwareSampler(None, interval)


def test_the_process_tree_counts(tmp_path):
    sampler = HardwareSampler(None)
    before = sampler.sample()
    program = "import time; data = bytearray(60_000_000); print(1, flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    child.stdout.readline()
    after = sampler.sample()
    child.kill()
    child.communicate()
    assert after["system/process/count"] == before["system/process/count"] + 1
    assert after["system/process/memory_rss_bytes"] - before["system/process/memory_rss_bytes"] > 50e6


def test_each_core_when_asked():
    sample = HardwareSampler(None, per_core=True).sample()
    assert {f"system/cpu/{index}/percent" for index in range(os.cpu_count())} <= set(sample)
    assert "system/cpu/0/percent" not in HardwareSampler(None).sample()


def test_without_a_gpu_there_is_a_reason():
    gpus = _gpu.Gpus()
    if gpus.missing is None:
        assert gpus.sample()["system/gpu/0/memory_total_bytes"] > 0
    else:
        assert gpus.sample() == {}
    gpus.close()


def test_without_the_library_there_is_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert _gpu.Gpus().missing == "nvidia-ml-py is not installed"


def test_two_devices_one_of_them_without_a_power_sensor(monkeypatch):
    nvml = types.ModuleType("pynvml")
    nvml.NVMLError = type("NVMLError", (Exception,), {})
    nvml.NVML_TEMPERATURE_GPU = 0
    nvml.nvmlInit = nvml.nvmlShutdown = lambda: None
    nvml.nvmlDeviceGetCount = lambda: 2
    nvml.nvmlDeviceGetHandleByIndex = lambda index: index
    nvml.nvmlDeviceGetUtilizationRates = lambda device: types.SimpleNamespace(gpu=50 + device, memory=7)
    nvml.nvmlDeviceGetMemoryInfo = lambda _device: types.SimpleNamespace(used=2**30, total=2**32)
    nvml.nvmlDeviceGetTemperature = lambda _device, _sensor: 61

    def power(device):
        if device == 1:
            raise nvml.NVMLError("not supported")
        return 250_500

    nvml.nvmlDeviceGetPowerUsage = power
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    gpus = _gpu.Gpus()
    sample = gpus.sample()
    assert sample["system/gpu/0/power_watts"] == 250.5
    assert sample["system/gpu/0/temperature_celsius"] == 61
    assert sample["system/gpu/1/utilization_percent"] == 51
    assert sample["system/gpu/1/memory_percent"] == 25
    assert "system/gpu/1/power_watts" not in sample
    gpus.close()
    assert gpus.sample() == {}


def test_a_forked_child_leaves_the_sampler_alone():
    sink = RecordingSink()
    sampler = HardwareSampler(sink)
    sampler.start()
    child = os.fork()
    if child == 0:
        sampler.stop()
        os._exit(0 if sampler._task is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert sampler._task is not None
    sampler.stop()


def test_the_start_imports_nothing_dear():
    source = os.path.dirname(os.path.dirname(os.path.dirname(hardware.__file__)))
    program = (
        f"import sys; sys.path.insert(0, {source!r})\n"
        "from runlore.capture.hardware import HardwareSampler\n"
        "class Sink:\n    def metrics(self, values): self.values = values\n"
        "s = HardwareSampler(Sink()); s.start(); s.stop()\n"
        "assert s._sink.values\n"
        "print(sorted({'psutil', 'pynvml', 'subprocess', 'socket', 'ctypes'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-I", "-S", "-c", program], text=True).strip() == "[]"


def test_a_whole_start_has_rates_and_cores_in_its_first_sample(sink):
    sampler = HardwareSampler(sink, 60, per_core=True, whole_start=True)
    sampler.start()
    sampler.stop()
    first = sink.samples[0]
    assert 0 <= first["system/cpu_percent"] <= 100
    assert "system/cpu/0/percent" in first
    assert len(sink.samples) == 1


@pytest.mark.parametrize(
    "setting",
    [{"interval": 3}, {"per_core": 1}, {"whole_start": "yes"}, {"interval_s": 0}, {"interval_s": "often"}, {1: True}],
)
def test_a_setting_of_the_hardware_that_is_none_is_refused(setting):
    with pytest.raises(InvalidArgument, match=str(next(iter(setting.values())))):
        resolve({"hardware": setting})
    assert resolve({"hardware": {"interval_s": 3, "per_core": True}})["hardware"] == {
        "interval_s": 3.0,
        "per_core": True,
    }
