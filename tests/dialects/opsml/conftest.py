"""The code blocks of the documents that the dialect was asked for by."""

from __future__ import annotations

from pathlib import Path

import pytest

from run_document import read_blocks
from runlore import dialects

SEEDS = Path(__file__).parents[2] / "assets" / "seeds"
LEFT_OUT = "from pathlib import Path\n"


def blocks(document):
    return [block.text for block in read_blocks((SEEDS / document).read_text("utf-8")) if block.language == "python"]


@pytest.fixture
def seed_texts():
    """The Python blocks of a document, each with what the documents leave out."""
    return lambda document: [LEFT_OUT + text for text in blocks(document)]


@pytest.fixture
def seed_block(monkeypatch):
    """Runs the block of this number in a document, verbatim but for what the documents leave out; its names."""
    dialects.install("opsml")

    def run(document, number):
        namespace = {"__name__": "__main__"}
        exec(compile(LEFT_OUT + blocks(document)[number], document, "exec"), namespace)
        return namespace

    yield run
    dialects.uninstall("opsml")
