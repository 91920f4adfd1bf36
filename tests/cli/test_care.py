from __future__ import annotations

import os

import pytest

import runlore
from runlore import registry
from runlore.cli.care import seconds_of
from runlore.errors import InvalidArgument


def blobs(store: str) -> set[str]:
    return {name for _, _, files in os.walk(os.path.join(store, "blobs")) for name in files}


def test_deleted_runs_and_their_contents_go(cli, runs, store):
    cli("delete", "iris#1")
    printed = cli("gc", "--older-than", "0", "--grace", "0", "--dry-run")
    assert "1 run, 1 file of contents would be removed; " in printed.out
    assert len(blobs(store)) == 3
    document = cli("gc", "--older-than", "0", "--grace", "0", "--json").json()
    assert document["runs"] == [runs[0]]
    assert len(document["contents"]) == 1
    assert document["freed_bytes"] > 1000
    assert len(blobs(store)) == 2
    cli("show", runs[0], code=3)


def test_young_trash_stays(cli, runs):
    cli("delete", "iris#1")
    assert "0 runs" in cli("gc").out
    cli("restore", "iris#1")


def test_only_the_best_models_are_kept(cli, store):
    for acc in (0.2, 0.9, 0.5):
        with runlore.start("models", capture=False) as run:
            run.log_metric("acc", acc)
            run.log_artifact(f"model {acc}".encode(), "model", kind="model")
            run.log_artifact(b"readme", "readme")
    arguments = ("gc", "models", "--keep-best", "1", "--metric", "metrics.acc", "--grace", "0")
    planned = cli(*arguments)
    assert "2 artifacts, 0 runs, 2 files of contents would be removed; 18 B" in planned.out
    assert "--yes" in planned.err
    assert len(blobs(store)) == 4
    document = cli(*arguments, "--yes", "--json").json()
    assert [item["number"] for item in document["dropped_artifacts"]] == [3, 1]
    assert len(blobs(store)) == 2
    assert cli("artifacts", "models#2", "get", "model", "-o", "-").out == "model 0.9"
    assert cli("artifacts", "models#1", "get", "readme", "-o", "-").out == "readme"
    cli("artifacts", "models#1", "get", "model", "-o", "-", code=3)
    cli("doctor")


def test_contents_that_are_too_young_are_said(cli, runs):
    cli("delete", "iris#1")
    printed = cli("gc", "--older-than", "0")
    assert "1 run, 0 files of contents removed" in printed.out
    assert printed.err == "1 file of contents, younger than 1h, is left for a later gc; --grace\n"
    assert len(cli("gc", "--json").json()["waiting"]) == 1
    assert cli("gc", "--grace", "0", "--json").json()["waiting"] == []
    assert cli("gc").err == ""


def test_options_that_belong_together(cli, runs):
    cli("gc", "--keep-best", "2", code=2)
    cli("gc", "iris", code=2)
    assert "30d" in cli("gc", "--older-than", "soon", code=2).err


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90s", 90), ("15min", 900), ("1.5h", 5400), ("30d", 2592000)])
def test_spans(text, seconds):
    assert seconds_of(text, "--x") == seconds


def test_spans_that_are_none():
    with pytest.raises(InvalidArgument, match="--x '-1d'"):
        seconds_of("-1d", "--x")


def test_sealing(cli, runs):
    assert "4 runs sealed: " in cli("seal").out
    assert "0 runs sealed" in cli("seal").out
    assert cli("show", "iris#1", "--json").json()["metrics"]["loss"]["count"] == 3


def test_a_running_run_is_not_sealed(cli, store):
    with runlore.start("live", capture=False):
        document = cli("seal", "--json").json()
    assert document["outcomes"] == {"live": 1}


def test_a_healthy_store(cli, runs):
    assert cli("doctor").out.startswith("all is well in ")
    assert cli("doctor", "--quick", "--json").json()["findings"] == []


def test_damage_is_found_and_said(cli, runs, store):
    name = min(blobs(store))
    path = os.path.join(store, "blobs", name[:2], name)
    os.chmod(path, 0o600)
    with open(path, "wb") as file:
        file.write(b"something else")
    printed = cli("doctor", code=1)
    assert printed.lines[0] == f"wrong  contents  blobs/{name[:2]}/{name}"
    assert "\\n" not in printed.out
    document = cli("doctor", "--repair", "--json", code=1).json()
    assert [item["repaired"] for item in document["findings"]] == [True, False]
    assert document["ok"] is False


def test_damage_in_the_registry_is_found_and_said(cli, runs, store):
    card = registry.register("model", "space", "net", artifacts={"weights": b"w"}, store=store)
    os.unlink(card.artifact("weights").path)
    printed = cli("doctor", "--quick", code=1)
    assert printed.lines[0] == "wrong  card  cards/model/space/net/0.1.0"
    assert "the contents of 'weights'" in printed.lines[1]
    document = cli("doctor", "--json", code=1).json()
    assert [(item["what"], item["where"], item["repaired"]) for item in document["findings"]] == [
        ("card", "cards/model/space/net/0.1.0", False)
    ]
    assert document["ok"] is False


def test_version(cli, store):
    assert cli("version").out.startswith(f"runlore {runlore.__version__}, Python ")
    assert cli("version", "--json").json()["store"] == store
