"""Artifacts with MLflow's client: files, folders, figures, images, tables; large ones, strange names, attacks."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys

import httpx
import pytest


def test_files_and_folders(mlflow, experiment, client, session, tmp_path):
    (tmp_path / "out/deep/er").mkdir(parents=True)
    (tmp_path / "out/a.txt").write_text("a")
    (tmp_path / "out/deep/er/b.bin").write_bytes(bytes(range(256)))
    (tmp_path / "out/empty").write_bytes(b"")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "out"), "folder")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"k": [1, 2]}, "notes/d.json")
    uid = run.info.run_id
    assert [(found.path, found.is_dir) for found in client.list_artifacts(uid)] == [("folder", True), ("notes", True)]
    assert [found.path for found in client.list_artifacts(uid, "folder")] == [
        "folder/a.txt", "folder/deep", "folder/empty"
    ]  # fmt: skip
    assert client.list_artifacts(uid, "folder/a.txt") == []
    assert mlflow.artifacts.load_text(f"runs:/{uid}/notes/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{uid}/notes/d.json") == {"k": [1, 2]}
    there = pathlib.Path(client.download_artifacts(uid, "folder", str(tmp_path)))
    assert (there / "deep/er/b.bin").read_bytes() == bytes(range(256))
    assert (there / "empty").read_bytes() == b""

    import runlore

    found = {item.name: item for item in runlore.get_run(uid, store=session.store).artifacts()}
    assert found["folder/a.txt"].read_bytes() == b"a"


def test_what_others_kept_is_shown(mlflow, client, session, tmp_path):
    import runlore

    with runlore.start("native files", store=session.store, capture=False) as run:
        run.log_artifact(b"weights", "model/w.bin")
    assert [found.path for found in client.list_artifacts(run.uid, "model")] == ["model/w.bin"]
    assert pathlib.Path(client.download_artifacts(run.uid, "model/w.bin", str(tmp_path))).read_bytes() == b"weights"


def test_figures_images_and_tables(mlflow, experiment, client):
    import matplotlib as mpl
    import numpy as np
    import pandas as pd

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2])
    with mlflow.start_run() as run:
        mlflow.log_figure(figure, "plots/line.png")
        mlflow.log_image(np.zeros((8, 8, 3), np.uint8), "black.png")
        for step in range(2):
            mlflow.log_image(np.full((8, 8, 3), step * 255, np.uint8), key="sample", step=step)
        mlflow.log_table({"a": [1, 2], "b": ["x", "y"]}, "t.json")
        mlflow.log_table({"a": [3], "b": ["z"]}, "t.json")
    plt.close(figure)
    paths = {found.path for found in client.list_artifacts(run.info.run_id)}
    assert {"plots", "black.png", "images", "t.json"} <= paths
    assert len(client.list_artifacts(run.info.run_id, "images")) >= 4
    table = mlflow.load_table("t.json", run_ids=[run.info.run_id])
    pd.testing.assert_frame_equal(table[["a", "b"]], pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}))


@pytest.mark.parametrize(
    "name", ["a b.txt", "50%.txt", "x&y+z.txt", "größe.txt", "日本.txt", "a;b=c.txt", "100%25.txt"]
)
def test_names_survive_the_client(mlflow, experiment, client, tmp_path, name):
    (tmp_path / name).write_text(name)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / name), "folder")
    [found] = client.list_artifacts(run.info.run_id, "folder")
    there = pathlib.Path(client.download_artifacts(run.info.run_id, found.path, str(tmp_path)))
    assert there.read_text() == name


@pytest.mark.parametrize("name", ["a#b.txt", "what?.txt", "%2e%2e.txt"])
def test_names_survive_the_server(client, experiment, uri, name):
    from urllib.parse import quote

    uid = client.create_run(experiment).info.run_id
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{uid}/artifacts/{quote(name)}"
    assert httpx.put(uri + path, content=b"x").status_code == 200
    listed = httpx.get(f"{uri}/api/2.0/mlflow/artifacts/list", params={"run_id": uid}).json()["files"]
    assert [found["path"] for found in listed] == [name]  # MLflow's client would not take some of them
    assert httpx.get(uri + path).content == b"x"


def test_a_large_file_flows_through(mlflow, experiment, client, tmp_path, session):
    """200 MB each way, in a server of its own, whose memory stays flat."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1 << 20))
    store = tmp_path / "store"
    server = subprocess.Popen(
        [sys.executable, "-m", "runlore", "server", "--store", str(store), "--port", "0"], stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        address = next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
        address = address.rstrip("/")
        made = httpx.post(f"{address}/api/2.0/mlflow/runs/create", json={}).json()["run"]["info"]
        url = f"{address}/api/2.0/mlflow-artifacts/artifacts/0/{made['run_id']}/artifacts/large.bin"
        before = _peak_kb(server.pid)
        with path.open("rb") as file:
            assert httpx.put(url, content=file, timeout=120).status_code == 200
        found = hashlib.sha256()
        with httpx.stream("GET", url, timeout=120) as answer:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "attachment" in answer.headers["content-disposition"]
            for piece in answer.iter_bytes():
                found.update(piece)
        assert found.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert _peak_kb(server.pid) - before < 60_000
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


def _peak_kb(pid):
    [line] = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def test_deletion_frees_space(mlflow, experiment, client, uri, session):
    from runlore.housekeeping import collect

    uid = client.create_run(experiment).info.run_id
    url = f"{uri}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{uid}/artifacts"
    for name in ("keep.txt", "folder/a.txt", "folder/b.txt"):
        assert httpx.put(f"{url}/{name}", content=f"{uid} {name}".encode()).status_code == 200
    assert httpx.delete(f"{url}/folder").status_code == 200
    assert [found.path for found in client.list_artifacts(uid)] == ["keep.txt"]
    assert httpx.get(f"{url}/folder/a.txt").status_code == 404
    gone = hashlib.sha256(f"{uid} folder/a.txt".encode()).hexdigest()
    assert gone in collect(session.refresh(), grace_s=0).blobs


ATTACKS = [
    "../../../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e/x", "..\\..\\x",
    "/etc/passwd",
    "a/../../x", "a%00b", "./x", "a//b", "C:\\x", "%5c..%5c..%5cx", "....//x",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_path_leads_out(client, experiment, uri, session, attack, tmp_path):
    import socket
    from urllib.parse import urlsplit

    uid = client.create_run(experiment).info.run_id
    before = set(os.listdir(session.store.root)) | {"removed"}
    for method in ("PUT", "GET", "DELETE"):
        with socket.create_connection((urlsplit(uri).hostname, urlsplit(uri).port)) as wire:
            path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{uid}/artifacts/{attack}".replace(" ", "%20")
            wire.sendall(
                f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                "content-length: 1\r\nconnection: close\r\n\r\nx".encode()
            )
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
        assert b"root:" not in answer
        assert int(answer.split()[1]) < 500
    assert set(os.listdir(session.store.root)) <= before
    assert (
        httpx.get(f"{uri}/api/2.0/mlflow/artifacts/list", params={"run_id": uid, "path": "../../x"}).status_code == 400
    )


# -- in parts ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_parts(monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(5 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))


def test_a_file_in_parts_is_the_file(mlflow, experiment, client, session, tmp_path, in_parts):
    import runlore

    content = os.urandom(12 << 20)
    (tmp_path / "big file 1%.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "big file 1%.bin"), "deep/er")
    [found] = client.list_artifacts(run.info.run_id, "deep/er")
    assert (found.path, found.file_size) == ("deep/er/big file 1%.bin", len(content))
    native = runlore.get_run(run.info.run_id, store=session.store).artifact(found.path)
    assert hashlib.sha256(native.read_bytes()).digest() == hashlib.sha256(content).digest()


@pytest.fixture
def upload(uri, mlflow, experiment):
    """An upload of two parts: its id, the addresses of its parts, and what sends one of its steps."""
    with mlflow.start_run() as run:
        place = f"{experiment}/{run.info.run_id}/artifacts"

    def step(name, folder=place, **body):
        return httpx.post(f"{uri}/api/2.0/mlflow-artifacts/mpu/{name}/{folder}", json={"path": "f.bin", **body})

    made = step("create", num_parts=2).json()
    return made["upload_id"], [part["url"] for part in made["credentials"]], step


def test_parts_come_in_any_order_and_again(upload, client, mlflow):
    identifier, addresses, step = upload
    second, first, _ = (httpx.put(addresses[at], content=text) for at, text in ((1, b"b"), (0, b"a"), (1, b"b")))
    parts = [{"part_number": 2, "etag": second.headers["etag"]}, {"part_number": 1, "etag": first.headers["etag"]}]
    for _ in range(2):
        assert step("complete", upload_id=identifier, parts=parts).status_code == 200
    uid = addresses and mlflow.last_active_run().info.run_id
    assert mlflow.artifacts.load_text(f"runs:/{uid}/f.bin") == "ab"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([], "numbered from 1"),
        ([(2, "a" * 64)], "numbered from 1"),
        ([(1, "../../etc/passwd")], "when the part was sent"),
        ([(1, "0" * 64)], "part 1 is not here"),
    ],
)
def test_an_upload_that_lacks_a_part_makes_no_file(upload, client, mlflow, parts, why):
    identifier, _, step = upload
    sent = [{"part_number": number, "etag": tag} for number, tag in parts]
    answer = step("complete", upload_id=identifier, parts=sent)
    assert answer.status_code == 400
    assert why in answer.json()["message"]
    assert client.list_artifacts(mlflow.last_active_run().info.run_id) == []


def test_an_upload_goes_to_a_run_that_there_is(upload):
    identifier, addresses, step = upload
    assert step("create", "1/" + "0" * 32 + "/artifacts").status_code == 404
    assert step("create", num_parts=0).status_code == 400
    assert step("create", num_parts=10_001).status_code == 400
    assert step("complete", upload_id="mine", parts=[]).status_code == 400
    assert httpx.put(addresses[0].replace(identifier, "mine"), content=b"x").status_code == 400
    assert step("abort", upload_id=identifier).status_code == 200


def test_whoever_began_an_upload_sends_its_parts(upload, uri, experiment, mlflow):
    place = f"{experiment}/{mlflow.last_active_run().info.run_id}/artifacts"
    made = httpx.post(
        f"{uri}/api/2.0/mlflow-artifacts/mpu/create/{place}", json={"path": "f"}, headers={"Authorization": "Bearer t"}
    ).json()
    assert [part["headers"] for part in made["credentials"]] == [{"Authorization": "Bearer t"}]
