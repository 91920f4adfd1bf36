"""What a training process loads to write a journal."""

from __future__ import annotations

import json
import subprocess
import sys

FORBIDDEN = {
    "numpy",
    "pathlib",
    "dataclasses",
    "logging",
    "subprocess",
    "inspect",
    "tempfile",
    "uuid",
    "datetime",
    "typing",
}


def test_writing_loads_the_standard_librarys_cheap_parts_only(tmp_path):
    program = f"""
import sys
bare = set(sys.modules)
from runlore.journal import open_journal
for mode in ("mmap", "write"):
    journal = open_journal({str(tmp_path)!r}, "0" * 32, mode)
    journal.scalar("a", 1.0, 1)
    journal.row({{"a": 1.0, "b": 2.0}}, 2)
    journal.event("param", "lr", 0.1)
    journal.columns({{"fold": 1}})
    journal.close()
loaded = sorted(set(sys.modules) - bare)
import json
print(json.dumps(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = json.loads(done.stdout)
    assert "runlore.journal.writer" in loaded
    assert [name for name in loaded if name.partition(".")[0] in FORBIDDEN] == []
    assert [name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names | {"runlore"}] == []
    assert len(loaded) <= 63, loaded  # 21 are ours, one of them the contract of recorders, 19 come with json and re
