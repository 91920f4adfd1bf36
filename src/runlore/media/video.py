"""Video."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.media import _ffmpeg
from runlore.media._arrays import to_array
from runlore.media._content import Content, fs_path, read_content
from runlore.media._pixels import to_frames
from runlore.media.encoded import VIDEO, Encoded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SIGNATURES = (
    (4, b"ftypqt", "video/quicktime", ".mov"),
    (4, b"ftyp", "video/mp4", ".mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm", ".webm"),
    (0, b"GIF8", "image/gif", ".gif"),
)
_MAX_FPS = 1000
_DEFAULT_FPS = 24.0


def encode_video(video: Any, fps: float | None = None) -> Encoded:
    """A video. Files are kept as they are; arrays become MP4 (H.264), which browsers play and which loses a little.

    Args:
        video: a path of an MP4, QuickTime, WebM or GIF file, or an array `(T, H, W, C)` or `(T, C, H, W)` with 1, 3
            or 4 channels (alpha is left out); values as in `encode_image`. An odd height or width is padded by one
            pixel.
        fps: frames a second of an array; default 24.

    Raises:
        WrongType: nothing that is a video.
        InvalidArgument: a file that is no known video, a bad shape, values out of range, a bad rate.
        MissingDependency: imageio-ffmpeg is not installed.
    """
    if isinstance(video, (str, os.PathLike)):
        if fps is not None:
            raise InvalidArgument(f"fps={fps!r}: a video file brings its own; leave it out")
        return _from_file(fs_path(video, "video"))
    rate = _DEFAULT_FPS if fps is None else fps
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= _MAX_FPS or math.isnan(rate):
        raise InvalidArgument(f"fps={fps!r} must be a number of frames a second above 0, at most {_MAX_FPS}")
    frames = to_frames(to_array(video, "video"))
    count, height, width, _ = frames.shape
    metadata = {"frames": count, "width": width, "height": height, "fps": float(rate), "duration_s": count / rate}
    path = _ffmpeg.write_mp4(_even(frames), float(rate))
    return Encoded(path=path, delete_after=True, media_type="video/mp4", suffix=".mp4", kind=VIDEO, metadata=metadata)


def _even(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Height and width padded to even numbers, which H.264 needs, by repeating the last row and column."""
    import numpy as np

    _, height, width, _ = frames.shape
    if height % 2 == 0 and width % 2 == 0:
        return frames
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _from_file(path: str) -> Encoded:
    with open(path, "rb") as file:
        head = file.read(16)
    for at, signature, media_type, suffix in _SIGNATURES:
        if head[at : at + len(signature)] == signature:
            return Encoded(path=path, media_type=media_type, suffix=suffix, kind=VIDEO)
    raise InvalidArgument(
        f"video={path!r} starts with {head[:8]!r}, as no MP4, QuickTime, WebM or GIF does; "
        "use log_artifact for other files"
    )


def decode_video(content: Content, media_type: str, *, as_array: bool = False, max_bytes: int | None = None) -> Any:
    """A stored video: the bytes of the file, or its frames `(T, H, W, 3)` with `as_array=True`.

    Args:
        content: the video file.
        media_type: as it was stored.
        as_array: decode the frames.
        max_bytes: how large the frames may be together. Default: the larger of 1 GiB and 100 times the file.

    Raises:
        InvalidArgument: damaged, or too large.
        MissingDependency: imageio-ffmpeg is not installed.
    """
    if not as_array:
        return read_content(content, "the video", max_bytes=max_bytes)
    return _ffmpeg.read_frames(content, media_type, max_bytes)
