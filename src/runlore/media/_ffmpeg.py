"""The ffmpeg program that imageio-ffmpeg brings: MP4 from frames, and frames back.

It is run directly: imageio's own plug-in leaves its pipes open.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING

from runlore.errors import InvalidArgument, MissingDependency
from runlore.media._content import Content, content_size, expansion_limit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DEMUXERS = {"video/mp4": "mov", "video/quicktime": "mov", "video/webm": "matroska", "image/gif": "gif"}


def _program() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingDependency("imageio[ffmpeg]", "media", "video") from error
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def write_mp4(frames: npt.NDArray[np.uint8], fps: float) -> str:
    """Path of a new temporary MP4 file of `(frames, height, width, 3)`, height and width even.

    Raises:
        InvalidArgument: ffmpeg refused the frames.
        MissingDependency: imageio-ffmpeg is not installed.
    """
    _, height, width, _ = frames.shape
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps!r}", "-i", "pipe:0"]
    target = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
    program = _program()
    handle, path = tempfile.mkstemp(prefix="runlore-", suffix=".mp4")
    os.close(handle)
    done = subprocess.run(
        [program, "-loglevel", "error", "-y", *source, *target, path],
        input=memoryview(frames.reshape(-1)),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        os.unlink(path)
        raise InvalidArgument(f"the video could not be made: {_last_line(done.stderr)}; nothing was stored")
    return path


def read_frames(content: Content, media_type: str, max_bytes: int | None) -> npt.NDArray[np.uint8]:
    """All frames, `(frames, height, width, 3)`.

    Raises:
        InvalidArgument: no known video, damaged, or more bytes of frames than allowed.
        MissingDependency: imageio-ffmpeg is not installed.
    """
    demuxer = _DEMUXERS.get(media_type)
    if demuxer is None:
        raise InvalidArgument(f"media_type={media_type!r} is no video's; known are {sorted(_DEMUXERS)}")
    limit = expansion_limit(content_size(content), max_bytes)
    if not isinstance(content, bytes):
        return _read_file(os.path.abspath(os.fspath(content)), demuxer, limit)
    handle, path = tempfile.mkstemp(prefix="runlore-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return _read_file(path, demuxer, limit)
    finally:
        os.unlink(path)


def _read_file(path: str, demuxer: str, limit_bytes: int) -> npt.NDArray[np.uint8]:
    """Only this file is opened: a video that refers to other files or addresses cannot make ffmpeg fetch them."""
    import numpy as np

    source = ["-protocol_whitelist", "file,pipe", "-f", demuxer, "-i", f"file:{path}"]
    target = ["-an", "-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "ppm", "pipe:1"]
    frames: list[npt.NDArray[np.uint8]] = []
    total = 0
    with tempfile.TemporaryFile() as complaints:
        command = [_program(), "-loglevel", "error", "-nostdin", *source, *target]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as process:
            out: IO[bytes] = process.stdout  # type: ignore[assignment] # a pipe was asked for
            while (shape := _read_header(out)) is not None:
                total += shape[0] * shape[1] * 3
                if total > limit_bytes:
                    process.kill()
                    raise InvalidArgument(
                        f"the frames take more than the {limit_bytes:,} bytes allowed for a file of this size; "
                        "if you trust it, pass max_bytes="
                    )
                raw = out.read(shape[0] * shape[1] * 3)
                frames.append(np.frombuffer(raw, np.uint8).reshape(*shape, 3))
        complaints.seek(0)
        if process.returncode or not frames:
            raise InvalidArgument(f"the video cannot be read: {_last_line(complaints.read())}")
    return np.stack(frames)


def _read_header(out: IO[bytes]) -> tuple[int, int] | None:
    """Height and width of the next PPM image, or None at the end."""
    if out.readline() != b"P6\n":
        return None
    width, height = out.readline().split()
    out.readline()
    return int(height), int(width)


def _last_line(complaints: bytes) -> str:
    lines = complaints.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it has no frames"
