"""Artifacts, contents, code, console, events and exports over HTTP."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pandas as pd
import pytest
from tests.reader.made_runs import START_S, S, make_run


@pytest.fixture
def with_files(store):
    uid = make_run(store, artifacts={"plots/a b.txt": b"0123456789", "plots/c.txt": b"cc", "z": b"zz"})
    recorder = store.open_run(uid).record()

    def add(name, content, kind, media_type, time_s=5):
        digest, size = store.put_bytes(content)
        value = {"digest": digest, "size": size, "media_type": media_type, "kind": kind}
        recorder.event("artifact", name, value, time_ns=(START_S + time_s) * S)

    add("z", b"newer", "text", "text/plain")
    add("evil.svg", b"<svg onload='alert(1)'/>", "image", "image/svg+xml")
    add("evil.html", b"<script>alert(1)</script>", "file", "text/html")
    add("x.bin", b"MZ", "file", "application/x-msdownload")
    add("code/train.py", b"print(1)", "code", "text/x-python")
    add("git/diff.patch", b"+1", "diff", "text/x-diff")
    recorder.close()
    return uid


def test_artifacts_by_name_and_step(api, with_files):
    found = api.get(f"runs/{with_files}/artifacts").json()["artifacts"]
    assert [(item["name"], item["step"]) for item in found] == [
        ("code/train.py", None), ("evil.html", None), ("evil.svg", None), ("git/diff.patch", None),
        ("plots/a b.txt", 1.0), ("plots/c.txt", 1.0), ("x.bin", None), ("z", None), ("z", 1.0),
    ]  # fmt: skip
    assert found[4]["digest"] == hashlib.sha256(b"0123456789").hexdigest()
    assert [item["name"] for item in api.get(f"runs/{with_files}/artifacts?kind=image").json()["artifacts"]] == [
        "evil.svg"
    ]
    names, cursor = [], "0"
    while cursor is not None:
        page = api.get(f"runs/{with_files}/artifacts?limit=2&cursor={cursor}").json()
        names += [item["name"] for item in page["artifacts"]]
        cursor = page["next_cursor"]
    assert names == [item["name"] for item in found]


def test_contents_come_as_what_they_are_in_ranges_and_only_once(api, with_files):
    address = f"runs/{with_files}/artifacts/content"
    answer = api.get(address, params={"name": "plots/a b.txt"})
    assert answer.content == b"0123456789"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="a b.txt"')
    digest = hashlib.sha256(b"0123456789").hexdigest()
    assert answer.headers["etag"] == f'"{digest}"'
    by_digest = api.get(f"contents/{digest}", headers={"range": "bytes=2-4"})
    assert (by_digest.status_code, by_digest.content) == (206, b"234")
    assert by_digest.headers["content-range"] == "bytes 2-4/10"
    assert "immutable" in by_digest.headers["cache-control"]
    assert api.get(f"contents/{digest}", headers={"if-none-match": f'"{digest}"'}).status_code == 304
    assert api.get(f"contents/{digest}", headers={"range": "bytes=50-"}).status_code == 416
    assert api.head(f"contents/{digest}").headers["content-length"] == "10"
    assert api.get(address, params={"name": "z"}).content == b"newer"
    assert api.get(address, params={"name": "z", "step": 1}).content == b"zz"


@pytest.mark.parametrize("digest", ["f" * 64, "F" * 64, "..%2f..%2fformat", "0", "%00" * 64])
def test_contents_that_there_are_not(api, digest):
    assert api.get(f"contents/{digest}").status_code in {400, 404}


@pytest.mark.parametrize(("name", "kind"), [("evil.svg", "image/svg+xml"), ("evil.html", "text/html; charset=utf-8")])
def test_what_could_run_is_shown_in_a_sandbox_only(api, with_files, name, kind):
    attached = api.get(f"runs/{with_files}/artifacts/content", params={"name": name})
    assert attached.headers["content-type"] == "application/octet-stream"
    shown = api.get(f"runs/{with_files}/artifacts/content", params={"name": name, "inline": "1"})
    assert shown.headers["content-type"] == kind
    policy = shown.headers["content-security-policy"]
    if name == "evil.svg":
        assert policy.startswith("sandbox; default-src 'none'")
        assert "script" not in policy
    else:
        assert policy.startswith("sandbox allow-scripts; default-src 'none'")
        assert not {"allow-same-origin", "allow-popups", "allow-forms", "connect-src", "'self';"} & set(policy.split())
    assert shown.headers["x-content-type-options"] == "nosniff"


def test_other_types_are_never_shown(api, with_files):
    answer = api.get(f"runs/{with_files}/artifacts/content", params={"name": "x.bin", "inline": "1"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_artifacts_in_one_file(api, with_files):
    answer = api.get(f"runs/{with_files}/artifacts/zip", params={"prefix": "plots/"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert {name: found.read(name) for name in found.namelist()} == {
            "plots/a b.txt": b"0123456789", "plots/c.txt": b"cc",
        }  # fmt: skip
    assert api.get(f"runs/{with_files}/artifacts/zip", params={"prefix": "none"}).status_code == 404


def test_the_code_that_ran(api, with_files):
    found = api.get(f"runs/{with_files}/code").json()
    assert [file["path"] for file in found["files"]] == ["train.py"]
    assert found["diff"]["size"] == 2


@pytest.fixture
def with_console(store):
    uid = make_run(store, end_s=50)
    recorder = store.open_run(uid).record()
    recorder.event("log", "stdout", "one\n10%\r100%\r\ncafé \ud800", time_ns=(START_S + 1) * S)
    recorder.event("log", "stderr", "Traceback (most recent call last):\nValueError: x", time_ns=(START_S + 2) * S)
    recorder.close()
    return uid


def test_lines_of_the_console(api, with_console):
    page = api.get(f"runs/{with_console}/console").json()
    assert [(line["n"], line["stream"], line["text"], line["rewritten"]) for line in page["lines"]] == [
        (1, "stdout", "one", 0), (2, "stdout", "100%", 1), (3, "stdout", "café \ud800", 0),
        (4, "stderr", "Traceback (most recent call last):", 0), (5, "stderr", "ValueError: x", 0),
    ]  # fmt: skip
    assert (page["first"], page["total"], page["next"], page["ended"]) == (1, 5, 6, True)
    assert page["lines"][0]["time_ms"] == (START_S + 1) * 1e3
    tail = api.get(f"runs/{with_console}/console?tail=2").json()
    assert (tail["first"], [line["n"] for line in tail["lines"]]) == (4, [4, 5])
    part = api.get(f"runs/{with_console}/console?from=2&limit=2").json()
    assert ([line["n"] for line in part["lines"]], part["next"]) == ([2, 3], 4)
    assert api.get(f"runs/{with_console}/console?stream=stderr").json()["total"] == 2
    assert api.get(f"runs/{with_console}/console?history=1").json()["lines"][1]["text"] == "10%\r100%\r"
    assert api.get(f"runs/{with_console}/console?from=100").json()["lines"] == []
    for wrong in ("stream=x", "from=0", "from=a", "limit=10001", "tail=-1", "history=2"):
        assert api.get(f"runs/{with_console}/console?{wrong}").status_code == 400


def test_colours_of_the_console_stand_beside_its_text(api, store):
    uid = make_run(store, end_s=50)
    recorder = store.open_run(uid).record()
    looks = {
        "1;31": [[1, 0, 5]],
        "32": [[1, 6, 7], [1, 3, 6], [9, 0, 1], [0, 0, 99], "x", [0, 2]],
        "\x1b[2J": [[0, 0, 1]],
    }
    recorder.event(
        "log", "stdout", "plain\nError: ", extra={"looks": looks, "goes_on": True}, time_ns=(START_S + 1) * S
    )
    recorder.event("log", "stdout", "red\n", extra={"looks": {"31": [[0, 0, 3]]}}, time_ns=(START_S + 2) * S)
    recorder.event("log", "stdout", "forged", extra={"looks": ["x"]}, time_ns=(START_S + 3) * S)
    recorder.close()
    lines = api.get(f"runs/{uid}/console").json()["lines"]
    assert [(line["text"], line["looks"]) for line in lines] == [
        ("plain", []), ("Error: red", [[0, 5, "1;31"], [6, 7, "32"], [7, 10, "31"]]), ("", []), ("forged", []),
    ]  # fmt: skip
    assert "\x1b" not in api.get(f"runs/{uid}/console/raw").text


def test_searching_the_console(api, with_console):
    def search(query):
        return api.get(f"runs/{with_console}/console/search?{query}").json()

    assert search("q=CAF%C3%89") == {"count": 1, "lines": [3], "first_error": 4}
    assert search("q=CAF%C3%89&case=1")["count"] == 0
    assert search("q=%5EO.e&regex=1")["lines"] == [1]
    assert search("q=e&limit=1") == {"count": 3, "lines": [1], "first_error": 4}
    assert search("") == {"count": 0, "lines": [], "first_error": 4}
    assert api.get(f"runs/{with_console}/console/search?q=(&regex=1").status_code == 400
    raw = api.get(f"runs/{with_console}/console/raw")
    assert raw.headers["content-disposition"].startswith('attachment; filename="iris-1.log"')
    assert raw.text.splitlines()[0] == "one"


def test_events_page_by_page(api, with_console):
    everything = api.get(f"runs/{with_console}/events").json()["events"]
    assert [event["kind"] for event in everything] == ["start", "log", "log", "stop"]
    found, cursor = [], None
    while True:
        page = api.get(
            f"runs/{with_console}/events", params={"limit": 1, **({"cursor": cursor} if cursor else {})}
        ).json()
        found += page["events"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == everything
    assert len(api.get(f"runs/{with_console}/events?kinds=start&kinds=stop").json()["events"]) == 2
    assert api.get(f"runs/{with_console}/events?cursor=x").status_code == 400


def test_a_table_as_a_file(api, two_runs):
    query = "columns=number&columns=started&columns=params.lr&columns=metrics.loss&order_by=number"
    csv = api.get(f"runs/export?{query}")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.splitlines() == [
        "number,started,params.lr,metrics.loss", "1,2026-01-01T00:00:00.000000000Z,0.1,2.0",
        "2,2026-01-01T01:13:20.000000000Z,0.01,nan",
    ]  # fmt: skip
    assert api.get(f"runs/export?{query}&format=json").json()[1]["metrics.loss"] == "NaN"
    frame = pd.read_parquet(io.BytesIO(api.get(f"runs/export?{query}&format=parquet").content))
    assert frame["params.lr"].tolist() == [0.1, 0.01]
    assert str(frame["started"].dtype) == "datetime64[ns, UTC]"
    assert len(api.get("runs/export?format=parquet").content) > 100
    assert api.get("runs/export?format=xlsx").status_code == 400
    assert api.get("runs/export?columns=nothing").status_code == 400
