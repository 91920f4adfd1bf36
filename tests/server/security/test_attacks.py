"""The running server is attacked, as servers of this kind were: by paths, addresses, pickles, markup, bombs, names."""

from __future__ import annotations

import gzip
import json
import logging
import os
import pickle
import socket
import threading
import time
import zlib
from urllib.parse import quote

import httpx
import pytest
from tests.server.security.conftest import PASSWORD, made_world

import runlore
from runlore.server.accounts import keys
from runlore.wire import text as wire

CANARY = "canary 6f1b"
OURS = "vision/cifar"


@pytest.fixture
def ada(world):
    with world.client("ada") as client:
        yield client


@pytest.fixture(scope="module")
def canary(world):
    path = os.path.join(os.path.dirname(world.store), "canary.txt")
    with open(path, "w") as file:
        file.write(CANARY)
    return path


def tree(directory):
    return sorted(os.path.join(root, name) for root, _, names in os.walk(directory) for name in names)


def paths_to(canary):
    plain = ["../" * depth + "canary.txt" for depth in range(1, 9)]
    plain += [canary, "/" + canary, "....//canary.txt", "..;/canary.txt", "x/../../../../canary.txt", "\0", "a\0b"]
    plain += [path.replace("/", "\\") for path in plain] + ["..\\..\\canary.txt", "\uff0e\uff0e/canary.txt", "~/x", "."]
    plain += [f"file://{canary}", f"x?/{canary}", f"x#/{canary}", "C:\\canary.txt", "..", "../", "./../canary.txt"]
    once = [quote(path, safe="") for path in plain]
    return once + [path.replace(".", "%2e") for path in once] + [quote(path, safe="") for path in once]


def test_no_path_leads_out_of_the_store(world, ada, canary):
    run = world.runs[OURS]
    before = tree(os.path.dirname(world.store))
    outside = [path for path in before if not path.startswith(world.store)]
    for path in paths_to(canary):
        for method, address in (
            ("GET", f"/api/v1/runs/{path}"), ("GET", f"/api/v1/runs/{run}/artifacts/content?name={path}"),
            ("GET", f"/api/v1/runs/{run}/artifacts/zip?prefix={path}"), ("GET", f"/account/{path}"),
            ("GET", f"/api/v1/contents/{path}"), ("GET", f"/api/v1/store/contents/{path}"), ("GET", f"/assets/{path}"),
            ("GET", f"/get-artifact?run_uuid={run}&path={path}"),
            ("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}"),
            ("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}"),
            ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}"),
            ("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}"),
            ("PUT", f"/api/v1/send/contents/{path}"),
            ("PUT", f"/api/v1/send/runs/{path}/journals/{path}?experiment={path}&offset=0"),
        ):  # fmt: skip
            body = b"evil" if method == "PUT" else None
            exactly = {"target": address.encode("ascii")}  # as it stands: a client would tidy up its dots
            answer = ada.request(method, "/", content=body, extensions=exactly)
            assert answer.status_code != 500, (method, address, answer.text)
            assert CANARY.encode() not in answer.content, (method, address)
    with open(canary) as file:
        assert file.read() == CANARY
    after = [path for path in tree(os.path.dirname(world.store)) if not path.startswith(world.store)]
    assert [path for path in after if "accounts.sqlite" not in path] == [
        path for path in outside if "accounts.sqlite" not in path
    ]


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../../evil", "..", "a\\..\\..\\evil", "\0", "a\nb"])
def test_no_name_of_a_run_or_card_leads_out_of_the_store(world, name):
    with world.client("root") as client:
        sent = client.post("/api/v1/send/runs", json={"experiment": name, "uid": "0" * 32})
        assert sent.status_code < 500
        client.post("/api/2.0/mlflow/experiments/create", json={"name": name})
        client.post("/api/2.0/mlflow/registered-models/create", json={"name": name})
        client.put(f"/api/v1/views/{quote(name, safe='')}", json={"state": {}})
    parent = os.path.dirname(world.store)
    beside = {entry for entry in os.listdir(parent) if "accounts.sqlite" not in entry}
    assert beside <= {"store", "canary.txt"}
    assert not os.path.exists("/etc/evil")


