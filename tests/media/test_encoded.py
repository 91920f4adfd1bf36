from __future__ import annotations

import subprocess
import sys

import pytest

from runlore.errors import InvalidArgument
from runlore.media._content import MEMORY_LIMIT_BYTES, Spool
from runlore.media.encoded import Encoded


def test_exactly_one_of_data_and_path():
    with pytest.raises(InvalidArgument, match="exactly one"):
        Encoded(media_type="text/plain", suffix=".txt", kind="text")
    with pytest.raises(InvalidArgument, match="exactly one"):
        Encoded(data=b"", path="/x", media_type="text/plain", suffix=".txt", kind="text")


def test_discard_removes_temporary_files_only(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"abc")
    kept = Encoded(path=str(mine), media_type="text/plain", suffix=".txt", kind="text")
    kept.discard()
    assert kept.read() == b"abc"
    assert kept.size_bytes == 3
    temporary = Encoded(path=str(mine), delete_after=True, media_type="text/plain", suffix=".txt", kind="text")
    temporary.discard()
    temporary.discard()
    assert not mine.exists()


def test_importing_the_package_loads_no_library():
    heavy = (
        "numpy pandas pyarrow PIL matplotlib plotly sklearn skops safetensors torch xgboost lightgbm soundfile imageio"
    )
    script = (
        "import sys, runlore.media as m\n"
        "[getattr(m, name) for name in m.__all__]\n"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_exists_and_others_do_not():
    import runlore.media

    assert sorted(runlore.media._MODULES) == sorted(runlore.media.__all__)
    assert all(getattr(runlore.media, name) for name in runlore.media.__all__)
    with pytest.raises(AttributeError, match="encode_nothing"):
        _ = runlore.media.encode_nothing


def test_spool_moves_to_disk_when_large():
    with Spool(".bin") as small:
        small.write(b"abc")
    assert (small.data, small.path) == (b"abc", None)
    block = bytes(MEMORY_LIMIT_BYTES // 2)
    with Spool(".bin") as large:
        for _ in range(3):
            large.write(block)
    encoded = Encoded(data=large.data, path=large.path, delete_after=True, media_type="x/y", suffix=".bin", kind="text")
    assert large.data is None
    assert encoded.size_bytes == 3 * len(block)
    encoded.discard()


def test_spool_leaves_nothing_behind_when_writing_fails(monkeypatch, tmp_path):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def write_and_fail():
        with Spool(".bin") as spool:
            spool.write(bytes(MEMORY_LIMIT_BYTES + 1))
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_and_fail()
    assert not list(tmp_path.iterdir())
