"""Where and how this ran: Python, packages, arguments, script, machine, allowed environment variables.

At the start only what costs microseconds is recorded, without importing anything. The list of packages follows after a
second on the shared thread, or at the end of a shorter run.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runlore.capture import secrets
from runlore.capture._cgroups import control_groups
from runlore.capture._job import Job

if TYPE_CHECKING:
    from runlore.capture import Sink

GRACE_SECONDS = 1.0
STOP_SECONDS = 10.0

ALLOWED_VARIABLES = frozenset(
    {
        "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "CUBLAS_WORKSPACE_CONFIG", "DISPLAY", "GROUP_RANK", "HF_DATASETS_OFFLINE",
        "HF_HUB_OFFLINE", "HIP_VISIBLE_DEVICES", "KERAS_BACKEND", "LANG", "LC_ALL", "LD_PRELOAD", "LOCAL_RANK",
        "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONPATH", "PYTORCH_CUDA_ALLOC_CONF", "RANK", "ROCR_VISIBLE_DEVICES",
        "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_CPUS_PER_TASK", "SLURM_GPUS", "SLURM_JOB_ID",
        "SLURM_JOB_NAME", "SLURM_JOB_NODELIST", "SLURM_JOB_PARTITION", "SLURM_NNODES", "SLURM_NODEID", "SLURM_NTASKS",
        "SLURM_PROCID", "TOKENIZERS_PARALLELISM", "TRANSFORMERS_OFFLINE", "TZ", "VECLIB_MAXIMUM_THREADS", "VIRTUAL_ENV",
        "WORLD_SIZE", "XLA_FLAGS",
    }
)  # fmt: skip
"""Environment variables that are recorded, besides those with an allowed prefix. Others never are."""

ALLOWED_PREFIXES = ("CUDA_", "CUDNN_", "JAX_", "KMP_", "MKL_", "NCCL_", "NVIDIA_", "OMP_", "TF_", "TORCH_", "TPU_")


class EnvironmentCapture:
    """Records the environment as two `capture` events with the key `environment`: `facts`, then `packages`.

    Args:
        sink: where it is recorded.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._packages = Job(sink, "environment", self._record_packages, "the list of packages")
        self._pid = os.getpid()

    def start(self) -> None:
        """Record the facts; arrange for the packages."""
        self._packages.start(GRACE_SECONDS)
        self._sink.event("capture", "environment", facts())

    def stop(self) -> None:
        """Record the packages, unless they are. Idempotent; nothing in a forked child."""
        if self._pid == os.getpid():
            self._packages.finish(STOP_SECONDS)

    def _record_packages(self) -> None:
        from runlore.capture._packages import installed_packages

        self._sink.event("capture", "environment", {"packages": installed_packages()})


def facts() -> dict[str, Any]:
    """All that is known without importing anything or starting a process. Secrets are masked.

    Example:
        >>> facts()["python"]["implementation"]
        'CPython'
    """
    uname = os.uname()
    return {
        "python": {
            "version": "{}.{}.{}".format(*sys.version_info[:3]),
            "build": sys.version,
            "implementation": _implementation(),
            "executable": sys.executable,
            "prefix": sys.prefix,
        },
        "argv": list(_redacted(tuple(sys.argv))),
        "command": list(_redacted(tuple(sys.orig_argv))),
        **script(),
        "working_directory": _working_directory(),
        "user": user_name(),
        "host": uname.nodename,
        "pid": os.getpid(),
        "platform": {
            "system": uname.sysname,
            "node": uname.nodename,
            "release": uname.release,
            "version": uname.version,
            "machine": uname.machine,
            "processor": cpu_model(),
        },
        "cpu": _cpu(),
        "memory": _memory(),
        "gpus": gpus(),
        "variables": allowed_variables(),
    }


