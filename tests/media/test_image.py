from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, decode_masks, encode_image

RANDOM = np.random.default_rng(0)


def pixels(encoded):
    return decode("image", encoded.media_type, encoded.metadata, encoded.content, as_array=True)


@settings(deadline=None, max_examples=examples(40))
@given(hnp.arrays(np.uint8, st.tuples(st.integers(5, 12), st.integers(5, 12), st.sampled_from([1, 3, 4]))))
def test_uint8_arrays_are_kept_exactly_in_both_layouts(array):
    expected = array[:, :, 0] if array.shape[2] == 1 else array
    np.testing.assert_array_equal(pixels(encode_image(array)), expected)
    np.testing.assert_array_equal(pixels(encode_image(np.moveaxis(array, -1, 0))), expected)


def test_grey_float_bool_and_wide_integers():
    grey = RANDOM.integers(0, 256, (7, 9), dtype=np.uint8)
    np.testing.assert_array_equal(pixels(encode_image(grey)), grey)
    np.testing.assert_array_equal(pixels(encode_image(grey / 255)), grey)
    np.testing.assert_array_equal(pixels(encode_image((grey / 255).astype("float16").astype("float32"))), grey)
    np.testing.assert_array_equal(pixels(encode_image(grey.astype(np.int64))), grey)
    np.testing.assert_array_equal(pixels(encode_image(grey > 100)), (grey > 100) * 255)


def test_when_both_axes_could_be_channels_the_last_one_is():
    array = RANDOM.integers(0, 256, (3, 8, 3), dtype=np.uint8)
    assert encode_image(array).metadata == {"width": 8, "height": 3}


def test_batches_become_a_grid():
    batch = RANDOM.integers(0, 256, (5, 3, 6, 5), dtype=np.uint8)
    grid = pixels(encode_image(batch))
    assert grid.shape == (2 * 8 - 2, 3 * 7 - 2, 3)
    for index in range(5):
        top, left = index // 3 * 8, index % 3 * 7
        np.testing.assert_array_equal(grid[top : top + 6, left : left + 5], np.moveaxis(batch[index], 0, -1))
    np.testing.assert_array_equal(pixels(encode_image(np.moveaxis(batch, 1, -1))), grid)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((8, 8, 5)), r"shape \(8, 8, 5\)"),
        (np.zeros((8, 7, 6)), "channels"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((1, 1, 1, 1, 1)), "shape"),
        (np.zeros((0, 5)), "0 values"),
        (np.full((4, 4), 1.5), "divide by 255"),
        (np.full((4, 4), -0.5), "scale"),
        (np.full((4, 4), np.nan), "nan"),
        (np.full((4, 4), 256), "0 to 255"),
        (np.full((4, 4), 255.0), "divide by 255"),
        (np.full((4, 4), 1.003), "divide by 255"),
        (np.full((4, 4), -0.003), "scale"),
        (np.full((4, 4), np.inf), "inf"),
        (np.full((4, 4), 256, np.uint16), "fromarray"),
        (np.full((4, 4), -1, np.int8), "scale"),
        (np.full((4, 4), 2**63, np.uint64), "0 to 255"),
    ],
)
def test_bad_shapes_and_values(array, message):
    with pytest.raises(InvalidArgument, match=message):
        encode_image(array)


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, np.zeros((4, 4), complex), np.array([["a"]])])
def test_what_is_no_image(value):
    with pytest.raises(WrongType):
        encode_image(value)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_files_are_kept_byte_by_byte(tmp_path, form):
    path = tmp_path / "picture"
    Image.new("RGB", (6, 4), "red").save(path, format=form)
    encoded = encode_image(path)
    assert encoded.path == str(path)
    assert not encoded.delete_after
    assert encoded.media_type == f"image/{form.lower()}"
    assert encoded.metadata == {"width": 6, "height": 4}
    assert decode("image", encoded.media_type, {}, encoded.path).size == (6, 4)


