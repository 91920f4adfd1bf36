"""The bytes: journals that were written once open forever, and the layout is what the documents say."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from zlib import crc32

import pytest
from journal_oracle import RUN
from make_journals import SAMPLES as MAKERS
from make_journals import describe

from runlore.journal import format as fmt
from runlore.journal import open_journal
from runlore.journal.decode import CLOSED, TORN

ASSETS = Path(__file__).parents[1] / "assets"
SAMPLES = sorted((ASSETS / "journals").glob("v*/*.rlj"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_samples_of_every_version_open(path):
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(describe(str(path)))) == expected
    assert expected["state"] == (TORN if path.stem == "killed" else CLOSED)
    assert expected["damage"] == []
    assert expected["points"]


def test_every_kind_of_sample_is_there():
    assert {path.stem for path in SAMPLES} == {maker.__name__ for maker in MAKERS}


def test_the_layout_byte_by_byte(tmp_path):
    journal = open_journal(str(tmp_path), RUN)
    journal.scalar("loss", 0.5, 3, 1)
    journal.close()
    data = Path(journal.path).read_bytes()
    magic, version, _, header, text, check, own = struct.unpack_from("<8sHHIIII", data)
    assert (magic, version, own) == (b"RUNLORE\n", 1, crc32(data[:24]))
    assert struct.unpack_from("<II", data, 32) == (0, 0xFFFFFFFF)
    assert crc32(data[64 : 64 + text]) == check
    assert header % 32 == 0
    assert json.loads(data[64 : 64 + text])["uid"] == RUN
    assert data[header : header + 4] == b"RLfr"
    assert struct.unpack_from("<IIIIQI", data, header + 4) == (0, 1, 0, 0, 0, crc32(data[header : header + 28]))
    key = header + 32
    _, _, check, count, number, tail = struct.unpack_from("<qdIIII", data, key)
    assert (count, number, tail) == (4, 0, 0xA5 << 24 | 4 << 16 | 5)
    assert data[key + 32 : key + 40] == b"loss\0\0\0\0"
    assert check == crc32(data[key : key + 16] + struct.pack("<III", count, number, tail) + b"loss")
    scalar = key + 40
    assert struct.unpack_from("<qddII", data, scalar) == (10**9, 3.0, 0.5, 0, 0xA5010004)
    assert struct.unpack_from("<I", data, scalar + 32 + 16)[0] == crc32(data[key : scalar + 32])
    assert struct.unpack_from("<I", data, scalar + 32 + 28)[0] == 0xA5 << 24 | 7 << 16 | 4
    assert len(data) == scalar + 64


@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 20_000, 1 << 20, fmt.MAX_PAYLOAD_BYTES])
def test_a_frame_holds_the_record_that_it_is_made_for(size):
    record = fmt.RECORD_BYTES + fmt.padded(size)
    assert fmt.span_of(record) * fmt.FRAME_BYTES >= record + 2 * fmt.RECORD_BYTES


def test_sizes_that_do_not_fit_the_mark():
    assert fmt.tail_of(fmt.EVENT, 0xFFFF * 8) & 0xFFFF == 0xFFFF
    assert fmt.tail_of(fmt.EVENT, 0x10000 * 8) & 0xFFFF == 0
