"""A file system of the test's own, which can be filled."""

from __future__ import annotations

import subprocess

import pytest


@pytest.fixture
def disk(tmp_path, request):
    """40 MB in memory, or what a mark `disk` says."""
    marked = request.node.get_closest_marker("disk")
    size = "40m" if marked is None else marked.args[0]
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a small disk needs privileges: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
