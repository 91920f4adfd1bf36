"""Limits of control groups, in trees of files as kernels, containers and batch systems show them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runlore.capture import _cgroups
from runlore.capture._cgroups import ControlGroups, memory_metrics
from runlore.capture._psutil import Machine

MIB = 1024 * 1024
V2 = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
)
NONE_V1 = "9223372036854771712"


@pytest.fixture
def tree(tmp_path):
    """Writes files below a root; returns the groups that are seen there."""

    def make(own, mounts, files):
        for path, content in {"proc/self/cgroup": own, "proc/self/mountinfo": mounts, **files}.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        return ControlGroups(str(tmp_path))

    return make


def told(limit):
    if limit is None:
        return None
    names = (
        ("limit_bytes", "used_bytes", "cached_bytes")
        if isinstance(limit, _cgroups.Memory)
        else ("limit", "used_seconds")
    )
    return tuple(getattr(limit, name) for name in names)


def memory_v2(limit, current, inactive=0):
    return {
        "memory.max": f"{limit}\n",
        "memory.current": f"{current}\n",
        "memory.stat": f"anon 5\ninactive_file {inactive}\n",
    }


def below(directory, files):
    return {f"sys/fs/cgroup/{directory}/{name}": content for name, content in files.items()}


def test_version_2(tree):
    groups = tree("0::/job\n", V2, below("job", memory_v2(400 * MIB, 277 * MIB, 7 * MIB) | {
        "cpu.max": "150000 100000\n", "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
    }))  # fmt: skip
    assert told(groups.memory()) == (400 * MIB, 270 * MIB, 7 * MIB)
    assert told(groups.processors()) == (1.5, 2.5)


def test_version_2_inside_a_container_sees_its_group_as_the_top(tree):
    groups = tree("0::/\n", V2, below(".", memory_v2(400 * MIB, 100 * MIB) | {"cpu.max": "50000 100000\n"}))
    assert groups.memory().limit_bytes == 400 * MIB
    assert told(groups.processors()) == (0.5, None)


@pytest.mark.parametrize("smallest", ["a", "a/b", "a/b/c"])
def test_the_smallest_limit_on_the_way_up_counts(tree, smallest):
    files = {}
    for directory in ("a", "a/b", "a/b/c"):
        limit = 100 * MIB if directory == smallest else 300 * MIB
        files |= below(directory, memory_v2(limit, 40 * MIB if directory == smallest else 1))
        files |= below(directory, {"cpu.max": ("20000" if directory == smallest else "90000") + " 100000"})
    groups = tree("0::/a/b/c\n", V2, files)
    assert told(groups.memory()) == (100 * MIB, 40 * MIB, 0)
    assert groups.processors().limit == 0.2


def test_no_limit_is_none(tree):
    groups = tree(
        "0::/a/b\n", V2, below("a/b", {"memory.max": "max\n", "memory.current": "5", "cpu.max": "max 100000\n"})
    )
    assert groups.memory() is None
    assert groups.processors() is None


def test_version_1(tree):
    job = {"memory.limit_in_bytes": f"{400 * MIB}\n", "memory.usage_in_bytes": f"{300 * MIB}\n",
           "memory.stat": f"inactive_file 1\ntotal_inactive_file {20 * MIB}\n"}  # fmt: skip
    groups = tree(
        "4:memory:/slurm/job\n3:cpu,cpuacct:/slurm/job\n1:name=systemd:/x\n", V1,
        below("memory/slurm/job", job)
        | below("memory/slurm", {"memory.limit_in_bytes": NONE_V1})
        | below("memory", {"memory.limit_in_bytes": NONE_V1})
        | below("cpu,cpuacct/slurm/job", {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"})
        | below("cpu,cpuacct/slurm", {"cpu.cfs_quota_us": "250000", "cpu.cfs_period_us": "100000",
                                      "cpuacct.usage": "3000000000"}),
    )  # fmt: skip
    assert told(groups.memory()) == (400 * MIB, 280 * MIB, 20 * MIB)
    assert told(groups.processors()) == (2.5, 3.0)


def test_version_1_without_a_limit(tree):
    groups = tree("4:memory:/\n3:cpu,cpuacct:/\n", V1, below("memory", {"memory.limit_in_bytes": NONE_V1}))
    assert groups.memory() is None
    assert groups.processors() is None


def test_version_1_in_a_container_that_has_only_its_own_group_mounted(tree):
    mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    groups = tree("4:memory:/docker/abc\n", mounts, below("memory", {"memory.limit_in_bytes": str(64 * MIB)}))
    assert groups.memory().limit_bytes == 64 * MIB


def test_a_path_that_leads_out_of_what_is_mounted_does_not_leave_it(tree, tmp_path):
    groups = tree("0::/../../other\n", V2, below(".", memory_v2(64 * MIB, 1)))
    assert groups.memory().limit_bytes == 64 * MIB
    assert all(path.startswith(str(tmp_path / "sys")) for path in groups._groups[""])


def test_both_versions_at_once(tree):
    groups = tree(
        "4:memory:/job\n0::/user.slice\n",
        V1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        below("memory/job", {"memory.limit_in_bytes": str(64 * MIB), "memory.usage_in_bytes": str(8 * MIB)})
        | below("unified/user.slice", {"cpu.max": "100000 100000"}),
    )
    assert told(groups.memory()) == (64 * MIB, 8 * MIB, 0)
    assert groups.processors().limit == 1.0


def test_mount_points_with_spaces(tree):
    mounts = "35 24 0:30 / /my\\040groups rw - cgroup2 cgroup2 rw\n"
    groups = tree("0::/a\n", mounts, {"my groups/a/memory.max": str(MIB)})
    assert groups.memory().limit_bytes == MIB


@pytest.mark.parametrize("text", ["", "garbage", "::\n:\n", "0::/a\0b\n", "9" * 100 + ":x:y"])
def test_damaged_tables_are_no_limit(tree, text):
    groups = tree(text, text, {})
    assert groups.memory() is None
    assert groups.processors() is None


@pytest.mark.parametrize("text", ["", "many", "-5", "0 0", "5 0", "\x00"])
def test_damaged_limits_are_none(tree, text):
    groups = tree("0::/a\n", V2, below("a", {"cpu.max": text, "memory.max": text if text != "-5" else "max"}))
    assert groups.processors() is None
    assert groups.memory() is None


def test_percent_and_total_are_of_the_limit():
    machine = {"total_bytes": 25_000 * MIB, "used_bytes": 6_000 * MIB, "available_bytes": 19_000 * MIB,
               "free_bytes": 18_000 * MIB}  # fmt: skip
    limited = memory_metrics(machine, _cgroups.Memory(400 * MIB, 277 * MIB, 3 * MIB))
    assert limited == {
        "system/memory_total_bytes": 400.0 * MIB, "system/memory_used_bytes": 277.0 * MIB,
        "system/memory_available_bytes": 123.0 * MIB, "system/memory_free_bytes": 120.0 * MIB,
        "system/memory_percent": 69.25,
    }  # fmt: skip
    unlimited = memory_metrics(machine, _cgroups.Memory(30_000 * MIB, 277 * MIB, 0))
    assert unlimited["system/memory_total_bytes"] == 25_000.0 * MIB
    assert unlimited["system/memory_percent"] == 24.0


def test_processor_percent_is_of_the_quota(tree, monkeypatch):
    group = below("job", {"cpu.max": "50000 100000", "cpu.stat": "usage_usec 1000000"})
    groups = tree("0::/job\n", V2, group)
    machine = Machine(groups=lambda: groups)
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("runlore.capture._psutil.monotonic", lambda: next(clock))
    machine._cpu_percent(0.0, [50.0, 50.0])
    tree("0::/job\n", V2, below("job", {"cpu.stat": "usage_usec 3500000"}))  # 2.5 of the 5 seconds that are allowed
    sample = machine._cpu_percent(0.0, [50.0, 50.0])
    assert sample == {"system/cpu_percent": 50.0, "system/cpu_count": 0.5}


def test_without_an_account_of_the_group_the_process_tree_stands_in(tree):
    groups = tree("0::/job\n", V2, below("job", {"cpu.max": "50000 100000"}))
    sample = Machine(groups=lambda: groups)._cpu_percent(40.0, [10.0, 10.0])
    assert sample == {"system/cpu_percent": 80.0, "system/cpu_count": 0.5}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_affinity_counts_as_a_limit():
    program = (
        "import os; os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})\n"
        "from runlore.capture.hardware import HardwareSampler; s = HardwareSampler(None).sample()\n"
        "print(s['system/cpu_count'], 0 <= s['system/cpu_percent'] <= 100)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "1.0 True\n"


@pytest.fixture
def memory_group():
    """A real group below our own, with a limit of 400 MiB."""
    own = ControlGroups()
    directories = own._groups.get("memory") or own._groups.get("") or ()
    if not directories:
        pytest.skip("there are no control groups here")
    directory = os.path.join(directories[0], f"runlore-test-{os.getpid()}")
    try:
        os.mkdir(directory)
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    try:
        names = [name for name in ("memory.max", "memory.limit_in_bytes") if os.path.exists(f"{directory}/{name}")]
        if not names:
            pytest.skip("the memory controller is not given to us")
        with open(f"{directory}/{names[0]}", "w") as file:
            file.write(str(400 * MIB))
        yield directory
    finally:
        os.rmdir(directory)


def test_a_real_group(memory_group):
    program = (
        "import os, sys\n"
        f"open({memory_group + '/cgroup.procs'!r}, 'w').write(str(os.getpid()))\n"
        "from runlore.capture.hardware import HardwareSampler, quick_sample\n"
        "data = b'x' * 200_000_000\n"
        "for sample in (quick_sample(), HardwareSampler(None).sample()):\n"
        "    print(sample['system/memory_total_bytes'], 45 < sample['system/memory_percent'] < 75,\n"
        "          190e6 < sample['system/memory_used_bytes'] < 300e6)"
    )
    told = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert told == f"{400.0 * MIB} True True\n" * 2
