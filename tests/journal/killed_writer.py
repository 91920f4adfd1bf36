"""A program that logs until it is killed, from threads and forked children, and notes which calls returned.

The notes are counters in a shared memory map: one for each thread of each process. Call number `i` of slot `s` is a
scalar, a row or an event that carries both numbers.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading

from runlore.journal import open_journal

THREADS = 3
PROCESSES = 2


def work(journal, slot: int, notes: mmap.mmap) -> None:
    number = 0
    note = ctypes.c_uint64.from_buffer(notes, slot * 64)  # one store; `struct.pack_into` would write zeros first
    key, first, second = f"s{slot}", f"ra{slot}", f"rb{slot}"
    while True:
        kind = number % 4
        if kind < 2:
            journal.scalar(key, float(number), number)
        elif kind == 2:
            journal.row({first: float(number), second: float(slot)}, number)
        else:
            journal.event("param", key, {"n": number, "text": "x" * (number * 7 % 900)}, step=number)
        number += 1
        note.value = number


def main(directory: str, mode: str, notes_path: str) -> None:
    with open(notes_path, "r+b") as file:
        notes = mmap.mmap(file.fileno(), 0)
    journal = open_journal(directory, "0" * 32, mode)
    process = 0
    for number in range(1, PROCESSES):
        if not os.fork():
            process = number
            break
    slots = range(process * THREADS, (process + 1) * THREADS)
    for slot in slots[1:]:
        threading.Thread(target=work, args=(journal, slot, notes), daemon=True).start()
    work(journal, slots[0], notes)


if __name__ == "__main__":
    main(*sys.argv[1:])
