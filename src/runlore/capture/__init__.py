"""Capture: what is recorded about a run without being asked for. Each of the five can be switched off.

| name | records | default |
| --- | --- | --- |
| `git` | commit, branch, remote, changed files, the diff | on |
| `environment` | Python, packages, arguments, machine, allowed environment variables | on |
| `console` | stdout and stderr of this process and its children, `logging` records | on |
| `hardware` | CPU, memory, disk, network, processes and GPUs, every 10 s | on |
| `code` | the calling script, or a directory | off |

Facts are recorded as events of the kind `capture` whose key is the name and whose value is an object; a later object of
the same key adds to the earlier ones. Console lines are events of the kind `log`, hardware is metrics under `system/`.
A capture that fails never reaches the training script: it is an event too, `{"error": ...}`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.capture.reporting import report_failure
from runlore.capture.settings import CAPTURES, check_interval, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runlore.capture.reporting import Capture, Sink
    from runlore.capture.settings import Setting

__all__ = ["CAPTURES", "Captures", "check_interval", "resolve"]


class Captures:
    """The captures of one run. This is the one place where their failures are said.

    Args:
        sink: the run.
        settings: from `resolve`.
        exclude: absolute paths that are neither code nor changes: the store.
    """

    def __init__(self, sink: Sink, settings: Mapping[str, Setting], exclude: tuple[str, ...] = ()) -> None:
        self._sink = sink
        self._settings = settings
        self._exclude = exclude
        self._running: list[tuple[str, Capture]] = []
        self._pid = os.getpid()

    def start(self) -> None:
        """Start what is switched on. Takes a few milliseconds; what is dear happens later."""
        for name in CAPTURES:
            setting = self._settings.get(name, False)
            if setting is not False:
                self._guard(name, lambda name=name, setting=setting: self._begin(name, setting))  # type: ignore[misc]

    def stop(self) -> None:
        """Stop all in the opposite order, at most a few seconds each. Idempotent; nothing happens in a forked child."""
        if os.getpid() != self._pid:
            return
        while self._running:
            name, capture = self._running.pop()
            self._guard(name, capture.stop)

    def _begin(self, name: str, setting: Setting) -> None:
        capture = self._make(name, setting)
        self._running.append((name, capture))
        capture.start()

    def _make(self, name: str, setting: Setting) -> Capture:
        if name == "git":
            from runlore.capture.git import GitCapture

            return GitCapture(self._sink, exclude=self._exclude)
        if name == "environment":
            from runlore.capture.environment import EnvironmentCapture

            return EnvironmentCapture(self._sink)
        if name == "console":
            from runlore.capture.console import ConsoleCapture

            return ConsoleCapture(self._sink)
        if name == "hardware":
            from runlore.capture.hardware import DEFAULT_INTERVAL_S, HardwareSampler

            return HardwareSampler(self._sink, DEFAULT_INTERVAL_S if setting is True else float(setting))
        from runlore.capture.code import CodeCapture

        return CodeCapture(self._sink, None if setting is True else str(setting), exclude=self._exclude)

    def _guard(self, name: str, function: Callable[[], None]) -> None:
        """Run a capture's part; a failure becomes an event of the run, and never reaches the training script."""
        report_failure(self._sink, name, function)
