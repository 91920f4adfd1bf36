"""Every code block of the two documents runs: through the dialect's modules, and as a script of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

import runlore
from runlore import dialects, registry
from runlore.dialects import opsml

BLOCKS = [("opsml-v1-runcard.md", 0), ("opsml-v2-experiment-usage.md", 0)]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    for name in ("NAME", "REPOSITORY", "CONTACT"):
        monkeypatch.setenv(f"OPSML_RUNTIME_{name}", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_block_is_left_out(seed_texts):
    assert [(name, n) for name in sorted({name for name, _ in BLOCKS}) for n in range(len(seed_texts(name)))] == BLOCKS


@pytest.mark.parametrize(("document", "number"), BLOCKS)
def test_a_block_runs(document, number, seed_block):
    seed_block(document, number)
    assert runlore.runs()["status"].tolist() == ["succeeded"]


@pytest.mark.parametrize(("document", "number"), BLOCKS)
def test_a_block_runs_as_a_script(document, number, place, seed_texts):
    (place / "script.py").write_text(seed_texts(document)[number])
    command = [sys.executable, "-W", "error", "-m", "runlore", "exec", "--dialect", "opsml", "script.py"]
    strict = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, env=strict, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    runs = runlore.runs()
    assert runs["status"].tolist() == ["succeeded"]
    if "v2" in document:
        (card,) = registry.list_cards(kind="experiment")
        assert card.space == "opsml"
        assert [item.name for item in runlore.get_run(card.uid).artifacts()] == ["code/script.py"]
    else:
        assert runs.loc[0, ["metrics.test_metric", "metrics.test_metric2"]].tolist() == [10.0, 20.0]


def test_hardware_as_the_document_says(seed_block, seed_texts):
    text = seed_texts("opsml-v1-runcard.md")[0]
    namespace = {}
    exec(text[: text.index("with project.run()")], namespace)
    with namespace["project"].run(log_hardware=True, hardware_interval=10) as run:
        pass
    (sample, *_) = run.get_hardware_metrics()
    assert sample.memory.sys_ram_total > sample.memory.sys_ram_available > 0
    assert sample.network.bytes_recv >= 0


@pytest.mark.parametrize("foreign", sorted(opsml.MODULES))
def test_foreign_modules_have_the_dialects_names(foreign):
    dialects.install("opsml")
    try:
        module = importlib.import_module(foreign)
        home = importlib.import_module(opsml.MODULES[foreign])
        for name in getattr(home, "__all__", ()):
            assert getattr(module, name) is getattr(home, name)
    finally:
        dialects.uninstall("opsml")


def test_every_public_name_of_the_dialect_exists():
    for name in opsml.__all__:
        assert getattr(opsml, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        opsml.nothing  # noqa: B018 - the access is what is tested