def test_a_link_in_the_store_is_not_followed(tmp_path):
    with made_world(tmp_path) as world, world.client("root") as client:
        (tmp_path / "canary.txt").write_text(CANARY)
        digest = "ab" * 32
        os.makedirs(f"{world.store}/blobs/ab", exist_ok=True)
        os.symlink(tmp_path / "canary.txt", f"{world.store}/blobs/ab/{digest}")
        for address in (f"/api/v1/contents/{digest}", f"/api/v1/store/contents/{digest}"):
            answer = client.get(address)
            assert not answer.is_success, address
            assert CANARY not in answer.text


def test_no_address_of_a_client_is_fetched(world, ada, canary):
    called = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        port = trap.getsockname()[1]
        done = threading.Event()

        def wait():
            while not done.is_set():
                try:
                    connection, _ = trap.accept()
                except TimeoutError:
                    continue
                called.append(connection)

        waiting = threading.Thread(target=wait)
        waiting.start()
        try:
            for source in (f"http://127.0.0.1:{port}/x", f"http://localhost:{port}/", f"file://{canary}", canary):
                run = world.runs[OURS]
                ada.post("/api/2.0/mlflow/registered-models/create", json={"name": "m"})
                ada.post("/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": source, "run_id": run})
                ada.get("/api/2.0/mlflow/model-versions/get-download-uri", params={"name": "m", "version": "1"})
                body = {"name": f"vision/{abs(hash(source))}", "artifact_location": source}
                ada.post("/api/2.0/mlflow/experiments/create", json=body)
                made = ada.post("/api/2.0/mlflow/experiments/get-by-name", json={"experiment_name": body["name"]})
                assert CANARY not in made.text
                answer = ada.get("/get-artifact", params={"path": source, "run_uuid": run})
                assert CANARY not in answer.text
        finally:
            done.set()
            waiting.join()
    assert called == []


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def shown(client, run, name, *, is_awaited=True, **more):
    """A file of a run as the page gets it; awaited: once the run is known to have it."""
    deadline = time.monotonic() + 60
    while True:
        answer = client.get(f"/api/v1/runs/{run}/artifacts/content", params={"name": name, **more})
        if answer.status_code != 404 or not is_awaited or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def test_nothing_is_unpickled(world, ada, tmp_path):
    mark = tmp_path / "unpickled"
    evil = pickle.dumps(Evil(str(mark)))
    run = world.runs[OURS]
    for name in ("model.pkl", "MLmodel", "data.npy", "table.json", "x.joblib"):
        base = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}"
        assert ada.put(base, content=evil).is_success
        assert ada.get(base).content == evil
        assert shown(ada, run, name, inline="1").is_success
    for path in ("store/create_run", "index/page", "runs/table", "send/runs", "store/archive"):
        for kind in (wire.MEDIA_TYPE, "application/json", "application/gzip", "application/octet-stream"):
            for method in ("POST", "PUT"):
                ada.request(method, f"/api/v1/{path}", content=evil, headers={"content-type": kind})
    assert not mark.exists()


def test_what_a_user_wrote_runs_nowhere(world, ada):
    markup = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
    run = world.runs[OURS]
    for name in ("x.html", "x.svg", "x.xhtml", "x.xml", "x.js", "x.mht", "x.md"):
        assert ada.put(f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}", content=markup).is_success
        shown(ada, run, name)
        for address in (
            f"/api/v1/runs/{run}/artifacts/content?name={name}&inline=1",
            f"/api/v1/runs/{run}/artifacts/content?name={name}",
            f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}",
            f"/get-artifact?run_uuid={run}&path={name}",
        ):  # fmt: skip
            answer = ada.get(address)
            assert answer.is_success, (address, answer.text)
            assert answer.headers["x-content-type-options"] == "nosniff", address
            is_saved = answer.headers.get("content-disposition", "").startswith("attachment")
            policy = answer.headers.get("content-security-policy", "")
            words = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.split()}
            is_boxed = set(words.get("sandbox", ["none"])) <= {"allow-scripts"} and words["default-src"] == ["'none'"]
            if "svg" in answer.headers["content-type"]:
                is_boxed = is_boxed and words["sandbox"] == [] and "script-src" not in words
            is_text = answer.headers["content-type"].startswith(("text/plain", "application/json"))
            assert is_saved or is_boxed or is_text, (address, dict(answer.headers))


