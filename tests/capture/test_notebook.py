"""Cells of a real Jupyter kernel: what they print is shown as before, and recorded cell after cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import runlore

NOTEBOOK = """
import json, sys
from jupyter_client.manager import start_new_kernel

CELLS = [
    "import runlore, sys\\nrun = runlore.start('nb', capture={'hardware': False})\\nprint('first')",
    "print('second'); print('error', file=sys.stderr); run.log_metric('loss', 1.0)",
    "import logging; logging.getLogger('train').warning('x=%d', 3); print('third')",
    "run.finish(); print('after the end')",
]
manager, client = start_new_kernel(kernel_name="python3")
shown = []

def show(message):
    if message["msg_type"] in ("stream", "error"):
        shown.append(message["content"].get("text", message["content"].get("evalue")))

try:
    for cell in CELLS:
        client.execute_interactive(cell, output_hook=show, timeout=60)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(shown))
"""


def test_every_cell_is_recorded_and_shown(tmp_path):
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store"), "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = "".join(json.loads(done.stdout.splitlines()[-1]))
    assert [word for word in ("first", "second", "error", "third", "after the end") if word not in shown] == []
    view = runlore.get_run("nb#1", store=tmp_path / "store")
    assert view.status == "succeeded"
    assert [line for line in view.logs("stdout") if line] == ["first", "second", "third"]
    assert "error" in list(view.logs("stderr"))
    assert list(view.logs("logging")) == ["x=3"]
