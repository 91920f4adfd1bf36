"""Where an experiment runs, and which script started it."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from runlore._version import __version__
from runlore.capture.environment import memory_total_bytes

if TYPE_CHECKING:
    from types import FrameType


def about_card(*, subexperiment: bool) -> dict[str, Any]:
    """What the card of an experiment says of where it runs."""
    return {
        "subexperiment": subexperiment,
        "app_env": os.environ.get("APP_ENV", "dev_env"),
        "opsml_version": __version__,
        "compute_environment": {
            "cpu_count": os.cpu_count(),
            "total_memory": memory_total_bytes(),
            "total_swap": _swap_total_bytes(),
            "system": platform.system(),
            "os_version": platform.release(),
            "hostname": platform.node(),
            "python_version": platform.python_version(),
        },
    }


def _swap_total_bytes() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("SwapTotal:")), None)
    except OSError:
        return None  # not Linux: nothing is said


def caller() -> str | None:
    """The file of whoever called the dialect; None in a notebook or at a prompt."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the documented way to the caller
    while frame is not None:
        if not str(frame.f_globals.get("__name__", "")).startswith("runlore.dialects"):
            path = str(frame.f_globals.get("__file__") or frame.f_code.co_filename)
            return os.path.abspath(path) if os.path.isfile(path) else None
        frame = frame.f_back
    return None