def test_a_name_puts_nothing_into_headers_or_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with made_world(tmp_path) as world, world.client("ada") as client:
        run = world.runs[OURS]
        for name in ("a\r\nset-cookie: evil=1", 'a";x="', "a\u2028b", "\u202egnp.exe", "é" * 100):
            address = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{quote(name, safe='')}"
            is_stored = client.put(address, content=b"x").status_code == 200
            for found in (client.get(address), shown(client, run, name, is_awaited=is_stored)):
                assert "set-cookie" not in found.headers
                assert found.headers.get("content-disposition", "").count('"') in {0, 2}
        client.get("/x%0d%0a2026-01-01 INFO fake line", headers={"x-request-id": "a\tfake"})
    for record in caplog.records:
        if record.name == "runlore.access":
            assert "\n" not in record.getMessage()
            assert "\r" not in record.getMessage()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "a@b", "[::"])
def test_the_server_answers_to_its_own_names_alone(world, ada, host):
    answer = ada.get("/api/v1/experiments", headers={"host": host})
    assert answer.status_code in {400, 421}
    assert OURS not in answer.text


def contract(client, path, content, **headers):
    told = {"content-type": wire.MEDIA_TYPE, wire.HEADER: str(wire.VERSION), **headers}
    return client.post(f"/api/v1/{path}", content=content, headers=told)


def test_bombs_do_not_go_off(world, ada):
    bomb = gzip.compress(b" " * (200 << 20), 9)
    begun = time.monotonic()
    assert contract(ada, "index/page", bomb, **{"content-encoding": "gzip"}).status_code == 413
    deflated = zlib.compress(b"\0" * (64 << 20), 9)
    sent = ada.put(
        f"/api/v1/send/runs/{world.runs[OURS]}/journals/{'1' * 32}", params={"experiment": OURS, "offset": 0},
        content=deflated, headers={"content-encoding": "deflate", "content-type": "application/octet-stream"},
    )  # fmt: skip
    assert sent.status_code == 413
    deep = b"[" * 200_000 + b"]" * 200_000
    nested = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    for body in (deep, nested):
        assert contract(ada, "index/page", body).status_code == 400
        for path in ("/api/v1/runs/table", "/api/2.0/mlflow/runs/search", "/api/v1/account/tokens"):
            answer = ada.post(path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400, (path, answer.text)
    assert time.monotonic() - begun < 60
    assert ada.get("/health").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "(" * 5_000 + "params.a = 1" + ")" * 5_000,
        " or ".join(["params.a = 1"] * 5_000),
        "not " * 5_000 + "params.a = 1",
        "name matches '" + "(a*)*" * 2_000 + "b'",
        "name matches '(a+)+$'",
        "name like '" + "%a" * 5_000 + "'",
        "params." + "`" * 10_000,
        "name = '" + "'" * 10_001,
    ],
    ids=["depth", "terms", "nots", "large pattern", "quadratic pattern", "like", "back ticks", "quotes"],
)
def test_no_query_takes_long(ada, query):
    begun = time.monotonic()
    answer = ada.post("/api/v1/runs/table", json={"query": query})
    assert answer.status_code in {200, 400}, answer.text[:500]
    assert time.monotonic() - begun < 10
    for path, body in (("query/check", {"query": query}), ("query/complete", {"text": query, "position": len(query)})):
        assert ada.post(f"/api/v1/{path}", json=body).status_code in {200, 400}
    assert time.monotonic() - begun < 20


