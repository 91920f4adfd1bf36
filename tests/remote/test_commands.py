"""Every command does and prints the same with the address of a server as with the directory that it serves."""

from __future__ import annotations

import re
import shutil

import pytest
from tests.cli.conftest import in_process
from tests.server.live import serving

import runlore
from runlore import registry
from runlore.cli import application
from runlore.errors import InvalidArgument
from runlore.housekeeping.doctor import examine
from runlore.housekeeping.garbage import collect
from runlore.housekeeping.sealing import seal
from runlore.model import new_uid
from runlore.reader.session import Session

LOOKING = [
    "ls", "ls --json", "ls vision/*", "ls nothing", "runs", "runs --json", "runs metrics.loss<0.4 -o -metrics.acc",
    "runs metrics.los<1", "runs params.lr=", "runs started>today -o started --json", "runs -e iris -n 2 --csv",
    "show iris#1", "show iris#1 --json", "show iris#-1 --system", "show iris", "show iris#9", "show nothing#1",
    "diff iris#1 iris#2", "diff iris#1 iris#2 --json", "data iris", "data iris --run 1 --json", "data iriss",
    "summary iris", "summary iris --json", "plot iris loss", "plot iris#1 acc --json", "plot iris nothing",
    "logs iris#1", "logs iris#1 --json", "logs iris#1 --follow", "artifacts iris#1", "artifacts iris#1 --json",
    "artifacts iris#1 get notes/a.txt -o -", "artifacts iris#1 get nothing -o -",
    "artifacts iris#1 get notes/a.txt --to out",
    "top", "top --json", "cards", "cards --json", "card show model/team/net", "card show model/team/net --json",
    "card show nothing/x/y", "card download model/team/net --to weights", "export iris", "export iris --json",
    "export iris -o table.csv", "export iris -o table.parquet", "tag iris#1", "note iris#1", "doctor --quick", "doctor",
    "doctor --json", "gc --dry-run --grace 0", "gc --dry-run --json", "version",
    "gc iris --keep-best 1 --metric acc --kind file",
]  # fmt: skip
"""Commands that change nothing."""

CHANGING = [
    "tag iris#1 stage=checked -r seed", "tag iris#2 a=b --json", "rename iris#1 other", "note iris#1 hello",
    "note iris#1 hello --describe", "archive iris#1 iris#2", "delete iris#1", "delete iris#1 --json", "restore iris#3",
    "seal", "seal --json", "gc --older-than 0 --grace 0", "gc --older-than 0 --grace 0 --json",
    "gc iris --keep-best 1 --metric acc --kind file --yes", "card alias model/team/net@1.0.0 champion",
    "card tag model/team/net stage=x", "card delete model/team/net", "card register model/team/new notes.txt",
    "doctor --repair",
]  # fmt: skip
"""Commands that change something."""

ELSEWHERE = {
    "ui": "serves a directory", "server": "serves a directory", "merge": "copies the files of two stores",
    "import": "has a test of its own", "exec": "has a test of its own", "demo": "records what exec records",
    "user": "works where the accounts are", "team": "works where the accounts are",
    "token": "works where the accounts are", "audit": "works where the accounts are",
    "retention": "works where the accounts are",
    "login": "is about servers alone", "logout": "is about servers alone", "sync": "is about servers alone",
}  # fmt: skip
"""Commands that are not among those, and why."""


