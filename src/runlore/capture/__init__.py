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
from typing import TYPE_CHECKING, Any

from runlore.capture._failures import report_failure
from runlore.capture._intervals import check_interval
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, TypeAlias

    Setting: TypeAlias = bool | float | str | Mapping[str, Any]

    class Facts(Protocol):
        """What facts are recorded into. Its methods may be called from another thread, and do not raise."""

        @property
        def uid(self) -> str:
            """Of the run."""

        def event(
            self, kind: str, key: str, value: object, *, step: float | None = None, time_ns: int | None = None,
            **extra: object,
        ) -> None:  # fmt: skip
            """Record one fact."""

    class Sink(Facts, Protocol):
        """What captures record into: a run."""

        journal_directory: str

        def metrics(self, values: Mapping[str, float], *, time_ns: int | None = None) -> None:
            """Record one point each of several series, without a step."""

        def artifact(
            self, content: bytes | str, name: str, *, kind: str, media_type: str | None = None,
            metadata: dict[str, Any] | None = None,
        ) -> None:  # fmt: skip
            """Record the bytes, or the file at this path, under a name."""

    class Capture(Protocol):
        """One capture of one run. `start` is quick; `stop` may be called twice."""

        def start(self) -> None:
            """Begin."""

        def stop(self) -> None:
            """Record what is still to be recorded."""


CAPTURES = ("git", "environment", "console", "hardware", "code")
"""The names, in the order in which captures start."""

_HARDWARE = ("interval_s", "per_core", "whole_start")

DEFAULTS: dict[str, Setting] = {"git": True, "environment": True, "console": True, "hardware": True, "code": False}


def resolve(capture: bool | Mapping[str, Setting] | None = None) -> dict[str, Setting]:
    """What to capture: one setting for each of the five names.

    Args:
        capture: False: nothing; True: the defaults; a mapping: the defaults with these changes. None: what
            `RUNLORE_CAPTURE` says (`0`, `1`, or a list such as `git,environment`, which is then all that is captured).
            The value for `hardware` may be a number of seconds between samples, or a mapping with `interval_s`,
            `per_core` (each core, too) and `whole_start` (a first sample with rates, which takes 0.1 s and imports
            psutil at once); the value for `code` may be a path.

    Raises:
        InvalidArgument: an unknown name, or a value that is none; `RUNLORE_CAPTURE` likewise.

    Example:
        >>> resolve({"console": False, "hardware": 30})
        {'git': True, 'environment': True, 'console': False, 'hardware': 30.0, 'code': False}
    """
    base = _from_environment()
    if capture is None:
        return base
    if isinstance(capture, bool):
        return (DEFAULTS if not any(base.values()) else base) if capture else dict.fromkeys(CAPTURES, False)
    try:
        given = dict(capture)
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"capture={capture!r} must be True, False or a mapping of {', '.join(CAPTURES)}"
        ) from None
    return base | {name: _checked(name, value) for name, value in given.items()}


def _checked(name: object, value: object) -> Setting:
    if name not in CAPTURES:
        raise InvalidArgument(f"capture={{{name!r}: …}}: there is no such capture; choose from {', '.join(CAPTURES)}")
    if isinstance(value, bool) or value is None:
        return bool(value)
    if name == "hardware" and isinstance(value, (int, float)):
        return check_interval(value)
    if name == "hardware" and hasattr(value, "keys"):
        return _checked_hardware(value)
    if name == "code" and isinstance(value, (str, os.PathLike)):
        path = os.path.abspath(os.fspath(value))
        if not os.path.exists(path):
            raise InvalidArgument(f"capture={{'code': {value!r}}}: there is nothing at {path}")
        return path
    raise InvalidArgument(f"capture={{{name!r}: {value!r}}}: use True or False")


def _checked_hardware(given: Any) -> Setting:
    found = {name: given[name] for name in given.keys()}  # noqa: SIM118 - any mapping, also one that iterates otherwise
    for name, value in found.items():
        wanted = (int, float) if name == "interval_s" else bool
        if name not in _HARDWARE or not isinstance(value, wanted):
            raise InvalidArgument(
                f"capture={{'hardware': {{{name!r}: {value!r}}}}}: use interval_s=seconds, per_core=True or False, "
                "whole_start=True or False"
            )
    if "interval_s" in found:
        found["interval_s"] = check_interval(found["interval_s"])
    return found


def _hardware_options(setting: Setting) -> dict[str, Any]:
    if isinstance(setting, dict):
        return setting
    return {} if setting is True else {"interval_s": setting}


def _from_environment() -> dict[str, Setting]:
    text = os.environ.get("RUNLORE_CAPTURE", "1").strip()
    if text in ("", "1"):
        return dict(DEFAULTS)
    if text == "0":
        return dict.fromkeys(CAPTURES, False)
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in CAPTURES]
    if unknown:
        raise InvalidArgument(
            f"RUNLORE_CAPTURE={text!r}: there is no capture {unknown[0]!r}; use 0, 1 or a list of {', '.join(CAPTURES)}"
        )
    return {name: name in names for name in CAPTURES}


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
            from runlore.capture.hardware import HardwareSampler

            return HardwareSampler(self._sink, **_hardware_options(setting))
        from runlore.capture.code import CodeCapture

        return CodeCapture(self._sink, None if setting is True else str(setting), exclude=self._exclude)

    def _guard(self, name: str, function: Callable[[], None]) -> None:
        """Run a capture's part; a failure becomes an event of the run, and never reaches the training script."""
        report_failure(self._sink, name, function)
