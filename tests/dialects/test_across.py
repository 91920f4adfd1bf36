"""One store, every way to record into it, every way to read from it: all readers see what was recorded.

Runs of one experiment are recorded natively and through each dialect, one that goes on, one that succeeds and one that
fails. Each reader gives what it has a notion of as a `Seen`, and None for the rest.
"""

from __future__ import annotations

import math
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import runlore
from runlore import dialects
from runlore.dialects import omegaml, opsml, polyaxon
from runlore.dialects.luml.experiments.tracker import ExperimentTracker
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run

NAN, INF = math.nan, math.inf
EXPERIMENT = "across/matrix"
PARAMS = {"lr": 0.1, "größe/λ": 18, "名前": "ré, seau", "flag": True, "seed": 2**63 + 1, "nan": NAN}
POINTS = {"loss": [(0, 0.5), (1, NAN), (2, -INF), (7, 0.25)], "val/精度": [(-1, 0.1), (5, 0.9)]}
BARE = {"ohne-schritt": [3.0, 2.0]}
WORD = "nächtlich"
TEXT = "Zeilen\nund ∑\n"
OBJECT = {"größe": (1, 2.5), "nan": None}


@dataclass
class Seen:
    """What a reader sees of a run. None: it has no notion of it."""

    number: int | None = None
    status: str | None = None
    params: dict | None = None
    points: dict | None = None
    word: bool | None = None
    files: dict | None = None


def bare(run):
    """What only the recorder's own API decides: whether points without a step get one."""
    return [(step if run.recorder == "luml" else None, value) for step, value in enumerate(BARE["ohne-schritt"])]


