"""The document that describes LUML's tracker: its signatures are ours, and each of its examples runs as it stands."""

from __future__ import annotations

import inspect
import re
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sklearn.linear_model import LogisticRegression

from runlore import dialects
from runlore.dialects.luml.experiments.tracker import ExperimentTracker

SEED = Path(__file__).parents[2] / "assets" / "seeds" / "luml-experiment-tracker.md"
BLOCKS = re.findall(r"```python\n(.*?)```", SEED.read_text("utf-8"), re.DOTALL)
SIGNATURES = [block for block in BLOCKS if block.startswith(("def ", "class "))]
EXAMPLES = [block for block in BLOCKS if not block.startswith(("def ", "class "))]


@pytest.fixture
def luml(monkeypatch):
    """`import luml` is the dialect, and no TracerProvider was set."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    dialects.install("luml")
    yield
    dialects.uninstall("luml")


def around() -> dict[str, object]:
    """What the document leaves out."""
    X_train = np.random.default_rng(0).random((20, 3))
    return {
        "ExperimentTracker": ExperimentTracker,
        "train_epoch": lambda: 0.5,
        "config_json": '{"depth": 18}',
        "image_bytes": b"\x89PNG",
        "X_train": X_train,
        "model": LogisticRegression().fit(X_train, X_train[:, 0] > 0.5),
    }


def test_every_block_is_accounted_for():
    assert len(SIGNATURES) == 9
    assert len(EXAMPLES) == 9


@pytest.mark.parametrize("text", SIGNATURES, ids=lambda text: re.findall(r"\w+", text)[1])
def test_signatures_are_the_documents(text):
    name = re.findall(r"\w+", text)[1]
    if text.startswith("class"):
        assert name == ExperimentTracker.__name__
        return
    namespace: dict[str, object] = {}
    exec(f"from __future__ import annotations\n{text.rstrip()}: ...", namespace)
    wanted = inspect.signature(namespace[name])
    ours = inspect.signature(getattr(ExperimentTracker, name))
    described = [(p.name, p.default, p.kind) for p in wanted.parameters.values()]
    given = [(p.name, p.default, p.kind) for p in ours.parameters.values() if p.name != "self"]
    if name == "list_experiments":
        assert described == []
        assert all(default is None for _, default, _ in given)
    else:
        assert given == described


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: re.sub(r"\W+", " ", text)[-40:])
def test_examples_run_verbatim(luml, text, capsys):
    namespace = around()
    exec(compile(text, str(SEED), "exec"), namespace)
    tracker = namespace["tracker"]
    assert tracker.list_experiments() or "list_experiments" in text
    for experiment in tracker.list_experiments():
        tracker.end_experiment(experiment["id"])


def test_what_the_examples_recorded_is_there(luml):
    namespace = around()
    for text in EXAMPLES:
        exec(compile(text, str(SEED), "exec"), namespace)
    tracker = ExperimentTracker()
    found = {experiment["name"]: tracker.get_experiment(experiment["id"]) for experiment in tracker.list_experiments()}
    assert found["baseline_model"]["metadata"]["group"] == "image_classification"
    assert found["baseline_model"]["metadata"]["tags"] == ["resnet", "baseline"]
    assert found["my_exp"]["metadata"]["status"] == "completed"
    assert found["sklearn_model"]["static_params"] == {"model_type": "RandomForest"}
    params = [about["static_params"] for about in found.values()]
    assert {"learning_rate": 0.001, "model_architecture": "resnet50", "batch_size": 32} in params
    losses = [about["dynamic_metrics"].get("train_loss") for about in found.values()]
    assert [{"value": 0.5, "step": epoch} for epoch in range(10)] in losses
    assert any(set(about["attachments"]) == {"model_config.json", "plot.png"} for about in found.values())
    [model] = Path().glob("sklearn_model_*.luml")
    namespace["model_ref"].path = str(model)
    assert len(namespace["model_ref"].metadata()) == 2
    first = ExperimentTracker("sqlite://./my_experiments").list_experiments()
    assert [(experiment["name"], experiment["status"]) for experiment in first] == [("my_experiment", "completed")]


SCRIPT = """
from luml.experiments.tracker import ExperimentTracker
from luml.experiments.evaluation import EvalItem, evaluate
from luml.integrations.sklearn import save_sklearn
from luml.modelref import ModelReference
import numpy as np
from sklearn.linear_model import LinearRegression

X = np.arange(8.0).reshape(4, 2)
model = LinearRegression().fit(X, [0, 1, 2, 3])
with ExperimentTracker() as tracker:
    tracker.start_experiment("scripted", group="from a script", tags=["a"])
    tracker.log_static("lr", 0.1)
    tracker.log_dynamic("loss", 0.25)
    reference = save_sklearn(model, X, path="model.luml")
    tracker.link_to_model(reference)
    assert isinstance(reference, ModelReference) and reference.validate()
print(tracker.get_experiment("scripted")["metadata"]["status"])
"""


@pytest.mark.parametrize(
    "command", [["-m", "runlore", "exec", "--dialect", "luml"], ["-m", "runlore.dialects", "luml"]]
)
def test_a_script_runs_with_its_imports_unchanged(tmp_path, command):
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, *command, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "completed"
    about = ExperimentTracker(f"sqlite://{tmp_path}/experiments").get_experiment("scripted")
    assert about["static_params"] == {"lr": 0.1}
    assert about["metadata"]["group"] == "from a script"


def test_installed_in_a_process_it_is_gone_afterwards(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    dialects.install("luml")
    try:
        runpy.run_path(str(tmp_path / "script.py"))
    finally:
        dialects.uninstall("luml")
    with pytest.raises(ModuleNotFoundError):
        __import__("luml.experiments.tracker")
