"""Values of the standard library as JSON nodes, exactly.

A node is JSON null, true, false, text or a number where these mean themselves; everything else is an object whose `t`
says what it is.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
import pathlib
import uuid
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media._arrays import json_number, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

Node = Any

_EXACT_INT = 1 << 53
_PATHS = {
    "path": pathlib.Path,
    "posix": pathlib.PurePosixPath,
    "windows": pathlib.PureWindowsPath,
}


def scalar_node(value: Any) -> Node | None:
    """The node of a standard scalar, or None when this is something else (None is not asked for)."""
    kind = type(value)
    if kind in (bool, str):
        return value
    if kind is int:
        return value if -_EXACT_INT <= value <= _EXACT_INT else {"t": "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"t": "float", "v": json_number(value)}
    if kind is complex:
        return {"t": "complex", "v": [json_number(value.real), json_number(value.imag)]}
    if kind is bytearray:
        return {"t": "bytearray", "v": base64.b64encode(value).decode("ascii")}
    if kind is decimal.Decimal:
        return {"t": "decimal", "v": str(value)}
    if kind is uuid.UUID:
        return {"t": "uuid", "v": value.hex}
    if kind is range:
        return {"t": "range", "v": [hex(value.start), hex(value.stop), hex(value.step)]}
    if isinstance(value, pathlib.PurePath):
        return _path_node(value)
    return _time_node(value)


def _path_node(value: pathlib.PurePath) -> Node:
    for tag, kind in _PATHS.items():
        if type(value) is kind or (tag == "path" and isinstance(value, pathlib.Path)):
            return {"t": tag, "v": str(value)}
    return None


def _time_node(value: Any) -> Node | None:
    kind = type(value)
    if kind is dt.datetime:
        parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
        return {"t": "datetime", "v": parts, "zone": zone_node(value.tzinfo), "fold": value.fold}
    if kind is dt.time:
        parts = [value.hour, value.minute, value.second, value.microsecond]
        return {"t": "time", "v": parts, "zone": zone_node(value.tzinfo), "fold": value.fold}
    if kind is dt.date:
        return {"t": "date", "v": [value.year, value.month, value.day]}
    if kind is dt.timedelta:
        return {"t": "timedelta", "v": [value.days, value.seconds, value.microseconds]}
    if kind is dt.timezone:
        return {"t": "timezone", "v": zone_node(value)}
    return None


def zone_node(zone: Any) -> Node:
    """A time zone: null, microseconds from UTC, or a name of the IANA database.

    Raises:
        WrongType: a time zone of another library.
    """
    import zoneinfo

    if zone is None:
        return None
    if type(zone) is dt.timezone:
        return zone.utcoffset(None) // dt.timedelta(microseconds=1)
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return zone.key
    raise WrongType(f"the time zone {zone!r} is a {type_name(zone)}; use datetime.timezone or zoneinfo")


def zone_from_node(node: Node) -> dt.tzinfo | None:
    """The reverse of `zone_node`.

    Raises:
        InvalidArgument: no such zone.
    """
    import zoneinfo

    if node is None:
        return None
    if isinstance(node, int):
        return dt.timezone(dt.timedelta(microseconds=node))
    try:
        return zoneinfo.ZoneInfo(str(node))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgument(
            f"the object names a time zone {str(node)[:80]!r} that this machine does not know"
        ) from error


def _datetime(node: dict[str, Any]) -> dt.datetime:
    year, month, day, hour, minute, second, microsecond = node["v"]
    zone = zone_from_node(node["zone"])
    return dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone, fold=node["fold"])


def _time(node: dict[str, Any]) -> dt.time:
    hour, minute, second, microsecond = node["v"]
    return dt.time(hour, minute, second, microsecond, tzinfo=zone_from_node(node["zone"]), fold=node["fold"])


def _hex_range(node: dict[str, Any]) -> range:
    start, stop, step = (int(part, 16) for part in node["v"])
    return range(start, stop, step)


SCALARS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "int": lambda node: int(node["v"], 16),
    "float": lambda node: float(node["v"]),
    "complex": lambda node: complex(float(node["v"][0]), float(node["v"][1])),
    "bytes": lambda node: base64.b64decode(node["v"], validate=True),
    "bytearray": lambda node: bytearray(base64.b64decode(node["v"], validate=True)),
    "decimal": lambda node: decimal.Decimal(node["v"]),
    "uuid": lambda node: uuid.UUID(hex=node["v"]),
    "range": _hex_range,
    "path": lambda node: pathlib.Path(node["v"]),
    "posix": lambda node: pathlib.PurePosixPath(node["v"]),
    "windows": lambda node: pathlib.PureWindowsPath(node["v"]),
    "datetime": _datetime,
    "time": _time,
    "date": lambda node: dt.date(*node["v"]),
    "timedelta": lambda node: dt.timedelta(*node["v"]),
    "timezone": lambda node: zone_from_node(node["v"]),
}
"""How the nodes of scalars are read, by tag."""
