from __future__ import annotations

import pytest

from runlore.errors import InvalidArgument
from runlore.media import decode, encode_text
from runlore.media.decode import _DECODERS
from runlore.media.encoded import KINDS


def test_every_kind_has_a_reader():
    assert set(_DECODERS) == KINDS


def test_unknown_kinds_and_options_are_named():
    with pytest.raises(InvalidArgument, match="'spaceship'"):
        decode("spaceship", "text/plain", {}, b"")
    with pytest.raises(InvalidArgument, match="'as_array' is no option for the kind 'text'"):
        decode("text", "text/plain", {}, b"", as_array=True)


def test_bytes_and_paths_read_alike(tmp_path):
    encoded = encode_text("héllo")
    (tmp_path / "blob").write_bytes(encoded.data)
    for source in (encoded.data, str(tmp_path / "blob"), tmp_path / "blob"):
        assert decode("text", "text/plain", {}, source) == "héllo"
    with pytest.raises(FileNotFoundError):
        decode("text", "text/plain", {}, tmp_path / "missing")
