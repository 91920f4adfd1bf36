"""Which captures a run has: what the caller, or the environment, says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Setting: TypeAlias = bool | float | str

CAPTURES = ("git", "environment", "console", "hardware", "code")
"""The names, in the order in which captures start."""

DEFAULTS: dict[str, Setting] = {"git": True, "environment": True, "console": True, "hardware": True, "code": False}

MIN_INTERVAL_S = 1.0
"""Hardware is sampled at most once a second: more often costs the training what nobody reads."""


def resolve(capture: bool | Mapping[str, Setting] | None = None) -> dict[str, Setting]:
    """What to capture: one setting for each of the five names.

    Args:
        capture: False: nothing; True: the defaults; a mapping: the defaults with these changes. None: what
            `RUNLORE_CAPTURE` says (`0`, `1`, or a list such as `git,environment`, which is then all that is captured).
            The value for `hardware` may be a number of seconds between samples, the value for `code` a path.

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
    if name == "code" and isinstance(value, (str, os.PathLike)):
        path = os.path.abspath(os.fspath(value))
        if not os.path.exists(path):
            raise InvalidArgument(f"capture={{'code': {value!r}}}: there is nothing at {path}")
        return path
    raise InvalidArgument(f"capture={{{name!r}: {value!r}}}: use True or False")


def check_interval(interval_s: float) -> float:
    """Seconds between two hardware samples, as given.

    Raises:
        InvalidArgument: less than a second, or no number.
    """
    seconds = float(interval_s)
    if not MIN_INTERVAL_S <= seconds < float("inf"):
        raise InvalidArgument(
            f"a hardware interval of {interval_s!r} s is not possible; use {MIN_INTERVAL_S:g} s or more"
        )
    return seconds


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
