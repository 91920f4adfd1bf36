from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_audio, encode_video


@settings(deadline=None, max_examples=examples(30))
@given(
    st.sampled_from([np.float32, np.int16, np.int32, np.uint8]).flatmap(
        lambda dtype: hnp.arrays(
            dtype, (17, 2), elements={"allow_nan": False, "allow_infinity": False} if dtype == np.float32 else None
        )
    )
)
def test_samples_are_kept_exactly(samples):
    encoded = encode_audio(samples, 8000)
    back, rate = decode("audio", encoded.media_type, encoded.metadata, encoded.data)
    assert rate == 8000
    assert back.dtype == samples.dtype
    np.testing.assert_array_equal(back, samples)


def test_shapes_and_metadata():
    encoded = encode_audio(np.zeros(16000), np.int64(16000))
    assert encoded.metadata == {"sample_rate_hz": 16000, "channels": 1, "samples": 16000, "duration_s": 1.0}
    assert encode_audio(np.zeros((2, 100)), 100).metadata["channels"] == 2
    assert encode_audio(np.zeros((100, 2)), 100).metadata["channels"] == 2


def test_16_bit_is_ordinary_wav():
    with wave.open(io.BytesIO(encode_audio(np.array([1, -2, 3], np.int16), 44100).data)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnframes()) == (44100, 2, 3)


def test_files_and_bytes(tmp_path):
    import soundfile

    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((50, 2)), 8000)
    encoded = encode_audio(path)
    assert (encoded.path, encoded.media_type, encoded.metadata["samples"]) == (str(path), "audio/flac", 50)
    assert encode_audio(path.read_bytes()).media_type == "audio/flac"
    with pytest.raises(InvalidArgument, match="leave it out"):
        encode_audio(path, 8000)


@pytest.mark.parametrize(
    ("audio", "rate", "error"),
    [
        (np.zeros(5), None, InvalidArgument),
        (np.zeros(5), 0, InvalidArgument),
        (np.zeros(5), 1.5, InvalidArgument),
        (np.zeros(0), 10, InvalidArgument),
        (np.zeros((3, 3, 3)), 10, InvalidArgument),
        (np.zeros((30, 30)), 10, InvalidArgument),
        (np.array([np.nan]), 10, InvalidArgument),
        (np.zeros(5, complex), 10, WrongType),
        (np.zeros(5, np.int64), 10, WrongType),
        (None, 10, WrongType),
        (b"\x80\x04N.", None, InvalidArgument),
        ("missing.wav", None, InvalidArgument),
    ],
)
def test_bad_audio(audio, rate, error):
    with pytest.raises(error):
        encode_audio(audio, rate)


def test_damaged_and_large_audio():
    with pytest.raises(InvalidArgument, match="cannot be read"):
        decode("audio", "audio/wav", {}, b"RIFF\x00\x00")
    with pytest.raises(InvalidArgument, match="max_bytes"):
        decode("audio", "audio/wav", {}, encode_audio(np.zeros(1000), 10).data, max_bytes=100)


def test_video_from_both_layouts():
    frames = np.zeros((6, 33, 48, 3), np.uint8)
    frames[3:] = 255
    for video in (frames, np.moveaxis(frames, -1, 1), frames[..., :1] / 255.0):
        encoded = encode_video(video, fps=12)
        assert encoded.delete_after
        assert encoded.metadata == {"frames": 6, "width": 48, "height": 33, "fps": 12.0, "duration_s": 0.5}
        content = encoded.read()
        encoded.discard()
        assert decode("video", "video/mp4", {}, content) == content
        back = decode("video", "video/mp4", {}, content, as_array=True)
        assert back.shape == (6, 34, 48, 3)
        assert back[0].mean() < 5
        assert back[5].mean() > 250


def test_video_files(tmp_path):
    from PIL import Image

    path = tmp_path / "a.gif"
    Image.new("RGB", (8, 6)).save(path, save_all=True, append_images=[Image.new("RGB", (8, 6), "red")])
    encoded = encode_video(path)
    assert (encoded.path, encoded.media_type) == (str(path), "image/gif")
    assert decode("video", "image/gif", {}, encoded.path, as_array=True).shape == (2, 6, 8, 3)
    with pytest.raises(InvalidArgument, match="leave it out"):
        encode_video(path, fps=3)
    path.write_bytes(b"\x80\x04N.")
    with pytest.raises(InvalidArgument, match="log_artifact"):
        encode_video(path)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), "x", 5000])
def test_bad_rates(fps):
    with pytest.raises(InvalidArgument, match="fps"):
        encode_video(np.zeros((2, 8, 8, 3)), fps)


@pytest.mark.parametrize("shape", [(2, 8, 8), (0, 8, 8, 3), (2, 8, 8, 7)])
def test_bad_shapes(shape):
    with pytest.raises(InvalidArgument, match="shape"):
        encode_video(np.zeros(shape))


def test_damaged_and_large_video():
    with pytest.raises(InvalidArgument, match="cannot be read"):
        decode("video", "video/mp4", {}, b"\x80\x04N.", as_array=True)
    encoded = encode_video(np.zeros((4, 16, 16, 3)))
    with pytest.raises(InvalidArgument, match="max_bytes"):
        decode("video", "video/mp4", {}, encoded.path, as_array=True, max_bytes=1000)
    encoded.discard()
