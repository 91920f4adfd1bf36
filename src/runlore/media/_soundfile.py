"""soundfile: WAV from arrays, and whatever libsndfile knows read back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency
from runlore.media._content import Content, content_size, expansion_limit

if TYPE_CHECKING:
    import numpy.typing as npt

_WAV_SUBTYPES = {"float32": "FLOAT", "int16": "PCM_16", "int32": "PCM_32", "uint8": "PCM_U8"}
_FORMATS = {
    "WAV": ("audio/wav", ".wav"),
    "WAVEX": ("audio/wav", ".wav"),
    "RF64": ("audio/wav", ".wav"),
    "FLAC": ("audio/flac", ".flac"),
    "OGG": ("audio/ogg", ".ogg"),
    "MP3": ("audio/mpeg", ".mp3"),
    "MPEG": ("audio/mpeg", ".mp3"),
    "AIFF": ("audio/aiff", ".aiff"),
}


def _module() -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise MissingDependency("soundfile", "media", "audio") from error
    return soundfile


def _source(content: Content) -> Any:
    return io.BytesIO(content) if isinstance(content, bytes) else content


def to_wav(samples: npt.NDArray[Any], sample_rate_hz: int) -> bytes:
    """`(samples, channels)` of float32, int16, int32 or uint8 as WAV; no value changes."""
    import numpy as np

    subtype = _WAV_SUBTYPES[samples.dtype.name]
    if samples.dtype == np.uint8:
        samples = ((samples.astype(np.int16) - 128) << 8).astype(np.int16)  # libsndfile takes 8 bit as the high byte
    out = io.BytesIO()
    _module().write(out, samples, sample_rate_hz, subtype=subtype, format="WAV")
    return out.getvalue()


def describe(content: Content) -> tuple[str, str, dict[str, Any]]:
    """Media type, suffix, and sample rate, channels, samples and duration.

    Raises:
        InvalidArgument: no known audio.
    """
    module = _module()
    try:
        info = module.info(_source(content))
    except module.LibsndfileError as error:
        raise InvalidArgument(
            f"audio is no file that can be read: {error}; use log_artifact for other files"
        ) from error
    media_type, suffix = _FORMATS.get(info.format, (f"audio/x-{info.format.lower()}", f".{info.format.lower()}"))
    metadata = {
        "sample_rate_hz": info.samplerate,
        "channels": info.channels,
        "samples": info.frames,
        "duration_s": info.frames / info.samplerate,
    }
    return media_type, suffix, metadata


def read(content: Content, max_bytes: int | None) -> tuple[npt.NDArray[Any], int]:
    """Samples and the sample rate in hertz.

    Raises:
        InvalidArgument: damaged, no known format, or larger than allowed once expanded.
    """
    import numpy as np

    module = _module()
    limit = expansion_limit(content_size(content), max_bytes)
    try:
        with module.SoundFile(_source(content)) as file:
            expanded = file.frames * file.channels * 4
            if expanded > limit:
                raise InvalidArgument(
                    f"the audio would expand to {expanded:,} bytes, more than the {limit:,} allowed for "
                    "its size; nothing was read. If you trust it, pass max_bytes="
                )
            exact = {"PCM_16": "int16", "PCM_32": "int32", "PCM_U8": "int16"}.get(file.subtype, "float32")
            samples = file.read(dtype=exact, always_2d=True)
            if file.subtype == "PCM_U8":
                samples = ((samples >> 8) + 128).astype(np.uint8)
            return samples, file.samplerate
    except module.LibsndfileError as error:
        raise InvalidArgument(f"the audio cannot be read: {error}") from error
