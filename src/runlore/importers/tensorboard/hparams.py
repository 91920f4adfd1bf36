"""Params as the plugin `hparams` of TensorBoard has them, and the status that it gives a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.importers._protobuf import message, piece, real, text, whole
from runlore.model import FAILED, PARAM, STATUS, SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._protobuf import Fields

_STARTED, _ENDED = 3, 4
_STATUSES = {1: SUCCEEDED, 2: FAILED}


def read_hparams(content: memoryview) -> Iterator[tuple[str, str, Any]]:
    """(kind of event, key, value) of what a value of the plugin says: params, or the status of the end.

    Raises:
        DamagedFile: it is none.
    """
    found = message(content)
    if _STARTED in found:
        for entry in message(piece(found, _STARTED)).get(1, ()):
            if isinstance(entry, int):
                raise DamagedFile("a param is a number without a name")
            fields = message(memoryview(entry))
            yield PARAM, text(fields, 1), _value(message(piece(fields, 2)))
    elif _ENDED in found:
        status = _STATUSES.get(whole(message(piece(found, _ENDED)), 1))
        if status:
            yield STATUS, status, None


def _value(value: Fields) -> Any:
    """A value of `google.protobuf.Value`: a number that is whole was one, as far as people can tell."""
    if 2 in value:
        number = real(value, 2) or 0.0
        return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
    if 3 in value:
        return text(value, 3)
    return bool(whole(value, 4)) if 4 in value else None
