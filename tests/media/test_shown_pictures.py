"""What a Pillow image or an array shows is what is stored, in every mode and of every type; else it is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_image

RANDOM = np.random.default_rng(0)
SIZE = (7, 5)
MODES = Image.MODES if hasattr(Image, "MODES") else [
    "1", "CMYK", "F", "HSV", "I", "I;16", "I;16B", "L", "LA", "LAB", "P", "RGB", "RGBA", "RGBX", "YCbCr",
]  # fmt: skip
"""All that Pillow makes; it reads and keeps some more."""


def picture(mode):
    """A picture of random pixels."""
    width, height = SIZE
    if mode in ("I", "F"):
        array = RANDOM.integers(0, 256, (height, width)).astype(np.int32 if mode == "I" else np.float32)
        return Image.fromarray(array)
    if mode.startswith("I;16"):
        array = RANDOM.integers(0, 65536, (height, width)).astype(np.uint16)
        return Image.frombytes(mode, SIZE, array.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    if mode == "1":
        return Image.fromarray(RANDOM.random((height, width)) > 0.5)
    if mode in ("La", "RGBa"):
        return picture({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    bands = len(Image.new(mode, (1, 1)).getbands())
    image = Image.frombytes(mode, SIZE, RANDOM.integers(0, 256, width * height * bands, dtype=np.uint8).tobytes())
    if mode in ("P", "PA"):
        image.putpalette(RANDOM.integers(0, 256, 768, dtype=np.uint8).tobytes())
    return image


def stored(image):
    encoded = encode_image(image)
    assert (encoded.metadata["width"], encoded.metadata["height"]) == image.size
    return decode("image", encoded.media_type, encoded.metadata, encoded.content)


@pytest.mark.parametrize("mode", [mode for mode in MODES if not mode.startswith("I;16")])
def test_every_mode_is_stored_as_pillow_shows_it(mode):
    image = picture(mode)
    shown = image.convert("LA") if mode == "La" else image.convert("L") if mode in ("I", "F") else image
    np.testing.assert_array_equal(np.asarray(stored(image).convert("RGBA")), np.asarray(shown.convert("RGBA")))


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.startswith("I;16")])
def test_16_bits_are_kept_exactly(mode):
    image = picture(mode)
    found = stored(image)
    assert found.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(found.convert("I")), np.asarray(image.convert("I")))


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_a_transparent_colour_stays_transparent(mode):
    image = picture(mode)
    image.info["transparency"] = {"RGB": (1, 2, 3), "1": 255}.get(mode, 7)
    np.testing.assert_array_equal(np.asarray(stored(image).convert("RGBA")), np.asarray(image.convert("RGBA")))


def test_a_palette_with_alpha():
    image = picture("P")
    image.putpalette(RANDOM.integers(0, 256, 1024, dtype=np.uint8).tobytes(), "RGBA")
    np.testing.assert_array_equal(np.asarray(stored(image).convert("RGBA")), np.asarray(image.convert("RGBA")))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 2), 256, np.int32), "from 256 to 256; 0 to 255"),
        (np.full((2, 2), -1, np.int32), "from -1 to -1"),
        (np.full((2, 2), 300.0, np.float32), "0 to 255"),
        (np.full((2, 2), np.nan, np.float32), "nan"),
        (np.full((2, 2), 0.5, np.float32), "would be black"),
        (np.eye(2, dtype=np.float32), "would be black"),
    ],
)
def test_what_could_only_be_clipped_or_blackened_is_refused(array, message):
    with pytest.raises(InvalidArgument, match=message):
        encode_image(Image.fromarray(array))


def test_black_is_black():
    assert np.asarray(stored(Image.fromarray(np.zeros((2, 2), np.float32)))).max() == 0


def test_a_profile_of_other_colours_is_not_kept():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode, kept in (("RGB", True), ("CMYK", False), ("YCbCr", False)):
        image = picture(mode)
        image.info["icc_profile"] = profile
        assert (stored(image).info.get("icc_profile") == profile) == kept


def with_orientation(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    picture("RGB").save(out, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_what_viewers_show(tmp_path, form, orientation):
    from PIL import ImageOps

    path = tmp_path / "photo"
    path.write_bytes(with_orientation(form, orientation))
    encoded = encode_image(path, boxes=[(0, 0, SIZE[1], 1)])
    shown = ImageOps.exif_transpose(Image.open(path))
    assert (encoded.metadata["width"], encoded.metadata["height"]) == shown.size
    assert encoded.read() == path.read_bytes()
    found = decode("image", encoded.media_type, encoded.metadata, encoded.content)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(shown))


def test_a_photo_that_was_opened_is_what_pillow_shows(tmp_path):
    image = Image.open(io.BytesIO(with_orientation("PNG", 6)))
    np.testing.assert_array_equal(np.asarray(stored(image)), np.asarray(image))


GREY = RANDOM.integers(0, 256, (5, 7))


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", ">u2", ">i4"]
)
@pytest.mark.parametrize(
    "shape", [(5, 7), (5, 7, 1), (1, 5, 7), (5, 7, 3), (3, 5, 7), (5, 7, 4), (4, 5, 7), (2, 5, 7, 3)]
)
def test_integers_of_every_type_and_shape(dtype, shape):
    top = {"bool": 2, "int8": 128}.get(dtype, 256)
    array = RANDOM.integers(0, top, shape).astype(dtype)
    expected = (array.astype(int) * (255 if dtype == "bool" else 1)).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(stored_array(array)), np.asarray(stored_array(expected)))
    if shape == (5, 7):
        np.testing.assert_array_equal(np.asarray(stored_array(array)), expected)


def stored_array(array, **options):
    encoded = encode_image(array, **options)
    return decode("image", encoded.media_type, encoded.metadata, encoded.content)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4"])
def test_floats_of_every_type(dtype):
    found = np.asarray(stored_array((GREY / 255).astype(dtype)))
    np.testing.assert_array_equal(found, GREY)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_that_miss_the_range_by_rounding(dtype):
    above, below = np.nextafter(dtype(1), dtype(2)), np.nextafter(dtype(0), dtype(-1))
    found = np.asarray(stored_array(np.array([[below, above], [-0.001, 1.0015]], dtype)))
    assert found.tolist() == [[0, 255], [0, 255]]


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "U1", "O"])
def test_what_is_no_brightness(dtype):
    with pytest.raises((WrongType, InvalidArgument)):
        encode_image(np.array([["a", "b"]]).astype(dtype) if dtype in "UO" else np.zeros((4, 4)).astype(dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, bool])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (3, 5, 7), (5, 7, 4), (2, 5, 7, 3)])
def test_masked_pixels_are_transparent(dtype, shape):
    data = np.ones(shape, dtype)
    masked = RANDOM.random(shape) > 0.8
    if dtype is np.float32:
        data[masked] = np.nan
    found = np.asarray(stored_array(np.ma.array(data, mask=masked)).convert("RGBA"))[:, :, 3]
    channels = {(5, 7): None, (3, 5, 7): 0}.get(shape, -1)
    hidden = masked if channels is None else masked.any(axis=channels)
    if len(shape) == 4:
        np.testing.assert_array_equal(found[:5, :7] == 0, hidden[0])
        np.testing.assert_array_equal(found[:5, 9:] == 0, hidden[1])
    else:
        np.testing.assert_array_equal(found == 0, hidden)


def test_nothing_masked_is_as_without_a_mask():
    assert stored_array(np.ma.array(GREY.astype(np.uint8))).mode == "L"


def test_boxes_labels_and_masks_whose_meaning_is_clear():
    encoded = encode_image(
        np.zeros((10, 20), np.uint8),
        boxes=[
            {"box": (-0.001, 0, 20.001, 10.9), "label": np.int64(3), "score": np.float32(0.5)},
            {"box": np.array([0.0, 1, 2, 3]), "label": np.str_("cat")},
            {"box": (0, 0, 1, 1), "label": 2.0},
        ],
        masks={"whole": np.full((10, 20), 2.0), "flags": np.ones((10, 20), np.float16)},
    )
    first, second, third = encoded.metadata["boxes"]
    assert first == {"x_min": 0.0, "y_min": 0.0, "x_max": 20.0, "y_max": 10.0, "label": 3, "score": 0.5}
    assert (second["label"], third["label"]) == ("cat", 2)
    assert [type(box["label"]) for box in (first, second, third)] == [int, str, int]
