"""What is asked of arguments before contents are stored: all that the journal would refuse once they are."""

from __future__ import annotations

from collections.abc import Mapping

from runlore import model
from runlore.errors import InvalidArgument, WrongType
from runlore.journal.leaves import shown
from runlore.journal.values import MAX_JSON_BYTES, event_bytes, step_of, time_ns_of
from runlore.names import check_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STORED = {"digest": "0" * 64, "size": 2**63}
"""What storing adds to what is known of an artifact, at its longest."""


def as_mapping(values: Any, argument: str) -> Mapping[str, Any]:
    """The argument, where it is a mapping; nothing for None.

    Raises:
        WrongType: it is none.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise WrongType(f"{argument}={shown(values)} must be a mapping, not {type(values).__name__}")
    return values


def check_artifact(name: str, about: Mapping[str, Any], step: Any, columns: Mapping[str, Any] | None) -> None:
    """Raise what recording an artifact would raise, while its contents are not stored yet.

    Args:
        name: of the artifact, checked already.
        about: what is known of it: `kind`, `media_type` (None: unknown) and metadata.
        step: where in the run it belongs.
        columns: extra columns, whose names were checked already.

    Raises:
        WrongType, InvalidArgument: one of them cannot be stored.
    """
    check_key(about["kind"], "kind")
    if about["media_type"] is not None:
        check_key(about["media_type"], "media_type")
    step_of(step)
    check_event(model.ARTIFACT, name, {**_STORED, **about}, columns)


def check_event(kind: str, key: str, value: Any, columns: Mapping[str, Any] | None = None) -> None:
    """Raise what recording an event would raise because of what it holds.

    Raises:
        WrongType: something in it cannot be JSON.
        InvalidArgument: it is too large, too deep, or contains itself.
    """
    payload = event_bytes(kind, key, value, columns)
    if len(payload) > MAX_JSON_BYTES:
        raise InvalidArgument(
            f"{kind} {shown(key)} takes {len(payload):,} bytes of JSON; at most {MAX_JSON_BYTES:,} fit into an "
            "event. Nothing was stored; log what is large as an artifact of its own"
        )


def check_columns(columns: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` where an extra column has a reserved name, `WrongType` where these are no columns."""
    if not hasattr(columns, "items"):
        raise WrongType(f"columns={shown(columns)} must be a mapping of names to values")
    for name in columns:
        if name in model.RESERVED_COLUMNS:
            raise InvalidArgument(
                f"{name}={shown(columns[name])}: {name!r} is a column of its own; choose another name than "
                + ", ".join(sorted(model.RESERVED_COLUMNS))
            )


def check_tag(key: Any, value: Any) -> None:
    """Raise what a tag cannot be: `WrongType`, `InvalidName`."""
    check_key(key, "key")
    if value is not None and not isinstance(value, (str, int, float, bool)):
        raise WrongType(f"tag {key!r}: value={shown(value)} must be text, not {type(value).__name__}")


def optional_time_ns(time: Any) -> int | None:
    """The time in ns; None stays None."""
    return None if time is None else time_ns_of(time)
