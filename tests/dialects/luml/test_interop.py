"""One run, two views: recorded through LUML's API and read natively, and the other way round."""

from __future__ import annotations

import math

import pytest

import runlore
from runlore.dialects.luml.experiments.tracker import ExperimentTracker
from runlore.names import is_uid


def test_recorded_through_luml_it_reads_correctly_natively(tracker):
    tracker.start_experiment("resnet 1", name="baseline", group="vision/cifar10", tags=["resnet", "baseline"])
    tracker.log_static("lr", 0.1)
    tracker.log_static("net", {"depth": 18})
    tracker.log_dynamic("train/loss", 0.5, step=1)
    tracker.log_dynamic("train/loss", math.nan)
    tracker.log_attachment("notes.md", "# text")
    tracker.log_span("t" * 32, "s" * 16, "op", 5, 9, kind=3, status_code=1)
    tracker.update_experiment("resnet 1", description="words", tags=["kept"])
    tracker.end_experiment()
    run = runlore.experiment("vision/cifar10", store="experiments").run(1)
    assert (run.name, run.status, run.group, run.description) == ("baseline", "succeeded", "vision/cifar10", "words")
    assert run.tags == {"kept": "", "luml_id": "resnet 1"}
    assert run.params == {"lr": 0.1, "net": {"depth": 18}}
    points = run.metric("train/loss")
    assert points["step"].tolist() == [1.0, 2.0]
    assert math.isnan(points["value"].iloc[1])
    assert run.artifact("notes.md").read_text() == "# text"
    [span] = run.events("span")
    assert (span.key, span.value["kind"], span.value["status"], span.value["end_ns"]) == ("op", "client", "ok", 9)
    found = runlore.runs("tags.luml_id = 'resnet 1'", store="experiments")
    assert found["uid"].tolist() == [run.uid]


def test_recorded_natively_it_reads_correctly_through_luml(tracker):
    with runlore.start(
        "iris", "native", params={"lr": 0.1}, tags={"a": "", "team": "vision"}, store="experiments"
    ) as run:
        for value in (3, 2, 1):
            run.log_metric("loss", value)
        run.log_metric("acc", 0.5, step=4)
        run.log_event("metric", "late", 7, step=2, fold=1)
        run.log_artifact(b"raw", "a/b.bin")
        run.log_text("words", "words.txt")
    about = tracker.get_experiment(run.uid)
    assert about["metadata"]["name"] == "native"
    assert about["metadata"]["status"] == "completed"
    assert about["metadata"]["group"] == "iris"
    assert about["metadata"]["tags"] == ["a", "team=vision"]
    assert about["static_params"] == {"lr": 0.1}
    assert about["dynamic_metrics"] == {
        "acc": [{"value": 0.5, "step": 4}],
        "late": [{"value": 7.0, "step": 2}],
        "loss": [{"value": 3.0, "step": 0}, {"value": 2.0, "step": 1}, {"value": 1.0, "step": 2}],
    }
    assert set(about["attachments"]) == {"a/b.bin", "words.txt"}
    assert tracker.get_attachment("a/b.bin", run.uid) == b"raw"
    assert tracker.list_experiments()[0]["id"] == run.uid


def test_a_native_run_can_be_written_to_and_ended(tracker):
    run = runlore.start("iris", store="experiments")
    tracker.log_static("late", 1, experiment_id=run.uid)
    assert tracker.get_experiment(run.uid)["metadata"]["name"] == "iris#1"
    tracker.fail_experiment(run.uid)
    assert runlore.get_run(run.uid, store="experiments").status == "failed"
    run.finish()


def test_an_id_without_one_is_the_uid(tracker):
    experiment_id = tracker.start_experiment()
    assert is_uid(experiment_id)
    assert runlore.get_run(experiment_id, store="experiments").experiment == "default"


def test_what_is_captured_by_itself_is_no_attachment_and_no_metric(tracker):
    with runlore.start("iris", store="experiments") as run:
        run.log_artifact(b"diff", "git.diff", kind="diff")
        run.log_metric("system/cpu_percent", 5)
    about = tracker.get_experiment(run.uid)
    assert about["attachments"] == {}
    assert about["dynamic_metrics"] == {}


def test_a_sealed_run_reads_the_same_and_can_be_added_to(tracker):
    from runlore.store import open_store
    from runlore.store.sealed.sealing import seal_run

    tracker.start_experiment("x")
    tracker.log_dynamic("loss", 1)
    tracker.log_attachment("a", "text")
    tracker.end_experiment()
    before = tracker.get_experiment("x")
    view = runlore.experiment("default", store="experiments").run(1)
    assert seal_run(open_store("experiments"), view.directory)
    assert tracker.get_experiment("x") == before
    tracker.log_dynamic("loss", 2, experiment_id="x")
    assert [p["step"] for p in tracker.get_experiment("x")["dynamic_metrics"]["loss"]] == [0, 1]
    assert tracker.get_experiment("x")["metadata"]["status"] == "completed"


def test_a_deleted_experiment_is_in_the_trash_and_its_id_free(tracker):
    tracker.start_experiment("x")
    tracker.log_static("k", 1)
    tracker.delete_experiment("x")
    tracker.delete_experiment("never there")
    assert tracker.current_experiment_id is None
    assert tracker.list_experiments() == []
    with pytest.raises(ValueError):
        tracker.log_static("k", 2, experiment_id="x")
    tracker.start_experiment("x")
    assert tracker.get_experiment("x")["static_params"] == {}
    assert len(tracker.list_experiments()) == 1


def test_a_copied_run_is_found_by_its_id(tracker, tmp_path):
    import shutil

    tracker.start_experiment("x")
    tracker.log_static("k", 1)
    tracker.end_experiment()
    other = ExperimentTracker("sqlite://./copy")
    shutil.copytree(tmp_path / "experiments" / "runs", tmp_path / "copy" / "runs", dirs_exist_ok=True)
    assert other.get_experiment("x")["static_params"] == {"k": 1}


def test_a_claim_of_a_process_that_died_before_its_run_is_given_up(tracker):
    from runlore.store import claims

    claims.claim("experiments", "luml", "old", {"uid": "0" * 32, "time_ns": 0})
    assert tracker.start_experiment("old") == "old"


def test_groups_that_were_created_and_those_of_experiments(tracker):
    tracker.create_group("planned", "for later")
    tracker.create_group("planned", "ignored")
    tracker.start_experiment(group="used")
    tracker.start_experiment()
    found = ExperimentTracker("sqlite://./experiments").list_groups()
    assert [(group["name"], group["description"]) for group in found] == [("planned", "for later"), ("used", None)]
    assert all(isinstance(group["created_at"], str) for group in found)


def test_the_context_manager_ends_the_current_experiment(tracker):
    with tracker:
        tracker.start_experiment("good")
    tracker.start_experiment("bad")
    with pytest.raises(ZeroDivisionError), tracker:
        _ = 1 / 0
    with tracker:
        pass
    assert tracker.get_experiment("good")["metadata"]["status"] == "completed"
    assert tracker.get_experiment("bad")["metadata"]["status"] == "error"
    bad = runlore.experiment("default", store="experiments").run(2)
    assert bad.exit["exception"] == "ZeroDivisionError"


def test_the_last_end_counts(tracker):
    tracker.start_experiment("x")
    tracker.end_experiment()
    tracker.fail_experiment("x")
    assert tracker.get_experiment("x")["metadata"]["status"] == "error"
