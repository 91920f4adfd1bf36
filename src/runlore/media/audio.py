"""Audio."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media import _soundfile
from runlore.media._arrays import to_array
from runlore.media._content import Content, fs_path
from runlore.media.encoded import AUDIO, Encoded

if TYPE_CHECKING:
    import numpy.typing as npt

_MAX_CHANNELS = 16
_MAX_SAMPLE_RATE_HZ = 768_000


def encode_audio(audio: Any, sample_rate: int | None = None) -> Encoded:
    """Audio. Files and bytes of a known format are kept as they are; arrays become WAV.

    Args:
        audio: a path, the bytes of an audio file, or an array `(samples,)`, `(samples, channels)` or
            `(channels, samples)` (at most 16 channels, and fewer than samples). float32 and float64 are kept as 32-bit
            float, int16 and int32 as they are, uint8 as unsigned 8 bit.
        sample_rate: in hertz; needed for arrays, and refused for files, which bring their own.

    Raises:
        WrongType: nothing that is audio, or values of another type.
        InvalidArgument: no or a bad sample rate, a bad shape, NaN or infinity, a file that is no known audio.
        MissingDependency: soundfile is not installed.

    Example:
        >>> encode_audio([0.0, 0.5, -0.5, 0.0], 8000).metadata["duration_s"]
        0.0005
    """
    if isinstance(audio, (str, os.PathLike, bytes)):
        if sample_rate is not None:
            raise InvalidArgument(f"sample_rate={sample_rate!r}: an audio file brings its own; leave it out")
        content = audio if isinstance(audio, bytes) else fs_path(audio, "audio")
        media_type, suffix, metadata = _soundfile.describe(content)
        data, path = (content, None) if isinstance(content, bytes) else (None, content)
        return Encoded(data=data, path=path, media_type=media_type, suffix=suffix, kind=AUDIO, metadata=metadata)
    if isinstance(sample_rate, bool) or not hasattr(sample_rate, "__index__"):
        raise InvalidArgument(f"sample_rate={sample_rate!r} must be a whole number of hertz, for example 16000")
    rate_hz = int(sample_rate)  # type: ignore[arg-type] # __index__ was checked above
    if not 1 <= rate_hz <= _MAX_SAMPLE_RATE_HZ:
        raise InvalidArgument(f"sample_rate={rate_hz} must be from 1 to {_MAX_SAMPLE_RATE_HZ:,} hertz")
    samples = _samples(to_array(audio, "audio"))
    metadata = {
        "sample_rate_hz": rate_hz,
        "channels": samples.shape[1],
        "samples": samples.shape[0],
        "duration_s": samples.shape[0] / rate_hz,
    }
    return Encoded(
        data=_soundfile.to_wav(samples, rate_hz), media_type="audio/wav", suffix=".wav", kind=AUDIO, metadata=metadata
    )


def _samples(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(samples, channels)` of a type that WAV has."""
    import numpy as np

    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or not array.size:
        raise InvalidArgument(
            f"audio has shape {array.shape}; (samples,), (samples, channels) or (channels, samples) can be stored"
        )
    if array.shape[0] <= _MAX_CHANNELS and array.shape[0] < array.shape[1]:
        array = array.T
    if array.shape[1] > _MAX_CHANNELS:
        raise InvalidArgument(f"audio has shape {array.shape}; at most {_MAX_CHANNELS} channels can be stored")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise InvalidArgument("audio holds NaN or infinity; nothing was stored")
        return array.astype(np.float32)
    if array.dtype not in (np.int16, np.int32, np.uint8):
        raise WrongType(f"audio holds {array.dtype}; float32, float64, int16, int32 and uint8 can be stored")
    return array


def decode_audio(content: Content, *, max_bytes: int | None = None) -> tuple[npt.NDArray[Any], int]:
    """Stored audio as `(samples, channels)` float32 (integers keep their type when WAV), and the sample rate in hertz.

    Args:
        content: the audio file.
        max_bytes: how large it may be once expanded. Default: the larger of 1 GiB and 100 times the file.

    Raises:
        InvalidArgument: damaged, no known format, or too large.
        MissingDependency: soundfile is not installed.
    """
    return _soundfile.read(content, max_bytes)
