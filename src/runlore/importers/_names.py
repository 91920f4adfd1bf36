"""Names and uids of what is taken in."""

from __future__ import annotations

import hashlib
import re

from runlore.names import MAX_NAME_LENGTH

_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")


def path_name(text: str, otherwise: str) -> str:
    """A name of an experiment or artifact, as near to the source's as it can be here.

    Control characters and backslashes become `_`; components that are empty, `.` or `..` are left out.

    Args:
        text: what the source says.
        otherwise: the name where nothing is left of it.

    Example:
        >>> path_name("/vision//resnet 50", "unnamed"), path_name("../..", "unnamed")
        ('vision/resnet 50', 'unnamed')
    """
    parts = (part for part in _UNFIT.sub("_", text).split("/") if part.strip() not in ("", ".", ".."))
    return "/".join(parts)[:MAX_NAME_LENGTH].rstrip("/") or otherwise


def uid_of(kind: str, identity: str, started_ns: int) -> str:
    """The uid of a run that the source calls so: a UUIDv7 of its start whose random part is derived from its name.

    Args:
        kind: of the source.
        identity: what distinguishes the run from all others of such sources, wherever they lie.
        started_ns: ns since 1970 UTC; 0 where nobody said.

    Example:
        >>> uid_of("tensorboard", "run1", 1_730_616_074_932_000_000)
        '0192f0c1a2b47747b6a36e0dd11f041e'
        >>> uid_of("tensorboard", "run2", 0)[:12]
        '000000000000'
    """
    random = int.from_bytes(hashlib.sha256(f"{kind}\0{identity}".encode("utf-8", "surrogatepass")).digest()[:10], "big")
    milliseconds = max(0, started_ns) // 1_000_000 & (1 << 48) - 1
    low = 0b10 << 62 | random & (1 << 62) - 1
    return f"{milliseconds << 80 | 7 << 76 | (random >> 64 & 0xFFF) << 64 | low:032x}"
