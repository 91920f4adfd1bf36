from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_html, encode_text


@given(st.text(alphabet=st.characters()))
def test_any_string_comes_back(text):
    assert decode("text", "text/plain", {}, encode_text(text).data) == text
    assert decode("html", "text/html", {}, encode_html(text).data) == text


def test_html_from_files_and_rich_objects(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes("<p>Größe".encode("latin-1"))
    encoded = encode_html(path)
    assert (encoded.path, encoded.delete_after) == (str(path), False)
    assert decode("html", "text/html", {}, encoded.path) == "<p>Gr\ufffd\ufffde"

    class Rich:
        def _repr_html_(self):
            return "<b>rich</b>"

    assert encode_html(Rich()).data == b"<b>rich</b>"


def test_what_is_no_text(tmp_path):
    with pytest.raises(WrongType, match="bytes"):
        encode_text(b"abc")
    with pytest.raises(WrongType, match="int"):
        encode_html(3)
    with pytest.raises(InvalidArgument, match="not an existing file"):
        encode_html(tmp_path / "missing.html")
    with pytest.raises(InvalidArgument, match="more than the 3"):
        decode("text", "text/plain", {}, b"abcd", max_bytes=3)
