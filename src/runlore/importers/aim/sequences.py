"""What a run of Aim tracked: series of numbers, and sequences of images, texts, sounds, distributions and figures."""

from __future__ import annotations

from itertools import groupby
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.errors import DamagedFile, WrongType
from runlore.importers._records import File, Points
from runlore.importers.aim.tree import Kind, ns_of, read_path, read_value
from runlore.media.histogram import encode_histogram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runlore.importers._records import Record
    from runlore.importers.aim.rocksdb import Database
    from runlore.importers.aim.tree import Path

_BLOBS = "BLOBS"
_SYSTEM = "__system__"
"""With which the names of Aim's own metrics of the machine begin."""
_BATCH = 100_000


class Sequences:
    """The sequences of one run.

    Args:
        database: in which they are.
        contexts: what each hash of a context stands for.
        problems: where is said what was left out.
    """

    def __init__(self, database: Database, contexts: Mapping[int, dict[str, Any]], problems: list[str]) -> None:
        self._database = database
        self._contexts = contexts
        self._problems = problems

    def records(self) -> Iterator[Record]:
        """Series one after the other, then objects in the order of their keys."""
        objects: dict[Path, dict[str, Any]] = {}
        times: dict[Path, int] = {}
        items = (item for item in self._items() if item[0][0] != _BLOBS)
        for (context, name), columns in groupby(items, key=lambda item: item[0][:2]):
            found: dict[str, dict[Any, Any]] = {}
            for (_, _, column, *place), value in columns:
                if column == "val" and (len(place) != 1 or isinstance(value, (Kind, str))):
                    _note(objects, (context, name, *place), value)
                elif len(place) == 1:
                    found.setdefault(str(column), {})[place[0]] = value
            times |= {(context, name, step): ns_of(time) for step, time in found.get("time", {}).items()}
            yield from self._series(self._key(context, str(name)), found)
        damage = list(self._database.damage)
        if objects:
            yield from self._files(objects, times)
        self._problems += damage

    def _items(self) -> Iterator[tuple[Path, Any]]:
        """(context, name, column, place …) with its value; a blob's begins with its domain."""
        for key, data in self._database.items():
            found = self._item(key, data)
            if found is not None:
                yield found

    def _item(self, key: bytes, data: bytes) -> tuple[Path, Any] | None:
        try:
            path = read_path(key)
            domain = path[:1] if path[:1] == (_BLOBS,) else ()
            path = path[len(domain) :]
            path = path[4:] if path[1:2] == ("v2",) else path[3:]
            if len(path) < 4 or not isinstance(path[3], int):
                return None  # what only says that there are some
            return (*domain, *path), read_value(data)
        except DamagedFile as error:
            self._problems.append(f"left out: {error}")
            return None

    def _key(self, context: Any, name: str) -> str:
        """A metric's key: the subset of the data before its name, all else that distinguishes it after."""
        said = dict(self._contexts.get(context, {}))
        subset = said.pop("subset", None)
        if name.startswith(_SYSTEM):
            name = f"system/{name.removeprefix(_SYSTEM)}"
        parts = [*([] if subset is None else [str(subset)]), name, *(f"{key}={said[key]}" for key in sorted(said))]
        return "/".join(parts)

    def _series(self, key: str, found: dict[str, dict[Any, Any]]) -> Iterator[Points]:
        """The points of a metric, and its epochs as a series, by time: Aim keeps them in no order."""
        values = {place: value for place, value in found.get("val", {}).items() if isinstance(value, (int, float))}
        steps, times, epochs = (found.get(column, {}) for column in ("step", "time", "epoch"))
        rows = sorted(
            (ns_of(times.get(place)), _number(steps.get(place, place)), float(value), _number(epochs.get(place)))
            for place, value in values.items()
        )
        for start in range(0, len(rows), _BATCH):
            times_ns, step, value, epoch = (list(column) for column in zip(*rows[start : start + _BATCH], strict=True))
            yield Points(key, step, times_ns, value)
            known = [place for place, number in enumerate(epoch) if number == number]  # noqa: PLR0124 - no NaN
            if known:
                yield Points(
                    f"{key}/epoch", [step[place] for place in known], [times_ns[place] for place in known],
                    [epoch[place] for place in known],
                )  # fmt: skip

    def _files(self, objects: dict[Path, dict[str, Any]], times: dict[Path, int]) -> Iterator[File]:
        """Objects, whose contents stand at the beginning of the database."""
        left_out: dict[str, int] = {}
        for path, data in self._items():
            if path[0] != _BLOBS:
                break
            _, context, name, column, *place = path
            about = objects.get((context, name, *place[:-1]))
            if column != "val" or about is None:
                continue
            try:
                content, kind, media_type = _encoded(about, data)
            except (DamagedFile, WrongType, ValueError):
                left_out[about["kind"]] = left_out.get(about["kind"], 0) + 1
                continue
            inner = "".join(f"/{part}" for part in place[1:-1])
            caption = {"caption": about["caption"]} if about.get("caption") else {}
            time_ns = times.get((context, name, place[0])) or None
            key = f"{self._key(context, str(name))}{inner}"
            yield File(key, content, kind, media_type, caption, time_ns, _number(place[0]))
        for kind, count in sorted(left_out.items()):
            self._problems.append(f"left out: {count:,} objects of the kind {kind!r}, which have no form here")


def _note(objects: dict[Path, dict[str, Any]], place: Path, value: Any) -> None:
    """Remember a part of an object: its kind under its own place, its parts below."""
    if isinstance(value, Kind):
        if value.name in ("list", "dict") and place[:-1] in objects:
            return  # what comes below is its own
        objects.setdefault(place, {})["kind"] = value.name
    elif place[:-1] in objects:
        objects[place[:-1]][str(place[-1])] = value
    elif place[:-2] in objects and isinstance(place[-1], int):  # of a list in it
        objects[place[:-2]].setdefault(f"{place[-2]}[]", []).append(value)


def _encoded(about: dict[str, Any], data: Any) -> tuple[bytes, str, str]:
    """(content, kind, media type) of an object.

    Raises:
        DamagedFile, WrongType, ValueError: it has no form here, or is damaged.
    """
    kind = about.get("kind")
    if kind == "aim.text" and isinstance(data, str):
        return data.encode("utf-8", "surrogatepass"), "text", "text/plain"
    if not isinstance(data, bytes):
        raise DamagedFile("an object without content")
    if kind == "aim.image":
        return data, "image", f"image/{_word(about.get('format'), 'png')}"
    if kind == "aim.audio":
        return data, "audio", f"audio/{_word(about.get('format'), 'wav')}"
    if kind == "aim.distribution":
        low, high = (_number(edge) for edge in about.get("range[]", (nan, nan)))
        counts = np.frombuffer(data, np.dtype(_word(about.get("dtype"), "int64")))
        encoded = encode_histogram(counts=counts, edges=np.linspace(low, high, len(counts) + 1))
        if encoded.data is not None:
            return encoded.data, encoded.kind, encoded.media_type
    raise DamagedFile(f"an object of the kind {kind!r}")


_WORDS = frozenset({"png", "jpeg", "gif", "webp", "wav", "mp3", "flac", "int64", "int32", "float64", "float32"})


def _word(said: Any, otherwise: str) -> str:
    """A format that is known; what a stranger says is not put into a media type."""
    return said if said in _WORDS else otherwise


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else nan
