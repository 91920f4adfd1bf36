"""A tracking server is imported over HTTP: MLflow's own client logs to a server, whose runs go into another store."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.importers.test_mlflow import WRITE
from tests.server.live import serving

import runlore
from runlore.errors import DamagedFile, NotReachable
from runlore.importers import import_runs
from runlore.importers.mlflow import open_source
from runlore.store import open_store


@pytest.fixture(scope="module")
def address(tmp_path_factory, written_by):
    place = tmp_path_factory.mktemp("served")
    with serving(open_store(place / "theirs", create=True).location) as found:
        written_by("mlflow", WRITE, place, TRACKING=found)
        yield found


def test_runs_of_a_server_are_what_they_were(take, address):
    report = take(lambda: open_source(address))
    assert len(report.runs) == 5
    total = report.total()
    assert (total.points, total.files, total.bytes) == (11, 1, 5)
    runs = {runlore.get_run(run.uid).name: runlore.get_run(run.uid) for run in report.runs}
    first = runs["first"]
    assert first.params == {"lr": 0.1, "seed": 7, "name": "adam", "old": "007", "flag": True}
    assert first.artifact("deep/er/x.txt").read_bytes() == b"hello"
    assert runs["child"].parent == first.uid
    assert {name: run.status for name, run in runs.items() if name in ("failed", "killed")} == {
        "failed": "failed", "killed": "stopped",
    }  # fmt: skip


def test_a_server_that_is_gone_or_another_is_said(store, tmp_path):
    class Other(BaseHTTPRequestHandler):
        answers = iter([(404, b"nothing"), (200, b"<html>"), (200, b"[]"), (302, b"")])

        def do_POST(self):
            status, content = next(self.answers)
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        for kind, words in (
            (NotReachable, "404: nothing"), (DamagedFile, "no JSON"), (DamagedFile, "no object"), (NotReachable, "302"),
        ):  # fmt: skip
            with pytest.raises(kind, match=words):
                import_runs(store, open_source(address))
        server.shutdown()
        thread.join()
    with pytest.raises(NotReachable, match="does not answer"):
        import_runs(store, open_source(address))
    assert len(runlore.runs()) == 0