def test_tokens_are_compared_in_constant_time(world, ada, monkeypatch):
    compared = []
    real = keys.hmac.compare_digest
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    wrong = world.tokens["ada"][:-4] + "AAAA"
    answer = httpx.get(f"{world.address}/api/v1/account", headers={"authorization": f"Bearer {wrong}"})
    assert answer.status_code == 401
    assert [len(one) for pair in compared for one in pair] == [64, 64], "digests are compared, whatever was sent"


def test_answers_are_for_their_callers_alone(world, ada):
    document = ada.get("/api/v1/openapi.json").json()
    asked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods or path.endswith("/live"):
            continue
        filled = path.replace("{uid}", world.runs[OURS]).replace("{root}", "api/2.0")
        if "{" in filled:
            continue
        answer = ada.get(filled)
        asked += 1
        said = answer.headers.get("cache-control", "")
        is_file = path in {"/theme.js", "/favicon.svg"}
        assert is_file or "private" in said or "no-store" in said or said == "no-cache", (path, said)
        assert answer.headers["x-frame-options"] in {"DENY", "SAMEORIGIN"}
        assert "access-control-allow-origin" not in answer.headers
    assert asked > 15


def test_no_secret_is_in_the_log_or_in_an_error(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with made_world(tmp_path) as world, world.client() as client:
        token, told = world.tokens["ada"], {"origin": world.address}
        texts = []
        wrong = "a wrong password of somebody"
        for headers in (
            {"authorization": f"Bearer {token}"}, {"authorization": f"Bearer {token}x"},
            {"cookie": "runlore_session=secret-session"},
            {"authorization": f"bearer  {token}"},
        ):  # fmt: skip
            texts.append(client.get("/api/v1/nothing", headers=headers).text)
            texts.append(client.get("/api/v1/account", headers=headers).text)
        texts.append(client.get("/api/v1/account", auth=("ada", wrong)).text)
        texts.append(client.post("/sign-in", data={"name": "ada", "password": wrong}, headers=told).text)
        signed = client.post("/sign-in", data={"name": "ada", "password": PASSWORD}, headers=told)
        session = signed.cookies["runlore_session"]
        body = {"old": wrong, "new": "x"}
        texts.append(client.post("/api/v1/account/password", json=body, headers=told).text)
        body = {"old": PASSWORD, "new": "too short"}
        texts.append(client.post("/api/v1/account/password", json=body, headers=told).text)
        texts.append(json.dumps([vars(entry) for entry in world.book.audit.entries()]))
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert len(ours) > 10
    everything = "\n".join([*texts, *ours])
    for secret in (token, token.split("_", 2)[2], PASSWORD, wrong, session, "secret-session", "too short"):
        assert secret not in everything, secret


def test_a_run_that_is_captured_by_the_server_s_machine_has_no_token(world, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNLORE_TOKEN", world.tokens["ada"])
    store = tmp_path / "store"
    with runlore.start("x", store=str(store), params={"a": 1}):
        pass
    for path in tree(store):
        with open(path, "rb") as file:
            assert world.tokens["ada"].encode() not in file.read(), path


def test_a_server_on_all_addresses_answers_to_the_names_that_it_was_told(tmp_path):
    with made_world(tmp_path, host="0.0.0.0", allowed_hosts=("ml.example.com",)) as world:
        here = world.address.replace("0.0.0.0", "127.0.0.1")
        for host, status in (("ml.example.com", 200), ("localhost", 200), ("evil.example", 421)):
            assert httpx.get(f"{here}/health", headers={"host": host}).status_code == status


def test_nothing_of_the_package_runs_when_a_python_starts():
    package = os.path.dirname(runlore.__file__)
    shipped = [os.path.relpath(path, package) for path in tree(package)]
    assert [path for path in shipped if path.endswith(".pth") or "customize" in os.path.basename(path)] == []
    assert len(shipped) > 300