def system_snapshot() -> dict[str, Any]:
    """What `log_system` records: the keys of omega-ml's `log_system`, and more.

    Returns:
        `platform` (the fields of `platform.uname()`), `python` such as `CPython-3.11.7`, `packages` as sorted
        `Name==version`, and `cpu`, `memory`, `gpus`, `user`, `host`, `executable`.

    Example:
        >>> snapshot = system_snapshot()
        >>> sorted(snapshot["platform"])
        ['machine', 'node', 'processor', 'release', 'system', 'version']
        >>> snapshot["python"].startswith("CPython-3.")
        True
    """
    from runlore.capture._packages import installed_packages

    known = facts()
    python = known["python"]
    return {
        "platform": known["platform"],
        "python": f"{python['implementation']}-{python['version']}",
        "packages": installed_packages(),
        "executable": python["executable"],
        "cpu": known["cpu"],
        "memory": known["memory"],
        "gpus": known["gpus"],
        "user": known["user"],
        "host": known["host"],
    }


def script() -> dict[str, Any]:
    """The user's program: `script` (absolute path), `module` when it was started with `-m`, or `notebook`.

    A notebook's value is its path where the server tells it, else True. An interactive session has none of them.
    """
    main = sys.modules.get("__main__")
    if "ipykernel" in sys.modules and "IPython" in sys.modules:
        told = getattr(main, "__vsc_ipynb_file__", None) or os.environ.get("JPY_SESSION_NAME")
        return {"script": None, "notebook": told or True}
    path = getattr(main, "__file__", None)
    out: dict[str, Any] = {"script": os.path.abspath(path) if path else None}
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        out["module"] = spec.name.removesuffix(".__main__")
    return out


def user_name() -> str:
    """The name of the user who runs this: from the environment, the user database, or else the number."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        name = os.environ.get(variable)
        if name:
            return name
    return _name_of(os.getuid())


def allowed_variables() -> dict[str, str]:
    """The environment variables that may be recorded, with values that look like secrets masked."""
    names = [name for name in os.environ if name in ALLOWED_VARIABLES or name.startswith(ALLOWED_PREFIXES)]
    return {name: _redacted_value(name, os.environ[name]) for name in sorted(names)}


@lru_cache(1)
def cpu_model() -> str:
    """The processor's name, from the first lines of `/proc/cpuinfo`, or empty."""
    try:
        with open("/proc/cpuinfo", "rb") as file:
            head = file.read(2048).decode("utf-8", "replace")
    except (FileNotFoundError, PermissionError):
        return ""  # not Linux
    names = [line.partition(":")[2].strip() for line in head.splitlines() if line.startswith(("model name", "Model"))]
    return names[0] if names else ""


def memory_total_bytes() -> int | None:
    """The machine's physical memory, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def gpus() -> list[str]:
    """The models of the NVIDIA GPUs, as their driver lists them in `/proc`, one per device."""
    return list(_gpus())


@lru_cache(1)
def _gpus() -> list[str]:
    root = "/proc/driver/nvidia/gpus"
    models = []
    try:
        for device in sorted(os.listdir(root)):
            with open(os.path.join(root, device, "information"), encoding="utf-8") as file:
                models += [line.partition(":")[2].strip() for line in file if line.startswith("Model:")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return models  # no driver, no device
    return models


@lru_cache(256)
def _redacted_value(name: str, value: str) -> str:
    return secrets.redact_value(name, value)


@lru_cache(4)
def _redacted(arguments: tuple[str, ...]) -> list[str]:
    return secrets.redact_arguments(arguments)


@lru_cache(4)
def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)  # containers run with numbers that no database knows


def _cpu() -> dict[str, Any]:
    """`count` of the machine, `usable_count` of this process, and the `limit` of its control group if there is one."""
    limited = control_groups().processors()
    about = {"model": cpu_model(), "count": os.cpu_count(), "usable_count": _usable_cpus()}
    return about if limited is None else {**about, "limit": limited.limit}


def _memory() -> dict[str, Any]:
    """`total_bytes` of the machine, and the `limit_bytes` of this process's control group if there is one."""
    limited = control_groups().memory()
    total = {"total_bytes": memory_total_bytes()}
    return total if limited is None else {**total, "limit_bytes": limited.limit_bytes}


def _implementation() -> str:
    return {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None  # it was removed under the program


def _usable_cpus() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
