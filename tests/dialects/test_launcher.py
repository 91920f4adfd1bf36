"""Exceptions of a script that runs under a dialect: shown and recorded as if `python script.py` had raised them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import runlore

BODY = (
    "import runlore\nrun = runlore.start('fails', capture={'console': True, 'git': False, 'hardware': False})\n"
    "def inner():\n    raise ValueError('no luck')\ninner()\n"
)


@pytest.fixture
def launch(tmp_path):
    """Run a script plainly, and under a dialect; returns both results."""

    def launch(source, *, module=False):
        (tmp_path / "script.py").write_text(source)
        script = ["-m", "script"] if module else ["script.py"]
        results = []
        for name, before in (("plain", []), ("dialect", ["-m", "runlore.dialects", "polyaxon"])):
            environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / name)}
            results.append(
                subprocess.run([sys.executable, *before, *script], cwd=tmp_path, env=environment, capture_output=True,
                               text=True, check=False)
            )  # fmt: skip
        return results

    return launch


def without_places(text, tmp_path):
    """A traceback with the names of files alone, which differ: Python makes the path of its own script absolute."""
    return text.replace(f"{tmp_path}/", "")


def test_the_traceback_begins_in_the_script(launch, tmp_path):
    plain, dialect = launch(BODY)
    assert (plain.returncode, dialect.returncode) == (1, 1)
    assert "ValueError: no luck" in dialect.stderr
    assert without_places(dialect.stderr, tmp_path) == without_places(plain.stderr, tmp_path)
    value = runlore.get_run("fails#1", store=tmp_path / "dialect").events("stop")[0].value
    assert without_places(value["traceback"], tmp_path) == without_places(plain.stderr, tmp_path)


def test_the_traceback_of_a_module_begins_in_the_module(launch, tmp_path):
    _, dialect = launch(BODY, module=True)
    frames = [line for line in dialect.stderr.splitlines() if line.startswith("  File")]
    assert [line.rpartition("in ")[2] for line in frames] == ["<module>", "inner"]


@pytest.mark.parametrize(
    "source",
    [
        "import nowhere_at_all\n",
        "def broken(:\n",
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e\n",
    ],
)
def test_every_kind_of_failure_is_told_as_without_a_dialect(launch, tmp_path, source):
    plain, dialect = launch(source)
    assert without_places(dialect.stderr, tmp_path) == without_places(plain.stderr, tmp_path)
    assert dialect.returncode == plain.returncode == 1


def test_an_excepthook_of_the_script_gets_the_same(launch):
    hook = "import sys, traceback\nsys.excepthook = lambda k, e, t: print([f.name for f in traceback.extract_tb(t)])\n"
    plain, dialect = launch(f"{hook}def inner():\n    1 / 0\ninner()\n")
    assert plain.stdout == dialect.stdout == "['<module>', 'inner']\n"


def test_exit_codes_and_signals_stay(launch):
    plain, dialect = launch("import sys; sys.exit(7)\n")
    assert plain.returncode == dialect.returncode == 7
    plain, dialect = launch("import os, signal; os.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)\n")
    assert plain.returncode == dialect.returncode == -signal.SIGINT
    assert "runpy" not in dialect.stderr


def test_a_script_that_uses_runpy_itself_keeps_those_frames(launch):
    inner = "import runpy\nopen('inner.py', 'w').write('1 / 0')\nrunpy.run_path('inner.py')\n"
    plain, dialect = launch(inner)
    assert plain.stderr.count('"<frozen runpy>"') == dialect.stderr.count('"<frozen runpy>"') > 0


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("sys.exit(3)", "failed"),
        ("sys.exit()", "succeeded"),
        ("raise SystemExit(3)", "failed"),
        ("raise SystemExit", "succeeded"),
        ("from sys import exit as leave\nleave('no luck')", "failed"),
        ("try:\n    raise SystemExit(3)\nexcept SystemExit:\n    pass", "succeeded"),
        ("try:\n    sys.exit(3)\nexcept SystemExit:\n    pass", "succeeded"),
    ],
)
def test_the_code_that_a_script_leaves_with_is_seen(launch, tmp_path, ending, status):
    body = "import sys\nimport runlore\nrun = runlore.start('leaves', capture=False)\n"
    plain, dialect = launch(body + ending + "\n")
    assert dialect.returncode == plain.returncode
    assert runlore.get_run("leaves#1", store=tmp_path / "dialect").status == status


def test_a_script_whose_main_starts_the_run_and_gives_the_code(launch, tmp_path):
    body = (
        "import sys, runlore\ndef main():\n    runlore.start('leaves', capture=False)\n    return 3\nsys.exit(main())\n"
    )
    _, dialect = launch(body)
    assert dialect.returncode == 3
    assert runlore.get_run("leaves#1", store=tmp_path / "dialect").exit == {"exit_code": 3, "message": "sys.exit(3)"}