def as_words(value):
    """Values so that NaN is equal to NaN, and a bool to the integer that some APIs make of it."""
    if isinstance(value, dict):
        return {key: as_words(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_words(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


# -- recording: context managers that yield the run's uid; an exception within is the failure --------------------------


class Failure(Exception):
    """What training raises."""


def all_points():
    """(key, value, step), the points of the series interleaved and out of order."""
    found = [(key, value, step) for key, points in POINTS.items() for step, value in points]
    return [*found[::-1], *[(key, value, None) for key, values in BARE.items() for value in values]]


def record_native(file):
    with runlore.start(EXPERIMENT, params=PARAMS, tags=[WORD]) as run:
        for key, value, step in all_points():
            run.log_metric(key, value, step)
        run.log_artifact(file, "daten/ünï.txt")
        yield run.uid


def record_omegaml(file):
    with omegaml.runtime.experiment(EXPERIMENT, tags={WORD: ""}) as exp:
        for key, value in PARAMS.items():
            exp.log_param(key, value)
        for key, value, step in all_points():
            exp.log_metric(key, value, step=step)
        exp.log_artifact(OBJECT, "daten/ünï.txt")
        yield exp.experiment.open_run().uid


def record_luml(file):
    tracker = ExperimentTracker(f"sqlite://{open_store().root}")
    name = tracker.start_experiment(group=EXPERIMENT, tags=[WORD])
    for key, value in PARAMS.items():
        tracker.log_static(key, value)
    for key, value, step in all_points():
        tracker.log_dynamic(key, value, step)
    tracker.log_attachment("daten/ünï.txt", file)
    try:
        yield name
    except Failure:
        tracker.fail_experiment()
        raise
    tracker.end_experiment()


def record_polyaxon(file):
    experiment = polyaxon.Experiment("across.matrix").create(tags=[WORD])
    experiment.log_params(**PARAMS)
    for key, value, step in all_points():
        experiment.log_metrics(**{key: value}, step=step)
    experiment.log_artifacts(file.parents[1])
    try:
        yield experiment.uid
    except Failure:
        experiment.log_failed()
        raise
    experiment.log_succeeded()


def record_opsml1(file):
    project = opsml.OpsmlProject(opsml.ProjectInfo(name="matrix", repository="across"))
    with project.run() as run:
        run.log_params(PARAMS)
        for key, value, step in all_points():
            run.log_metric(key, value, step=step)
        run.add_tag(WORD, "")
        run.log_artifact_from_file("daten", file)
        yield run.run_id


def record_opsml2(file):
    with opsml.start_experiment("across", "matrix", tags=[WORD]) as exp:
        exp.log_parameters(PARAMS)
        for key, value, step in all_points():
            exp.log_metric(key, value, step=step, timestamp=17 if step == 2 else None)
        exp.log_artifact(file, "daten/ünï.txt")
        yield exp.uid


RECORDERS = {
    name.removeprefix("record_"): contextmanager(function)
    for name, function in list(globals().items())
    if name.startswith("record_")
}
ENDS = ["running", "succeeded", "failed"]


# -- reading ----------------------------------------------------------------------------------------------------------


def read_native(run):
    view = runlore.get_run(run.uid)
    points = {}
    for key in view.metrics:
        rows = view.metric(key)
        points[key] = [
            (None if math.isnan(step) else step, value) for step, value in zip(rows["step"], rows["value"], strict=True)
        ]
    files = {item.name: item.read_bytes() for item in view.artifacts()}
    return Seen(view.number, view.status, view.params, points, WORD in view.tags, files)


def read_omegaml(run):
    exp = omegaml.runtime.experiment(EXPERIMENT)
    params = exp.data(event="param", run=run.uid)
    rows = exp.data(event="metric", run=run.uid)
    points = {}
    for key, step, value in rows[["key", "step", "value"]].itertuples(index=False):
        points.setdefault(key, []).append((step, value))
    cells = exp.data(event="artifact", run=run.uid)["value"]
    files = {cell["name"]: Path(open_store().blob_path(cell["digest"])).read_bytes() for cell in cells}
    tags = exp.data(event="tag", run=run.uid)["key"].tolist()
    status = exp.status(run=run.number)
    return Seen(
        int(params["run"].iloc[0]), status, dict(zip(params["key"], params["value"], strict=True)), points,
        WORD in tags, files,
    )  # fmt: skip


def read_luml(run):
    tracker = ExperimentTracker(f"sqlite://{open_store().root}")
    about = tracker.get_experiment(run.uid)
    points = {
        key: [(point["step"], point["value"]) for point in series] for key, series in about["dynamic_metrics"].items()
    }
    files = {name: tracker.get_attachment(name, run.uid) for name in about["attachments"]}
    meta = about["metadata"]
    return Seen(None, meta["status"], about["static_params"], points, WORD in meta["tags"], files)


def read_polyaxon(run):
    experiment = polyaxon.Experiment("across.matrix", experiment_id=run.number)
    assert experiment.uid == run.uid
    [status] = [
        status
        for status in ENDS
        if run.uid in [view.uid for view in polyaxon.experiments(f"status:{status}", project="across.matrix")]
    ]
    return Seen(experiment.id, status, word=WORD in experiment.tags)


def read_opsml1(run):
    project = opsml.OpsmlProject(opsml.ProjectInfo(name="matrix", repository="across"))
    project.run_id = run.uid
    for entries in project.parameters.values():
        assert len(entries) == 1
    params = {key: entries[0].value for key, entries in project.parameters.items()}
    points = {key: [(item.step, item.value) for item in series] for key, series in project.metrics.items()}
    files = {name: Path(path).read_bytes() for name, path in project.artifact_uris.items()}
    return Seen(None, None, params, points, WORD in project.tags, files)


def read_opsml2(run):
    points = {}
    for item in opsml.get_experiment_metrics(run.uid):
        points.setdefault(item.name, []).append((item.step, item.value))
    params = {item.name: item.value for item in opsml.get_experiment_parameters(run.uid)}
    if run.recorder != "opsml2":
        return Seen(params=params, points=points)  # the rest is said by a card, which others do not register
    card = opsml.CardRegistry("experiment").load_card(uid=run.uid)
    files = {}
    for name in card.list_artifacts():
        card.download_artifact(name, "copy")
        files[name.removeprefix("/artifacts/")] = Path("copy").read_bytes()
    return Seen(None, card.status.name, params, points, WORD in card.tags, files)


READERS = {name.removeprefix("read_"): function for name, function in list(globals().items()) if name[:5] == "read_"}
STATUSES = {
    "omegaml": {"running": "STARTED", "succeeded": "STOPPED", "failed": "STOPPED"},
    "luml": {"running": "active", "succeeded": "completed", "failed": "error"},
    "opsml2": {"running": "Active", "succeeded": "Ok", "failed": "Error"},
}


# -- the matrix -------------------------------------------------------------------------------------------------------


@dataclass
class Recorded:
    uid: str
    number: int
    recorder: str
    end: str


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("across")


@pytest.fixture(scope="module")
def recorded(place):
    """All runs in one store, by recorder and end; those that are `running` go on while the tests read."""
    file = place / "files" / "daten" / "ünï.txt"
    file.parent.mkdir(parents=True)
    file.write_text(TEXT, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as open_runs:
        _settle(patch, place)
        runs = {}
        for end in ENDS:
            for recorder, record in RECORDERS.items():
                stack = ExitStack()
                uid = stack.enter_context(record(file))
                if end == "running":
                    open_runs.push(stack)
                elif end == "succeeded":
                    stack.close()
                else:
                    with pytest.raises(Failure), stack:
                        raise Failure
                runs[recorder, end] = Recorded(uid, len(runs) + 1, recorder, end)
        yield runs


def _settle(patch, place):
    patch.setenv("RUNLORE_STORE", str(place / "store"))
    patch.setenv("RUNLORE_CAPTURE", "0")
    patch.chdir(place)


@pytest.fixture(autouse=True)
def _here(monkeypatch, place):
    _settle(monkeypatch, place)


def expected(run, reader):
    """What this reader has to see of this run, all notions."""
    points = {**POINTS, "ohne-schritt": bare(run)}
    if reader == "luml":
        points["ohne-schritt"] = list(enumerate(BARE["ohne-schritt"]))
    name = "daten/ünï.txt"
    content = runlore.get_run(run.uid).artifact(name).read_bytes()
    status = STATUSES.get(reader, {}).get(run.end, run.end)
    return Seen(run.number, status, PARAMS, points, True, {name: content})


def check(run, reader):
    seen, whole = READERS[reader](run), expected(run, reader)
    known = {name: value for name, value in vars(seen).items() if value is not None}
    if seen.points is not None and reader in ("native", "omegaml", "opsml1"):  # in the order of logging
        known["points"] = {key: sorted(points, key=_by_step) for key, points in seen.points.items()}
    if run.recorder.startswith("opsml") and seen.files is not None:  # beside the script, which OpsML keeps by itself
        known["files"] = {name: content for name, content in seen.files.items() if not name.startswith("code/")}
    assert as_words(known) == as_words({name: getattr(whole, name) for name in known})


def _by_step(point):
    return point[0] is not None, point[0] or 0


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("recorder", RECORDERS)
def test_what_one_records_the_other_reads(recorded, recorder, reader, end):
    check(recorded[recorder, end], reader)


@pytest.mark.parametrize("recorder", RECORDERS)
def test_contents_are_what_was_given(recorded, recorder):
    artifact = runlore.get_run(recorded[recorder, "succeeded"].uid).artifact("daten/ünï.txt")
    if recorder == "omegaml":
        assert artifact.load() == OBJECT
    else:
        assert artifact.read_text() == TEXT
    [restored] = omegaml.runtime.experiment(EXPERIMENT).restore_artifacts(
        key="daten/ünï.txt", run=recorded[recorder, "succeeded"].uid
    )
    assert restored == (OBJECT if recorder == "omegaml" else TEXT.encode())


def test_everyone_lists_the_same_runs(recorded):
    uids = {run.uid for run in recorded.values()}
    numbers = sorted(run.number for run in recorded.values())
    assert numbers == list(range(1, len(uids) + 1))
    assert set(runlore.experiment(EXPERIMENT).runs()["uid"]) == uids
    assert sorted(omegaml.runtime.experiment(EXPERIMENT).data(event="start", run="*")["run"]) == numbers
    listed = ExperimentTracker(f"sqlite://{open_store().root}").list_experiments()
    assert {item["id"] for item in listed} == uids
    assert {view.uid for view in polyaxon.experiments(project="across.matrix")} == uids


@pytest.mark.parametrize("condition", [
    "params.lr:0.1", "params.`größe/λ`:18", 'params.名前:"ré, seau"',
    "metrics.loss:0.25", "metrics.`val/精度`:>0.8", "metrics.`ohne-schritt`:2", f"tags:{WORD}",
])  # fmt: skip
def test_polyaxons_queries_find_them_all(recorded, condition):
    found = polyaxon.experiments(condition, project="across.matrix")
    assert {view.uid for view in found} == {run.uid for run in recorded.values()}


@pytest.mark.parametrize("query", ["param.`größe/λ` = 18", "metric.`val/精度` > 0.8", f"tags.`{WORD}` = ''"])
def test_lumls_queries_find_them_all(recorded, query):
    found = ExperimentTracker(f"sqlite://{open_store().root}").list_experiments(query)
    assert {item["id"] for item in found} == {run.uid for run in recorded.values()}


# -- what only some have a notion of ----------------------------------------------------------------------------------


def alone(uid, recorder="native"):
    view = runlore.get_run(uid)
    return Recorded(uid, view.number, recorder, view.status)


def test_values_that_opsml_does_not_have_are_read_as_text():
    with runlore.start("across/matrix2", params={"none": None, "list": [1, "ü"], "lr": 0.1}) as run:
        run.log_event("param", "net", {"tiefe": 3})
    texts = {"none": "null", "list": '[1, "ü"]', "lr": 0.1, "net": '{"tiefe": 3}'}
    assert READERS["opsml2"](alone(run.uid)).params == texts
    project = opsml.OpsmlProject(opsml.ProjectInfo(name="matrix2", repository="across"))
    project.run_id = run.uid
    assert {key: entries[0].value for key, entries in project.parameters.items()} == texts


def test_params_that_count_no_longer_count_nowhere():
    experiment = polyaxon.Experiment("across.matrix3").create()
    experiment.log_params(lr=0.1, old=1)
    experiment.log_params(reset=True, lr=0.2)
    experiment.log_succeeded()
    uid = experiment.uid
    tracker = ExperimentTracker(f"sqlite://{open_store().root}")
    assert runlore.get_run(uid).params == tracker.get_experiment(uid)["static_params"] == {"lr": 0.2}
    assert [(item.name, item.value) for item in opsml.get_experiment_parameters(uid)] == [("lr", 0.1), ("lr", 0.2)]
    project = opsml.OpsmlProject(opsml.ProjectInfo(name="matrix3", repository="across"))
    project.run_id = uid
    assert list(project.parameters) == ["lr"]


def test_steps_between_whole_numbers_and_metrics_that_are_no_numbers():
    with omegaml.runtime.experiment("across/matrix4") as exp:
        exp.log_metric("loss", 0.5, step=1.5)
        exp.log_metric("loss", 0.25, step=INF)
        exp.log_metric("verdict", "gut")
        uid = exp.experiment.open_run().uid
    points = {"loss": [(1.5, 0.5), (INF, 0.25)]}
    for reader in ("native", "luml", "opsml2"):
        assert READERS[reader](replace(alone(uid), recorder="omegaml")).points == points
    project = opsml.OpsmlProject(opsml.ProjectInfo(name="matrix4", repository="across"))
    project.run_id = uid
    assert {key: [(item.step, item.value) for item in series] for key, series in project.metrics.items()} == points
    assert polyaxon.experiments("metrics.loss:0.25", project="across.matrix4")[0].uid == uid


def test_spans_and_data_references_are_read_by_those_who_know_them():
    tracker = ExperimentTracker(f"sqlite://{open_store().root}")
    name = tracker.start_experiment("überall", group="across/matrix5")
    tracker.log_span("t" * 32, "s" * 16, "schritt", 5, 9)
    tracker.end_experiment()
    rows = omegaml.runtime.experiment("across/matrix5").data(event="span")
    assert rows["key"].tolist() == ["schritt"]
    uid = runlore.runs("tags.luml_id = 'überall'")["uid"][0]
    assert tracker.get_experiment(uid) == tracker.get_experiment(name)
    experiment = polyaxon.Experiment("across.matrix5").create()
    experiment.log_data_ref([[1.0, 2.0]], "zug")
    experiment.log_succeeded()
    assert list(runlore.get_run(experiment.uid).data_refs()) == ["zug"]


@pytest.mark.parametrize("reader", READERS)
def test_sealed_runs_read_the_same(recorded, reader):
    runs = [run for run in recorded.values() if run.end == "succeeded"]
    for run in runs:
        view = runlore.get_run(run.uid)
        seal_run(open_store(), view.directory)
        check(run, reader)


def test_files_that_are_called_models_are_files():
    with runlore.start("across/matrix6") as run:
        run.log_artifact(b"weights", "w.bin", kind="model")
    exp = omegaml.runtime.experiment("across/matrix6")
    assert exp.restore_artifacts(run=run.uid) == [b"weights"]
    tracker = ExperimentTracker(f"sqlite://{open_store().root}")
    assert tracker.get_experiment(run.uid)["attachments"] == {}  # LUML: a model is no attachment


def test_contents_that_are_gone_do_not_hide_the_others():
    with runlore.start("across/matrix7") as run:
        run.log_artifact(b"kept", "kept.txt")
        run.log_artifact(b"removed for good", "gone.txt")
    Path(runlore.get_run(run.uid).artifact("gone.txt").path).unlink()
    project = opsml.OpsmlProject(opsml.ProjectInfo(name="matrix7", repository="across"))
    project.run_id = run.uid
    assert {name: Path(path).read_bytes() for name, path in project.artifact_uris.items()} == {"kept.txt": b"kept"}
    tracker = ExperimentTracker(f"sqlite://{open_store().root}")
    assert set(tracker.get_experiment(run.uid)["attachments"]) == {"kept.txt", "gone.txt"}
    with pytest.warns(RuntimeWarning, match=r"gone\.txt"):
        restored = omegaml.runtime.experiment("across/matrix7").restore_artifacts(run=run.uid)
    assert restored == [b"kept"]


# -- what the README tells them all -----------------------------------------------------------------------------------

ROW = r"^\| ([\w -]+ ?) \| `(.* import .*|import .*)` \| `(.*import .*)` \| `--dialect (\w+)` \| \[.*\]\((.*)\) \|$"
README = re.findall(ROW, (Path(__file__).parents[2] / "README.md").read_text("utf-8"), re.MULTILINE)


def test_the_readme_has_a_row_for_every_dialect():
    assert [row[0] for row in README] == ["omega-ml", "OpsML v1", "OpsML v2", "Polyaxon", "LUML"]
    assert sorted({row[3] for row in README}) == dialects.available()


@pytest.mark.parametrize(("before", "after", "dialect"), [row[1:4] for row in README], ids=[row[0] for row in README])
def test_imports_before_and_after_give_the_same(before, after, dialect):
    theirs, ours = {}, {}
    exec(after, ours)
    dialects.install(dialect)
    try:
        exec(before, theirs)
        names = [name for name in theirs if name != "__builtins__"]
        assert names == [name for name in ours if name != "__builtins__"]
        for name in names:
            assert theirs[name] is ours[name] or theirs[name].runtime is ours[name].runtime
    finally:
        dialects.uninstall(dialect)
