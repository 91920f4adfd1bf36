"""imageio and its ffmpeg: MP4 from frames, and frames back."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency
from runlore.media._content import Content, content_size, expansion_limit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def _module() -> Any:
    try:
        import imageio.plugins.ffmpeg
        import imageio.v2
    except ImportError as error:
        raise MissingDependency("imageio[ffmpeg]", "media", "video") from error
    return imageio.v2


def write_mp4(frames: npt.NDArray[np.uint8], fps: float) -> str:
    """Path of a new temporary MP4 file of `(frames, height, width, 3)`, height and width even."""
    module = _module()
    handle, path = tempfile.mkstemp(prefix="runlore-", suffix=".mp4")
    os.close(handle)
    try:
        with module.get_writer(path, fps=fps, macro_block_size=2, ffmpeg_log_level="error") as writer:
            for frame in frames:
                writer.append_data(frame)
    except BaseException:
        os.unlink(path)
        raise
    return path


def read_frames(content: Content, suffix: str, max_bytes: int | None) -> npt.NDArray[np.uint8]:
    """All frames, `(frames, height, width, 3)`.

    Raises:
        InvalidArgument: damaged, or more bytes of frames than allowed.
    """
    if not isinstance(content, bytes):
        return _read_file(os.fspath(content), suffix, max_bytes)
    handle, path = tempfile.mkstemp(prefix="runlore-", suffix=suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return _read_file(path, suffix, max_bytes)
    finally:
        os.unlink(path)


def _read_file(path: str, suffix: str, max_bytes: int | None) -> npt.NDArray[np.uint8]:
    import numpy as np

    limit = expansion_limit(content_size(path), max_bytes)
    frames: list[npt.NDArray[np.uint8]] = []
    total = 0
    try:
        with _module().get_reader(path, format="GIF-PIL" if suffix == ".gif" else "FFMPEG") as reader:
            for frame in reader:
                total += frame.nbytes
                if total > limit:
                    raise InvalidArgument(
                        f"the frames take more than the {limit:,} bytes that are allowed for a file of this size; "
                        "if you trust it, pass max_bytes="
                    )
                frames.append(np.asarray(frame)[:, :, :3])
    except (OSError, ValueError, IndexError, SyntaxError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(f"the video cannot be read: {str(error)[:200]}") from error
    if not frames:
        raise InvalidArgument("the video has no frames")
    return np.stack(frames)
