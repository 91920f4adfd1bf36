"""What console capture costs a program that prints: the same output with and without, as a ratio.

    python bench/console.py [MEGABYTES]

Output goes through a pipe into a reader that discards it, as under `tee` or a batch system. The first column prints
lines with `print`, the second writes them in large blocks.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
PROGRAM = """
import os, sys, time
sys.path.insert(0, {source!r})
from runlore.capture.console import ConsoleCapture
class Sink:
    uid = "0" * 32
    journal_directory = {directory!r}
    def event(self, *arguments, **extra): pass
capture = ConsoleCapture(Sink())
if {captured}: capture.start()
line = "epoch 12 step 123456 loss 0.123456 accuracy 0.987654 lr 0.001 " + "." * 36
begun = time.perf_counter()
if {blocks}:
    block = (line + "\\n").encode() * 640
    for _ in range({size} // len(block)): os.write(1, block)
else:
    for _ in range({size} // 100): print(line)
    sys.stdout.flush()
seconds = time.perf_counter() - begun
capture.stop()
total = time.perf_counter() - begun
os.write(2, f"{{seconds}} {{total}}".encode())
"""


def measure(size: int, *, captured: bool, blocks: bool) -> tuple[float, float]:
    """Seconds that the program printed, and seconds until its run had ended."""
    with tempfile.TemporaryDirectory() as directory:
        program = PROGRAM.format(source=SOURCE, directory=directory, captured=captured, blocks=blocks, size=size)
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while os.read(process.stdout.fileno(), 1 << 20):
            pass
        text = process.stderr.read().decode()
        if process.wait() != 0:
            raise SystemExit(text)
        process.stdout.close()
        process.stderr.close()
    seconds, total = map(float, text.split())
    return seconds, total


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for blocks in (False, True):
        plain = [measure(megabytes * 10**6, captured=False, blocks=blocks) for _ in range(3)]
        captured = [measure(megabytes * 10**6, captured=True, blocks=blocks) for _ in range(3)]
        without, printing = (statistics.median(seconds for seconds, _ in runs) for runs in (plain, captured))
        ended = statistics.median(total for _, total in captured)
        way = "blocks of 64 KB" if blocks else "print()"
        print(
            f"{megabytes} MB, {way}: {without:.3f} s without, {printing:.3f} s with capture "
            f"(ratio {printing / without:.2f}), {ended:.3f} s with the end of the run"
        )


if __name__ == "__main__":
    main()
