"""What each command loads, counted as `tests/test_import_budget.py` does for recording."""

from __future__ import annotations

import json
import subprocess
import sys

import processes
import pytest

import runlore

PROGRAM = """
import json, sys
bare = set(sys.modules)
import runlore.cli
null = open("/dev/null", "w")
printed, sys.stdout, sys.stderr = sys.stdout, null, null
sys.argv[1:] = {arguments!r}
try:
    runlore.cli.main()
except SystemExit:
    pass
print(json.dumps(sorted(set(sys.modules) - bare)), file=printed)
"""

READING = {"sqlalchemy", "sqlite3", "numpy", "pandas", "pyarrow", "re2"}
"""What readers are made of."""
PRINTING = {"rich", "plotext", "typer", "pydantic", "pygments"}
COMMANDS = {"listing", "runs", "show", "diff", "data", "summary", "plot", "logs", "artifacts", "top", "cards", "card",
            "execute", "demo", "edit", "care", "transfer", "version"}  # fmt: skip
"""Modules of commands."""

BUDGET = 110
"""Modules of a command that reads nothing, beyond a bare interpreter, Click's and the standard library's included."""


def loaded_by(*arguments: str, **environment: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=list(arguments))], capture_output=True, text=True, check=True,
        env=processes.environment(**environment),
    )  # fmt: skip
    return set(json.loads(done.stdout))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def commands(modules: set[str]) -> set[str]:
    return {name.removeprefix("runlore.cli.") for name in modules if name.startswith("runlore.cli.")} & COMMANDS


@pytest.fixture
def small(store) -> str:
    with runlore.start("e", params={"p": 1}, tags={"t": "x"}, capture=False) as run:
        run.log_metric("loss", 1, step=1)
    return store


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        (["--version"], []),
        (["--help"], []),
        (["--show-completion", "bash"], []),
        (["version"], ["version"]),
        (["version", "--json"], ["version"]),
        (["runs", "--help"], ["runs"]),
        (["card", "register", "--help"], ["card", "cards"]),
        (["nonsense"], []),
    ],
    ids=" ".join,
)
def test_what_reads_nothing_loads_no_reader(store, arguments, modules):
    loaded = loaded_by(*arguments)
    assert not packages(loaded) & (READING | PRINTING)
    assert commands(loaded) == set(modules)
    assert len(loaded) <= BUDGET, sorted(loaded)


def test_completion_of_names_of_commands_and_options_loads_no_reader(store):
    for words, modules in (("runlore r", set()), ("runlore runs --", {"runs"})):
        place = str(len(words.split()) - 1)
        loaded = loaded_by(_RUNLORE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=place)
        assert not packages(loaded) & (READING | PRINTING)
        assert commands(loaded) == modules


@pytest.mark.parametrize("arguments", [["ls"], ["runs"], ["show", "e#1"], ["tag", "e#1"]], ids=" ".join)
def test_looking_up_loads_neither_tables_nor_other_commands(small, arguments):
    loaded_by("ls")  # what was recorded since the last look has to be read, with NumPy
    loaded = loaded_by(*arguments)
    assert not packages(loaded) & (PRINTING | {"pandas", "pyarrow", "sqlalchemy"}), sorted(packages(loaded))
    assert arguments[0] == "show" or "numpy" not in packages(loaded)
    assert len(commands(loaded)) == 1


def test_a_pattern_loads_its_library_and_a_chart_another(small):
    """The checks above can fail."""
    assert "re2" in packages(loaded_by("runs", "experiment matches e"))
    assert "plotext" in packages(loaded_by("plot", "e", "loss"))
    assert "pandas" in packages(loaded_by("data", "e"))
