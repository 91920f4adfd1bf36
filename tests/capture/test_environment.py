from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys

import pytest
from recording import RecordingSink

from runlore.capture import _packages, environment
from runlore.capture.environment import EnvironmentCapture, facts, system_snapshot

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(environment.__file__)))
PROGRAM = f"""
import json, sys
sys.path.insert(0, {SOURCE!r})
before = set(sys.modules)
from runlore.capture import environment
known = environment.facts()
known["imported"] = sorted(set(sys.modules) - before)
print(json.dumps(known))
"""


def run_program(*arguments, cwd, **variables):
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env={**os.environ, **variables}, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)


def test_the_script_is_the_users(tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM)
    known = run_program("train.py", "--lr", "0.1", cwd=tmp_path)
    assert known["script"] == str(tmp_path / "train.py")
    assert known["argv"] == ["train.py", "--lr", "0.1"]
    assert known["command"][1:] == ["train.py", "--lr", "0.1"]
    assert known["working_directory"] == str(tmp_path)
    assert known["host"] == platform.node()
    assert known["platform"]["system"] == platform.system()
    assert known["python"]["version"] == platform.python_version()
    assert known["memory"]["total_bytes"] > 1e6
    assert known["cpu"]["count"] == os.cpu_count()


def test_a_module_and_a_string_are_told_apart_from_a_script(tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training/__main__.py").write_text(PROGRAM)
    (tmp_path / "training/__init__.py").touch()
    assert run_program("-m", "training", cwd=tmp_path)["module"] == "training"
    assert run_program("-c", PROGRAM, cwd=tmp_path)["script"] is None


def test_the_start_imports_nothing_dear(tmp_path):
    imported = run_program("-I", "-S", "-c", PROGRAM, cwd=tmp_path)["imported"]
    assert "runlore.capture.environment" in imported
    dear = {"subprocess", "platform", "socket", "importlib.metadata", "email", "psutil", "pathlib", "logging"}
    assert dear.isdisjoint(imported)


def test_only_allowed_variables_and_no_secret(tmp_path):
    known = run_program(
        "-c", PROGRAM, "--api-key", "k3y-value", "--password=hunter2", "https://a:b@c.d/", cwd=tmp_path,
        MY_SETTING="private", AWS_SECRET_ACCESS_KEY="wJalr", TORCH_TOKEN="t0k", SLURM_JWT="j", OMP_NUM_THREADS="2",
        CUDA_VISIBLE_DEVICES="0,1", XLA_FLAGS="--x=hf_abcdefghijklmnopqrstuvwxyz012345",
    )  # fmt: skip
    text = json.dumps(known)
    for secret in ("k3y-value", "hunter2", "private", "wJalr", "t0k", "SLURM_JWT", "hf_abc", "a:b@"):
        assert secret not in text
    assert known["variables"]["OMP_NUM_THREADS"] == "2"
    assert known["variables"]["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert known["variables"]["TORCH_TOKEN"] == "***"


def test_packages_are_those_that_importlib_finds():
    expected = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        expected.setdefault(re.sub(r"[-_.]+", "-", name).lower(), f"{name}=={distribution.version}")
    assert _packages.installed_packages() == sorted(expected.values(), key=str.lower)


def test_packages_in_odd_places(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for directory, version in ((first, "2.0"), (second, "1.0")):
        (directory / f"my_pkg-{version}.dist-info").mkdir(parents=True)
        (directory / f"my_pkg-{version}.dist-info/METADATA").write_text(f"Name: My.Pkg\nVersion: {version}\n")
    (second / "bare-3.1.dist-info").mkdir()
    (second / "~roken-1.0.dist-info").mkdir()
    (second / "old-0.5-py3.11.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.5\n")
    search = [str(tmp_path / "missing.zip"), str(first), str(second), str(first)]
    assert _packages.installed_packages(search) == ["bare==3.1", "My.Pkg==2.0", "old==0.5"]


def test_a_short_run_has_its_packages_too():
    sink = RecordingSink()
    one = EnvironmentCapture(sink)
    one.start()
    assert "packages" not in sink.facts("environment")
    one.stop()
    one.stop()
    assert any(package.startswith("pytest==") for package in sink.facts("environment")["packages"])
    assert len(sink.events) == 2


def test_a_long_run_has_its_packages_before_its_end(sink, monkeypatch):
    monkeypatch.setattr(environment, "GRACE_SECONDS", 0.01)
    one = EnvironmentCapture(sink)
    one.start()
    sink.wait_for(lambda: "packages" in sink.facts("environment"))
    one.stop()
    assert len(sink.events) == 2


def test_the_snapshot_has_omegamls_shape():
    snapshot = system_snapshot()
    assert set(snapshot["platform"]) == set(platform.uname()._fields) | {"processor"}
    assert snapshot["python"] == f"{platform.python_implementation()}-{platform.python_version()}"
    assert all(re.fullmatch(r"[^=\s]+==\S+", package) for package in snapshot["packages"])
    json.dumps(snapshot)


def test_a_user_without_a_name(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert environment.user_name() == "54321"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_removed_working_directory_is_no_error(tmp_path):
    (tmp_path / "gone").mkdir()
    text = f"import os; os.chdir('gone'); os.rmdir('../gone')\n{PROGRAM}"
    assert run_program("-c", text, cwd=tmp_path)["working_directory"] is None


def test_facts_can_be_stored():
    json.dumps(facts())
