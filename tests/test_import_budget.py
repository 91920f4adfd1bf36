"""Recording must not slow a program's start: what the training process imports is counted, in a new interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runlore

FORBIDDEN = {
    # Work for readers. The training process must never pay for it.
    "numpy": "147 modules, 50 ms",
    "pandas": "584 modules, 270 ms",
    "pyarrow": "182 modules, 80 ms",
    "sqlalchemy": "269 modules, 140 ms; the training process opens no database",
    "sqlite3": "the training process opens no database",
    "rich": "tables are for readers",
    "click": "the command line is a program of its own",
    "psutil": "only hardware capture needs it",
    "pynvml": "only hardware capture needs it",
    "matplotlib": "only log_figure needs it, and then the user has imported it",
    # The standard library's dear corners.
    "asyncio": "110 modules, 34 ms; nothing here waits for events",
    "concurrent": "43 modules; no pools: a training process runs no thread of ours",
    "multiprocessing": "46 modules, and it is the user's to set up",
    "logging": "40 modules, 10 ms; faults are said on stderr directly",
    "inspect": "41 modules, 10 ms: ast, dis, tokenize and more",
    "ast": "comes with inspect",
    "tokenize": "comes with linecache and inspect",
    "dataclasses": "45 modules, 12 ms: it imports inspect",
    "pathlib": "33 modules, 8 ms; os.path does",
    "typing": "5 modules, 3 ms; types are for type checkers: see the decision on names of types",
    "uuid": "28 modules, 7 ms, and it may start a process; uids come from os.urandom",
    "subprocess": "40 modules, 9 ms; git is asked by who needs the answer, later",
    "tempfile": "44 modules, 8 ms: it imports shutil and random",
    "shutil": "34 modules, 7 ms: bz2, lzma and zlib",
    "random": "17 modules; its state is the user's",
    "statistics": "comes with random, and with decimal and fractions",
    "platform": "26 modules, 6 ms; os.uname does",
    "socket": "26 modules, 6 ms; the host's name comes from os.uname",
    "ssl": "nothing is sent without a server",
    "http": "nothing is sent without a server",
    "urllib": "nothing is sent without a server",
    "email": "comes with http and importlib.metadata",
    "importlib.metadata": "109 modules, 29 ms; the list of packages is made later",
    "unittest": "belongs to tests",
    "pickle": "nothing in a store is a pickle",
    "decimal": "values are float64",
    "fractions": "values are float64",
    "argparse": "28 modules; the command line is a program of its own",
    "gzip": "journals are not compressed while they are written",
    "xml": "nothing here is XML",
}
"""Modules that recording must not load, and why: what each loads beyond a bare CPython 3.11, and roughly how long that
took. A package forbids all that is below it."""

HEAVY = {"numpy", "pandas", "pyarrow", "sqlalchemy", "sqlite3", "asyncio", "rich", "click", "matplotlib"}
"""What must stay out even when everything is captured: it runs in the training process too."""

MODULE_BUDGET = 85
"""Modules beyond an interpreter without `site`, ours and the standard library's, such as `os`, `re` and `json`.

Some twenty of them any program has loaded anyway. Raise the number knowingly."""

IMPORT_BUDGET = 40
"""The same for `import runlore` alone."""

PROGRAM = """
import sys
bare = set(sys.modules)
sys.path.insert(0, {source!r})
import runlore
imported = set(sys.modules) - bare
with runlore.start("budget", params={{"lr": 0.1}}, store={store!r}{options}) as run:
    run.log_metric("loss", 0.5, step=1)
    recording = set(sys.modules) - bare
    import threading  # loaded already, or counted before
    threads = threading.active_count()
import json
print(json.dumps({{"imported": sorted(imported), "recording": sorted(recording), "threads": threads}}))
"""


def record(tmp_path: Path, options: str = "") -> dict:
    """Record one metric in an interpreter without site packages: only the standard library can be found."""
    source = str(Path(runlore.__file__).parents[1])
    program = PROGRAM.format(source=source, store=str(tmp_path / "store"), options=options)
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", program]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNLORE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def find_forbidden(modules: list[str], forbidden=FORBIDDEN) -> list[str]:
    return sorted(
        f"{module}: {forbidden[name]}"
        for module in modules
        for name in forbidden
        if module == name or module.startswith(f"{name}.")
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict:
    return record(tmp_path_factory.mktemp("plain"), ", capture=False")


def test_the_first_metric_loads_nothing_dear(plain):
    assert "runlore" in plain["imported"]
    assert find_forbidden(plain["recording"]) == []


def test_importing_stays_within_its_budget(plain):
    assert len(plain["imported"]) <= IMPORT_BUDGET, plain["imported"]


def test_the_number_of_modules_stays_within_its_budget(plain):
    assert len(plain["recording"]) <= MODULE_BUDGET, plain["recording"]


def test_no_thread_runs_without_capture(plain):
    assert plain["threads"] == 1


def test_recording_needs_no_package_but_the_standard_library(plain):
    known = sys.stdlib_module_names | {"runlore"}
    assert [name for name in plain["recording"] if name.partition(".")[0] not in known] == []


def test_capture_keeps_the_heavy_libraries_out(tmp_path):
    loaded = record(tmp_path)["recording"]
    assert find_forbidden(loaded, {name: FORBIDDEN[name] for name in HEAVY}) == []


def test_a_forbidden_module_is_found():
    assert find_forbidden(["json", "numpyro", "concurrent.futures"]) == [
        f"concurrent.futures: {FORBIDDEN['concurrent']}"
    ]


def test_the_budget_can_be_exceeded(tmp_path):
    loaded = record(tmp_path, ", capture=bool(__import__('asyncio') is None)")["recording"]
    assert find_forbidden(loaded)
    assert len(loaded) > MODULE_BUDGET