def record(path) -> None:
    for number, (lr, acc) in enumerate([(0.1, 0.7), (0.01, 0.9), (0.001, 0.8)], 1):
        run = runlore.start(
            "iris", f"try {number}", params={"lr": lr, "seed": 1, "big": 2**63}, tags={"stage": "test"}, store=path,
            capture=False,
        )  # fmt: skip
        for step in range(3):
            run.log_metrics({"loss": 1 / (step + number), "acc": acc * (step + 1) / 3}, step=step)
        run.log_artifact(f"notes of {number}".encode(), "notes/a.txt")
        run.log_event("log", "stdout", f"begin {number}\nend {number}", offsets_ms=[0, 5])
        run.log_event("log", "stderr", "a warning")
        run.end("failed", {"exception": "ValueError", "message": "it broke", "traceback": "T:\n  line"}) if (
            number == 3
        ) else run.finish()
    with runlore.start("vision/cifar 10", store=path, capture=False) as run:
        run.log_metric("loss", float("nan"))
    runlore.get_run("iris#3", store=path).delete()
    registry.register("model", "team", "net", artifacts={"w": b"weights"}, version="1.0.0", store=path)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A directory, and the address of a server of the same directory."""
    path = tmp_path_factory.mktemp("looking") / "store"
    record(path)
    with serving(path) as address:
        yield str(path), address


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    return tmp_path


def plain(text: str, *places: str) -> str:
    """Without what differs for a reason: where the store is, the uids and times of what was made just now."""
    for place in places:
        text = text.replace(place, "STORE")
    text = re.sub(r"STORE/runs/[^ \n\"]*", "STORE", text)
    text = re.sub(r'became .*|"sealed_bytes": \d+', "SIZE", text)
    text = re.sub(r"[0-9a-f]{32}", "UID", text)
    text = re.sub(r"(UID|[0-9a-f]{8}…)", "UID", text)
    return re.sub(r"\d+ (second|ms|s)s? ago|just now|\d{10,}|\d{4}-\d\d-\d\d[T ][0-9:.+Z]+", "TIME", text)


@pytest.mark.parametrize("line", LOOKING)
def test_looking(stores, here, monkeypatch, line):
    path, address = stores
    printed, files = [], []
    for place in (path, address):
        work = here / "work"
        work.mkdir()
        monkeypatch.chdir(work)
        printed.append(in_process(*line.split(" "), *_store(line, place)))
        files.append({path.name: path.read_bytes() for path in work.rglob("*") if path.is_file()})
        shutil.rmtree(work)
    expected, found = printed
    assert files[0] == files[1]
    assert "Traceback" not in expected.err
    assert plain(found.out, path, address) == plain(expected.out, path, address)
    assert plain(found.err, path, address) == plain(expected.err, path, address)
    assert found.code == expected.code


def _store(line: str, place: str) -> list[str]:
    return [] if line == "version" else ["--store", place]


@pytest.mark.parametrize("line", CHANGING)
def test_changing(tmp_path, here, stores, line):
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    for copy in (first, second):
        shutil.copytree(stores[0], copy)
    with serving(second) as address:
        expected = in_process(*line.split(" "), "--store", first)
        found = in_process(*line.split(" "), "--store", address)
    assert "Traceback" not in expected.err
    assert plain(found.out, first, second, address) == plain(expected.out, first, second, address)
    assert plain(found.err, first, second, address) == plain(expected.err, first, second, address)
    assert found.code == expected.code
    for question in ("runs --json", "cards --json", "show iris#1 --json", "doctor --json"):
        after = [in_process(*question.split(" "), "--store", place) for place in (first, second)]
        assert plain(after[1].out, first, second) == plain(after[0].out, first, second)


def test_every_command_is_among_them():
    covered = {line.split(" ")[0] for line in (*LOOKING, *CHANGING)} | set(ELSEWHERE)
    assert {entry.name for entry in application._COMMANDS} - covered == set()


def test_an_archive_goes_from_a_server_into_another(stores, here):
    expected = in_process("export", "iris", "--format", "runlore", "-o", "iris.tar.gz", "--store", stores[1])
    assert (expected.code, expected.out) == (0, "") or "3 runs" in expected.out or expected.code == 0, expected
    runlore.start("own", store=here / "other", capture=False).finish()
    with serving(here / "other") as address:
        done = in_process("import", "iris.tar.gz", "--store", address, "--json")
        assert len(done.json()["added"]) == 2, done  # the third one is in the trash
        assert in_process("import", "iris.tar.gz", "--store", address, "--json").json()["unchanged"] == 2
        view = runlore.get_run("iris#1", store=address)
        assert view.artifact("notes/a.txt").read_text() == "notes of 1"
        assert in_process("import", str(here / "notes.txt"), "--store", address).code == 2


def test_two_stores_become_one_only_where_their_files_are(stores, here):
    refused = in_process("merge", str(here), "--store", stores[1])
    assert refused.code in (1, 3)
    assert "Traceback" not in refused.err
    refused = in_process("merge", stores[0], "--store", stores[1])
    assert refused.code == 1
    assert "runlore import" in refused.err


def test_a_program_is_tracked_by_a_server(stores, here):
    done = in_process("exec", "-e", "executed", "--store", stores[1], "--", "true")
    assert done.code == 0, done.err
    assert runlore.get_run("executed#1", store=stores[1]).status == "succeeded"


def test_a_run_of_another_machine_is_recorded_and_read(stores):
    uid = new_uid()
    with runlore.start("elsewhere", store=stores[1], capture=False, uid=uid) as run:
        run.log_metric("loss", 0.5)
    assert runlore.get_run(uid, store=stores[1]).metrics == {"loss": 0.5}


def test_housekeeping_says_how_far_it_is(stores):
    session = Session(stores[1]).refresh()
    told = []
    findings = examine(session, progress=lambda done, to_do: told.append((done, to_do)))
    assert findings == []
    assert told
    assert told == sorted(told)
    assert len({to_do for _, to_do in told}) == 1
    told.clear()
    seal(session, progress=lambda done, to_do: told.append((done, to_do)))
    assert told


def test_housekeeping_that_goes_wrong_says_so(stores):
    session = Session(stores[1])
    with pytest.raises(InvalidArgument, match="older_than_s"):
        collect(session, older_than_s=-1)
    with pytest.raises(InvalidArgument, match="task='sweep'"):
        session.store.keep("sweep")
