"""What the start event of a run says, read without any library: for processes that join or resume a run."""

from __future__ import annotations

import json
import os
from typing import Any

from runlore.journal import format as fmt
from runlore.journal.format import JOURNAL
from runlore.model import START

_HEAD_BYTES = 8 * fmt.FRAME_BYTES


def start_of(run_directory: str) -> dict[str, Any]:
    """The value of the run's start event: experiment, number, name … Empty where it was not written yet, or is lost."""
    journals = os.path.join(run_directory, JOURNAL)
    if os.path.isdir(journals):
        for name in sorted(os.listdir(journals)):
            if name.endswith(fmt.SUFFIX):
                about = _start_in(os.path.join(journals, name))
                if about:
                    return about
    if os.path.exists(os.path.join(run_directory, "events.parquet")):
        from runlore.store.sealed.files import read_summary

        return dict(read_summary(run_directory)["start"])
    return {}


def _start_in(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        data = file.read(_HEAD_BYTES)
    if len(data) < fmt.HEADER_BYTES:
        return {}
    at = fmt.FILE_HEADER.unpack_from(data)[3] + 32
    while 0 < at <= len(data) - 32:
        time, step, check, count, number, tail = fmt.RECORD.unpack_from(data, at)
        kind, size = tail >> 16 & 0xFF, (tail & 0xFFFF) * 8
        if tail >> 24 != fmt.MARK or not size:
            return {}
        if kind == fmt.EVENT:
            text = data[at + 32 : at + 32 + count]
            if fmt.record_check(time, step, count, number, tail, text) != check:
                return {}
            record = json.loads(text.decode("utf-8", "surrogatepass"))
            if record["e"] == START:
                return dict(record["v"])
        at += size
    return {}
