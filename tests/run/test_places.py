"""Places that programs really run in: stores that only others may write to, users without a home, directories gone."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile

import pytest

import runlore

NOBODY = 54_321
"""A user whom no system knows."""

SETPRIV = shutil.which("setpriv")

pytestmark = pytest.mark.skipif(os.getuid() != 0 or SETPRIV is None, reason="to try another user's rights takes root")


@pytest.fixture
def place():
    """A directory that every user can reach, unlike pytest's own."""
    path = tempfile.mkdtemp()
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


def run_as_nobody(code, cwd, **environment):
    """A program of a user without an entry and a home, who may read everything (Python may be anywhere), not write."""
    keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    rights = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"]
    return subprocess.run(
        [SETPRIV, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *rights, sys.executable, "-c", code],
        cwd=cwd, env={**keep, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def freeze(path):
    for directory, _, files in os.walk(path):
        os.chmod(directory, 0o755)
        for name in files:
            os.chmod(os.path.join(directory, name), 0o644)


READ = "import runlore; print(runlore.runs()['metrics.m'].tolist(), runlore.get_run('e#1').status)"


@pytest.mark.parametrize("home", ["unset", "unwritable", "missing", "a file"])
def test_a_store_that_can_only_be_read_is_read_wherever_the_home_is(place, home):
    store = os.path.join(place, "store")
    with runlore.start("e", store=store, capture=False) as run:
        run.log_metric("m", 1.0)
    freeze(store)
    before = sorted(os.listdir(store))
    homes = {"unwritable": "/", "missing": f"{place}/none/here", "a file": f"{store}/format"}
    environment = {"HOME": homes[home]} if home in homes else {}
    done = run_as_nobody(READ, place, RUNLORE_STORE=store, **environment)
    assert (done.returncode, done.stdout) == (0, "[1.0] succeeded\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("runlore:") <= 1
    assert sorted(os.listdir(store)) == before
    assert sorted(os.listdir(place)) == ["store"]


def test_a_store_that_can_only_be_read_is_not_recorded_into(place):
    store = os.path.join(place, "store")
    runlore.start("e", store=store, capture=False).finish()
    freeze(store)
    done = run_as_nobody("import runlore; runlore.start('e', capture=False)", place, RUNLORE_STORE=store)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("runlore.errors.ReadOnlyStore")


def test_a_user_without_a_home_records_and_reads(place):
    work = os.path.join(place, "work")
    os.mkdir(work)
    os.chmod(work, stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    code = f"import runlore\nwith runlore.start('e') as run: run.log_metric('m', 1.0)\n{READ}"
    done = run_as_nobody(code, work)
    assert (done.returncode, done.stdout) == (0, "[1.0] succeeded\n"), done.stderr
    assert os.listdir(work) == [".runlore"]
    view = runlore.get_run("e#1", store=os.path.join(work, ".runlore"))
    assert view.user == str(NOBODY)
