"""Contents: stored once, streamed, whole or not at all."""

from __future__ import annotations

import hashlib
import os

import pytest

from runlore.errors import InvalidArgument
from runlore.store import blobs


def test_the_same_contents_are_stored_once(tmp_path):
    root = str(tmp_path / "blobs")
    source = tmp_path / "file"
    source.write_bytes(b"contents" * 300_000)
    first = blobs.put_bytes(root, source.read_bytes())
    assert blobs.put_file(root, str(source)) == first == (hashlib.sha256(source.read_bytes()).hexdigest(), 2_400_000)
    assert [name for _, _, files in os.walk(root) for name in files] == [first[0]]


def test_empty_contents(tmp_path):
    digest, size = blobs.put_bytes(str(tmp_path), b"")
    assert size == 0
    assert os.path.getsize(blobs.path_of(str(tmp_path), digest)) == 0


def test_a_failed_copy_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="No space"):
        blobs.put_bytes(str(tmp_path), b"x")
    assert [name for _, _, files in os.walk(tmp_path) for name in files] == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64])
def test_a_digest_is_a_digest(tmp_path, digest):
    with pytest.raises(InvalidArgument, match="SHA-256"):
        blobs.path_of(str(tmp_path), digest)
