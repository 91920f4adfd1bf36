"""JSON files that anybody may have written: read, or refused in words, in bounded time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import DamagedFile
from runlore.json_files import MOST_LEVELS, parse_json, read_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(values)
def test_what_json_can_say_is_read(value):
    brackets = '["\\"[", {"\\\\": ' * 200 + "[" + json.dumps(value) + "]" + "}]" * 200
    assert parse_json(json.dumps(value)) == value
    read = parse_json(brackets)
    for _ in range(200):
        text, inner = read
        assert text == '"['
        read = inner["\\"]
    assert read == [value]


def nested(levels):
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "text",
    [
        nested(MOST_LEVELS + 1), "[" * 200_000, '{"a":' * 100_000, '"' + "[" * 1000, '"a\\"' * 100_000 + "[" * 600,
        "[" * 600 + '"', '\\"' * 1000 + "[" * 501, "", "nonsense", "[1, 2", '"\\ud8"', "\0",
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_anything_else_is_an_error_and_no_recursion(text, tmp_path):
    with pytest.raises(ValueError):
        parse_json(text)
    (tmp_path / "file").write_text(text)
    with pytest.raises(DamagedFile, match="is damaged"):
        read_json(str(tmp_path / "file"))


def test_the_limit_itself_is_read():
    assert json.dumps(parse_json(nested(MOST_LEVELS))) == nested(MOST_LEVELS)


def test_bytes_that_are_no_text_are_damage(tmp_path):
    (tmp_path / "file").write_bytes(b'"\xff"')
    with pytest.raises(DamagedFile, match="is damaged"):
        read_json(str(tmp_path / "file"))


def test_what_is_too_large_or_no_file_is_damage(tmp_path):
    (tmp_path / "file").write_text("[1]")
    with pytest.raises(DamagedFile, match="more than 2 bytes"):
        read_json(str(tmp_path / "file"), 2)
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(DamagedFile, match="symbolic link"):
        read_json(str(tmp_path / "link"))
    with pytest.raises(FileNotFoundError):
        read_json(str(tmp_path / "nothing"))
