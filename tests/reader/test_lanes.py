"""Machines, GPUs and ranks together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runlore.reader.lanes import lanes_of, resource_of
from runlore.store.points import RunPoints

S = 10**9


def points_of(readings, hosts=("a",), extras=()):
    """Readings are (key, writer, second, value)."""
    names = sorted({key for key, *_ in readings})
    ordered = sorted(readings, key=lambda reading: reading[2])
    return RunPoints(
        key=np.array([names.index(key) for key, *_ in ordered], np.uint32), names=names,
        step=np.full(len(ordered), np.nan), time_ns=np.array([time * S for _, _, time, _ in ordered], np.int64),
        value=np.array([value for *_, value in ordered], float),
        writer=np.array([writer for _, writer, *_ in ordered], np.uint32),
        writers=[f"w{index}" for index in range(len(hosts))], headers=[{"host": host} for host in hosts],
        sequence=np.arange(len(ordered), dtype=np.int64), extras=list(extras),
    )  # fmt: skip


def gpu(index):
    return f"system/gpu/{index}/utilization_percent"


def test_gpus_are_one_resource_with_a_lane_each():
    readings = [(gpu(n), 0, 100 + t, 10.0 * n + t) for n in range(3) for t in range(4)]
    (found,) = lanes_of(points_of(readings), 100 * S)
    assert found.resource == "system/gpu/*/utilization_percent"
    assert found.keys == (gpu(0), gpu(1), gpu(2))
    assert found.names == ("gpu 0", "gpu 1", "gpu 2")
    assert found.mean.tolist() == [[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]]
    assert found.low.tolist() == [0, 1, 2, 3]
    assert found.high.tolist() == [20, 21, 22, 23]
    assert found.x.tolist() == pytest.approx([0.375, 1.125, 1.875, 2.625])


def test_hosts_are_lanes_and_processes_of_one_host_are_not():
    readings = [("system/cpu_percent", writer, t, 50.0 + writer) for writer in range(4) for t in range(5)]
    (found,) = lanes_of(points_of(readings, hosts=("a", "b", "a", "b")), 0)
    assert found.names == ("a", "b")
    assert found.mean.tolist() == [[51.0] * 5, [52.0] * 5]
    (both,) = lanes_of(points_of([(gpu(n), w, t, 1.0) for n in (0, 10) for w in (0, 1) for t in (1, 2)], ("a", "b")), 0)
    assert both.names == ("a · gpu 0", "a · gpu 10", "b · gpu 0", "b · gpu 10")


def test_one_lane_is_no_comparison():
    assert lanes_of(points_of([("system/cpu_percent", 0, t, 1.0) for t in range(5)]), 0) == []
    assert (
        lanes_of(points_of([("system/cpu_percent", w, t, 1.0) for w in (0, 1) for t in range(5)], ("a", "a")), 0) == []
    )
    assert lanes_of(points_of([]), 0) == []


def test_a_spike_in_one_reading_is_kept_and_holes_are_holes():
    readings = [(gpu(n), 0, t, 5.0) for n in (0, 1) for t in range(1000) if n == 0 or t < 400]
    readings.append((gpu(1), 0, 200, 99.0))
    (found,) = lanes_of(points_of(readings), 0, most=50)
    assert found.mean.shape == (2, 50)
    assert np.nanmax(found.high) == 99
    assert np.isnan(found.mean[1][-1])
    assert not np.isnan(found.mean[0]).any()


def test_what_is_not_finite_counts_as_no_reading():
    readings = [(gpu(n), 0, t, math.nan if n else 1.0) for n in (0, 1) for t in range(3)]
    assert lanes_of(points_of(readings), 0) == []


def test_ranks_are_what_their_points_were_logged_with():
    readings = [("train/loss", writer, t, float(writer)) for writer in (0, 1, 2) for t in range(3)]
    extras = [(1, 0, {"rank": 1}), (2, 0, {"rank": 2, "stage": "x"}), (0, 0, {"rank": 0})]
    (found,) = lanes_of(points_of(readings, ("a", "a", "b"), extras), 0)
    assert found.names == ("rank 0", "rank 1", "rank 2")
    assert found.mean[:, 0].tolist() == [0, 1, 2]
    (early,) = lanes_of(points_of(readings, ("a", "a", "b"), [(1, 4, {"rank": 1}), (2, 0, {"rank": {"x": 1}})]), 0)
    assert early.names == ("no rank", "rank 1")


def test_only_devices_of_the_system_are_numbered():
    assert resource_of("system/cpu/3/percent") == "system/cpu/*/percent"
    assert resource_of("my/gpu/3/x") == "my/gpu/3/x"
