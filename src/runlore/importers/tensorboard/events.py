"""What an event of TensorBoard says, as records: scalars, histograms, images, audio, texts, params."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile
from runlore.importers._protobuf import message, piece, real, text, whole
from runlore.importers._records import Fact, File, Points
from runlore.importers.tensorboard.histograms import from_counts, from_tensor
from runlore.importers.tensorboard.hparams import read_hparams
from runlore.journal.values import time_ns_of
from runlore.media.encoded import AUDIO, IMAGE, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._protobuf import Fields
    from runlore.importers._records import Record

_FLOAT, _DOUBLE, _INT32, _STRING, _INT64 = 1, 2, 3, 7, 9
"""Types of tensors."""

_ONE = {_FLOAT: ("<f", 5), _DOUBLE: ("<d", 6)}
"""How a number of such a tensor is packed, and the field that has it where it is not packed."""

_MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "audio/wav"}


class Event(NamedTuple):
    """An event, before its values are looked at.

    Attributes:
        time_ns: ns since 1970 UTC.
        step: of all its values.
        summary: its values; empty for events of other kinds, such as the graph of a model.
    """

    time_ns: int
    step: int
    summary: memoryview

    def records(self, kinds: dict[str, str], left_out: dict[str, int]) -> Iterator[Record]:
        """What it says.

        Args:
            kinds: the plugin of each tag that named one, which only the first value of a tag does; it grows.
            left_out: how many values of each kind are not taken in; it grows.

        Raises:
            DamagedFile: it is no event.
        """
        for value in message(self.summary).get(1, ()):
            if isinstance(value, int):
                raise DamagedFile("a value of a summary is a number")
            yield from self._value(message(memoryview(value)), kinds, left_out)

    def _value(self, value: Fields, kinds: dict[str, str], left_out: dict[str, int]) -> Iterator[Record]:
        tag = text(value, 1) or "unnamed"
        plugin = message(piece(message(piece(value, 9)), 1))
        kind = kinds.setdefault(tag, text(plugin, 1)) or kinds[tag]
        if kind == "hparams":
            yield from (Fact(*fact, time_ns=self.time_ns) for fact in read_hparams(piece(plugin, 2)))
        elif 2 in value:
            yield self._point(tag, real(value, 2) or 0.0)
        elif 5 in value:
            yield self._file(tag, *from_counts(message(piece(value, 5))))
        elif 4 in value or 6 in value:
            image = 4 in value
            yield self._media(tag, piece(message(piece(value, 4 if image else 6)), 4), IMAGE if image else AUDIO)
        elif 8 in value:
            yield from self._tensor(tag, kind, message(piece(value, 8)), left_out)
        else:
            left_out[kind or "others"] = left_out.get(kind or "others", 0) + 1

    def _tensor(self, tag: str, kind: str, tensor: Fields, left_out: dict[str, int]) -> Iterator[Record]:
        """A value of TensorFlow 2, which are all tensors; the plugin says what they mean."""
        texts = [bytes(item) for item in tensor.get(8, ()) if not isinstance(item, int)]
        if kind == "scalars" or (not kind and _number(tensor) is not None):
            number = _number(tensor)
            if number is None:
                raise DamagedFile(f"the scalar {tag!r} has no number")
            yield self._point(tag, number)
        elif kind == "histograms":
            yield self._file(tag, *from_tensor(tensor))
        elif kind == "text" or (not kind and whole(tensor, 1) == _STRING):
            name = tag.removesuffix("/text_summary")
            content = b"\n\n".join(texts)
            yield File(name, content, TEXT, "text/markdown", {}, self.time_ns, self.step)
        elif kind in ("images", "audio"):
            skipped = 2 if kind == "images" else 0  # width and height stand before the images
            for item in texts[skipped:] if kind == "images" else texts[::2]:
                yield self._media(tag, memoryview(item), IMAGE if kind == "images" else AUDIO)
        else:
            left_out[kind or "tensors"] = left_out.get(kind or "tensors", 0) + 1

    def _point(self, key: str, value: float) -> Points:
        return Points(key, [float(self.step)], [self.time_ns], [value])

    def _media(self, tag: str, content: memoryview, kind: str) -> File:
        data = bytes(content)
        media_type = next((name for start, name in _MEDIA_TYPES.items() if data.startswith(start)), None)
        return File(tag, data, kind, media_type, {}, self.time_ns, self.step)

    def _file(self, name: str, content: bytes, kind: str, media_type: str) -> File:
        return File(name, content, kind, media_type, {}, self.time_ns, self.step)


def read_event(data: memoryview) -> Event:
    """An event.

    Raises:
        DamagedFile: it is none, or of no time.
    """
    found = message(data)
    seconds = real(found, 1) or 0.0
    if not math.isfinite(seconds) or abs(seconds) > 9e9:
        raise DamagedFile(f"an event of the time {seconds}")
    return Event(time_ns_of(seconds), whole(found, 2), piece(found, 5))


def _number(tensor: Fields) -> float | None:
    """The number of a tensor of one; None where it is another."""
    kind, content = whole(tensor, 1), piece(tensor, 4)
    if kind in _ONE:
        packing, place = _ONE[kind]
        raw = content or piece(tensor, place)
        size = struct.calcsize(packing)
        return float(struct.unpack(packing, raw)[0]) if len(raw) == size else None
    if kind in (_INT32, _INT64):
        if content:
            return float(int.from_bytes(content, "little", signed=True)) if len(content) in (4, 8) else None
        place = 7 if kind == _INT32 else 10
        packed = tensor.get(place, [b""])[-1]
        if isinstance(packed, int):
            return float(whole(tensor, place))
        from runlore.importers._protobuf import varint

        return float(varint(memoryview(packed), 0)[0]) if packed else None
    return None
