"""W&B's own objects in a history: histograms, and files in the folder of the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.files import is_regular
from runlore.importers._records import File
from runlore.media.encoded import AUDIO, HISTOGRAM, HTML, IMAGE, TEXT, VIDEO
from runlore.media.histogram import encode_histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {"image-file": IMAGE, "audio-file": AUDIO, "video-file": VIDEO, "html-file": HTML}


def media_files(
    key: str, value: dict[str, Any], folder: str, step: float, time_ns: int, problems: list[str]
) -> Iterator[File]:  # fmt: skip
    """The files that an object stands for.

    Args:
        key: its name.
        value: what the history has of it.
        folder: `files` of the run.
        step: where in the run it belongs.
        time_ns: ns since 1970 UTC.
        problems: what cannot be taken in is added.
    """
    kind = str(value["_type"])
    if kind == "histogram":
        try:
            counts, edges = _histogram(value)
            content = encode_histogram(counts=counts, edges=edges)
        except (InvalidArgument, WrongType, TypeError, ValueError, KeyError, OverflowError) as error:
            problems.append(f"left out: the histogram {key!r} at step {step:g}: {' '.join(str(error).split())}")
            return
        if content.data is not None:
            yield File(key, content.data, HISTOGRAM, content.media_type, content.metadata, time_ns, step)
        return
    names = value.get("filenames") if kind == "images/separated" else [value.get("path")]
    several = kind == "images/separated"
    for index, name in enumerate(names if isinstance(names, list) else ()):
        path = inside(folder, name)
        if path is None:
            problems.append(f"left out: {key!r} at step {step:g}: there is no file {name!r:.200} in {folder!r}")
            continue
        about = {
            name: value[name] for name in ("caption", "width", "height") if isinstance(value.get(name), (str, int))
        }
        known = IMAGE if several else _KINDS.get(kind, "file")
        yield File(f"{key}/{index}" if several else key, path, known, _media_type(path), about, time_ns, step)


def text_file(key: str, value: str, step: float, time_ns: int) -> File:
    """A text in a history."""
    return File(key, value.encode("utf-8", "surrogatepass"), TEXT, "text/plain", {}, time_ns, step)


def inside(folder: str, name: Any) -> str | None:
    """The path of a file below a folder that a record names; None where it would be elsewhere, or is none."""
    if not isinstance(name, str) or "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        return None
    place = folder
    for part in name.split("/"):
        if os.path.islink(place):
            return None
        place = os.path.join(place, part)
    return place if is_regular(place) else None


def _histogram(value: dict[str, Any]) -> tuple[list[float], list[float]]:
    """(counts, edges)."""
    counts = [float(count) for count in value["values"]]
    packed = value.get("packedBins")
    if isinstance(packed, dict):
        least, width = float(packed["min"]), float(packed["size"])
        return counts, [least + width * index for index in range(len(counts) + 1)]
    return counts, [float(edge) for edge in value["bins"]]


def _media_type(path: str) -> str | None:
    import mimetypes

    return mimetypes.guess_type(path)[0]
