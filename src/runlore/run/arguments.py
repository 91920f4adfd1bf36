"""What is asked of arguments before contents are stored: all that the journal would refuse once they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlore import model
from runlore.errors import InvalidArgument, WrongType
from runlore.journal.values import MAX_JSON_BYTES, shown, step_of, to_bytes
from runlore.names import check_key

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
    payload = to_bytes({"e": kind, "k": key, "v": value, "x": dict(columns or {})}, f"{kind} {shown(key)}")
    if len(payload) > MAX_JSON_BYTES:
        raise InvalidArgument(
            f"{kind} {shown(key)} takes {len(payload):,} bytes of JSON; at most {MAX_JSON_BYTES:,} fit into an "
            "event. Nothing was stored; log what is large as an artifact of its own"
        )