def test_svg_files(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')
    encoded = encode_image(str(path))
    assert encoded.media_type == "image/svg+xml"
    assert decode("image", encoded.media_type, {}, encoded.path).startswith("<?xml")
    with pytest.raises(InvalidArgument, match="no pixels"):
        decode("image", encoded.media_type, {}, encoded.path, as_array=True)


def test_files_that_are_no_images(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x80\x04\x95 a pickle")
    with pytest.raises(InvalidArgument, match="log_artifact"):
        encode_image(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    with pytest.raises(InvalidArgument, match="cannot be read"):
        encode_image(path)
    with pytest.raises(InvalidArgument, match="not an existing file"):
        encode_image(tmp_path / "missing.png")


def test_boxes_are_kept_beside_the_image_and_not_drawn():
    array = np.zeros((10, 20, 3), np.uint8)
    encoded = encode_image(array, boxes=[{"box": (1, 2, 3, 4), "label": "Katze|猫", "score": 0.5}, (0, 0, 20, 10)])
    assert encoded.metadata["boxes"] == [
        {"x_min": 1.0, "y_min": 2.0, "x_max": 3.0, "y_max": 4.0, "label": "Katze|猫", "score": 0.5},
        {"x_min": 0.0, "y_min": 0.0, "x_max": 20.0, "y_max": 10.0},
    ]
    np.testing.assert_array_equal(pixels(encoded), array)
    assert len(encode_image(array, boxes=np.zeros((5, 4))).metadata["boxes"]) == 5


@pytest.mark.parametrize(
    ("boxes", "error", "message"),
    [
        ([(3, 0, 1, 1)], InvalidArgument, "x_min <= x_max"),
        ([(0, 0, 21, 1)], InvalidArgument, "reaches out"),
        ([(-1, 0, 1, 1)], InvalidArgument, "reaches out"),
        ([(0, 0, float("nan"), 1)], InvalidArgument, "finite"),
        ([(0, 0, 1)], WrongType, "four numbers"),
        (["abcd"], WrongType, "array"),
        ([{"box": (0, 0, 1, 1), "colour": 1}], InvalidArgument, "colour"),
        ([{"box": (0, 0, 1, 1), "label": object()}], WrongType, "label"),
        ([{"box": (0, 0, 1, 1), "label": 0.5}], WrongType, "label"),
        ([{"box": (0, 0, 1, 1), "score": "high"}], WrongType, "score"),
        ([{"box": (0, 0, 1, 1), "score": float("nan")}], InvalidArgument, "score"),
        ({"box": 1}, WrongType, "list"),
    ],
)
def test_bad_boxes(boxes, error, message):
    with pytest.raises(error, match=message):
        encode_image(np.zeros((10, 20), np.uint8), boxes=boxes)


def test_masks_come_back_exactly():
    array = np.zeros((10, 20, 3), np.uint8)
    classes, wide = RANDOM.integers(0, 3, (10, 20)), RANDOM.integers(0, 65536, (10, 20))
    encoded = encode_image(array, masks={"truth": {"mask": classes, "labels": {0: "sky", 2: "road"}}, "wide": wide})
    masks = decode_masks(encoded.metadata)
    np.testing.assert_array_equal(masks["truth"], classes)
    np.testing.assert_array_equal(masks["wide"], wide)
    assert encoded.metadata["masks"][0]["labels"] == {"0": "sky", "2": "road"}
    np.testing.assert_array_equal(pixels(encoded), array)


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        ({"m": np.zeros((3, 3), int)}, InvalidArgument, "must be equal"),
        ({"m": np.full((10, 20), 0.5)}, WrongType, "integers"),
        ({"m": np.full((10, 20), np.nan)}, WrongType, "integers"),
        ({"m": {"mask": np.zeros((10, 20), int), "labels": {"sky": 0}}}, WrongType, "class numbers"),
        ({"m": {"mask": np.zeros((10, 20), int), "labels": ["sky"]}}, WrongType, "class numbers"),
        ({"m": np.ma.array(np.zeros((10, 20), int), mask=np.ones((10, 20)))}, InvalidArgument, "masked"),
        ({"m": np.full((10, 20), 70_000)}, InvalidArgument, "65535"),
        ({1: np.zeros((10, 20), int)}, WrongType, "name"),
        ([np.zeros((10, 20), int)], WrongType, "mapping"),
    ],
)
def test_bad_masks(masks, error, message):
    with pytest.raises(error, match=message):
        encode_image(np.zeros((10, 20), np.uint8), masks=masks)


def png_of_size(width, height):
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x01\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"%!PS-Adobe-3.0 EPSF-3.0\n", png_of_size(10, 10)])
def test_damaged_and_foreign_images(content):
    with pytest.raises(InvalidArgument, match="cannot be read"):
        decode("image", "image/png", {}, content)


def test_bombs_are_refused_before_their_pixels_are_made():
    with pytest.raises(InvalidArgument, match=r"pixels|cannot be read"):
        decode("image", "image/png", {}, png_of_size(60_000, 60_000))
