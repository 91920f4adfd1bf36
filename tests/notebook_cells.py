"""Cells run in a real Jupyter kernel, one after the other, with what each of them shows.

As a program: reads cells as JSON, (id or null, code) each, from stdin, and prints a list of outputs for each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def run_cells(directory, *cells, environment=None):
    """Run cells in a new kernel; texts without an id, or (id, code). Each gives the contents of its output messages."""
    import pytest  # not in the program that this file is as well

    pytest.importorskip("ipykernel", reason="notebooks need Jupyter's kernel for Python: pip install ipykernel")
    asked = [cell if isinstance(cell, tuple) else (None, cell) for cell in cells]
    settings = {**os.environ, "IPYTHONDIR": str(directory / "ipython"), **(environment or {})}
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(asked), env=settings, cwd=directory, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _execute(client, cell, code):
    message = client.session.msg(
        "execute_request",
        {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
         "stop_on_error": True},
        metadata={"cellId": cell} if cell else {},
    )  # fmt: skip
    client.shell_channel.send(message)
    outputs = []
    while True:
        answer = client.get_iopub_msg(timeout=60)
        if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if answer["msg_type"] in ("stream", "error", "execute_result", "display_data"):
            outputs.append(answer["content"])
        if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
            return outputs


def _main():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        shown = [_execute(client, cell, code) for cell, code in json.load(sys.stdin)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    sys.stdout.write(json.dumps(shown) + "\n")


if __name__ == "__main__":
    _main()
