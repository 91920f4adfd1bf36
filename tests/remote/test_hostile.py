"""Whatever is sent to the endpoints of the contracts: an answer below 500 in words, and nothing stored."""

from __future__ import annotations

import gzip
import json
import os

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.server.live import serving

import runlore
from runlore.server.contract.endpoints import ENDPOINTS, PREFIX
from runlore.store import open_store
from runlore.wire.text import MEDIA_TYPE, dumps

HEADERS = {"Content-Type": MEDIA_TYPE}
POSTS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "POST"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "store"
    with runlore.start("iris", store=path, capture=False) as run:
        run.log_metric("loss", 1.0)
    with serving(path) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client, path, run.uid


def files_of(path) -> set[str]:
    """What is in the store but for the catalog, which whoever reads brings up to date."""
    return {str(found) for found in path.rglob("*") if found.is_file() and "catalog" not in found.name}


def send(client, endpoint, content, **headers):
    answer = client.request(endpoint.method, PREFIX + endpoint.path, content=content, headers={**HEADERS, **headers})
    assert answer.status_code < 500, (endpoint.path, content[:200], answer.text)
    if answer.status_code >= 400:
        document = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["detail"]
        assert document["status"] == answer.status_code
    return answer


BODIES = {
    "nothing": b"", "no JSON": b"{", "a list": b"[]", "null": b"null", "deep": b"[" * 100_000, "no UTF-8": b"\xff\xfe",
    "deep object": b'{"query": ' * 5_000, "many digits": b'{"limit": ' + b"9" * 10_000 + b"}",
}  # fmt: skip


@pytest.fixture(scope="module")
def bomb():
    """Little that becomes more than a server takes when it is unpacked."""
    return gzip.compress(b" " * (65 << 20), 1)


@pytest.mark.parametrize("endpoint", POSTS, ids=lambda endpoint: endpoint.path)
def test_bodies_that_are_none(served, endpoint, bomb):
    client, path, _ = served
    before = files_of(path)
    for content in BODIES.values():
        send(client, endpoint, content)
    assert send(client, endpoint, b"x", **{"Content-Encoding": "gzip"}).status_code == 400
    assert send(client, endpoint, gzip.compress(b"{}")[:-3], **{"Content-Encoding": "gzip"}).status_code == 400
    assert send(client, endpoint, b"{}", **{"Content-Type": "text/plain"}).status_code == 415
    assert send(client, endpoint, b"{}", **{"Runlore-Wire": "99"}).status_code == 400
    assert send(client, endpoint, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert files_of(path) == before


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(
        ["..", "../../etc", "/", "a/b", "iris", "\ud800", "a\0b", "x" * 5000, "0" * 32, "IRIS", "%2e", "latest",
         "1.0.0", "metrics.loss < 1", "name matches '('", "scalar", "event", "and", "compare", "metric", "seal"]
    ),
)  # fmt: skip
VALUES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("endpoint", POSTS, ids=lambda endpoint: endpoint.path)
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_arguments(served, endpoint, data):
    client, _, uid = served
    sent = {
        name: data.draw(VALUES | st.just(value), name) for name, value in {**endpoint.example, **MORE}.items()
        if name in endpoint.example or data.draw(st.booleans(), f"with {name}")
    }  # fmt: skip
    if sent.get("uid") == "0" * 32:
        sent["uid"] = uid
    if sent.get("uids") == ["0" * 32]:
        sent["uids"] = [uid]
    send(client, endpoint, dumps(sent))
    page = next(one for one in POSTS if one.path == "/index/page")
    assert send(client, page, b'{"facts": true}', **{"Runlore-Fresh": "1"}).status_code == 200


MORE = {
    "query": ["compare", ["metric", "loss", "last"], "<", 1], "limit": 2,
    "order_by": [[["attribute", "started"], True]],
    "clock": {"now_ns": 0, "offsets": [0, [5, 3600]]}, "experiment": "iris", "after_ns": 5, "kinds": ["note"],
    "columns": {"a": 1}, "cursor": {}, "first": True, "lazily": True, "strict": True,
}  # fmt: skip


@pytest.mark.parametrize("digest", ["..", "../../etc/passwd", "%2e%2e%2fformat", "0" * 63, "G" * 64, "\u00e9" * 64])
def test_no_digest_leads_out_of_the_store(served, digest):
    client, _, _ = served
    for method in ("GET", "HEAD", "PUT"):
        answer = client.request(method, f"{PREFIX}/store/contents/{digest}", content=b"x")
        assert answer.status_code in (404, 405), answer.text


def test_ranges(served):
    client, path, _ = served
    digest, _ = open_store(path).put_bytes(b"0123456789")
    where = f"{PREFIX}/store/contents/{digest}"
    for wanted, status, content in (
        ("bytes=0-3", 206, b"0123"), ("bytes=4-", 206, b"456789"), ("bytes=-2", 206, b"89"), ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, None), ("bytes=3-1", 416, None), ("bytes=a-b", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"), ("bytes=" + "9" * 400 + "-", 200, b"0123456789"),
    ):  # fmt: skip
        answer = client.get(where, headers={"Range": wanted})
        assert answer.status_code == status, wanted
        assert content is None or answer.content == content
    assert client.head(where).headers["content-length"] == "10"
    assert client.get(where).headers["etag"] == f'"{digest}"'


def test_writers_of_one_name_do_not_take_each_others_place(served):
    client, path, _ = served
    runs = ["e" * 32, "f" * 32]
    endpoint = next(one for one in POSTS if one.path == "/store/append")
    for number, uid in enumerate(runs):
        open_store(path).create_run("other", uid)
        records = [["scalar", "m", float(number), None, 5]]
        body = {"uid": uid, "writer": "a" * 32, "sequence": 1, "records": records}
        assert send(client, endpoint, dumps(body)).status_code == 200
    assert [open_store(path).open_run(uid).points().value.tolist() for uid in runs] == [[0.0], [1.0]]


def test_events_that_no_program_records_harm_their_own_run_alone(served):
    client, path, _ = served
    uid = "d" * 32
    open_store(path).create_run("odd", uid)
    append, annotate, page = (
        next(one for one in POSTS if one.path == where) for where in ("/store/append", "/store/annotate", "/index/page")
    )
    for number, kind in enumerate(("start", "stop", "status", "param", "tag", "attribute", "artifact", "log", "unset")):
        records = [["event", kind, key, value, None, 5, None] for key in ("deleted", "") for value in (None, 5, [], {})]
        body = {"uid": uid, "writer": "c" * 32, "sequence": number + 1, "records": records}
        assert send(client, append, dumps(body)).status_code == 200
        send(client, annotate, dumps({"uid": uid, "facts": [[kind, "deleted", 5], [kind, "k", [1]]]}))
    assert send(client, page, b'{"facts": true}', **{"Runlore-Fresh": "1"}).status_code == 200
    assert "odd#1" not in runlore.runs(store=path).to_string()


def test_nothing_is_recorded_of_a_card_that_is_not_there(served):
    client, path, _ = served
    endpoint = next(one for one in POSTS if one.path == "/store/annotate_card")
    before = files_of(path)
    body = {"card": ["model", "team", "nobody's"], "version": "1.0.0", "uid": "0" * 32, "facts": [["tag", "k", "v"]]}
    assert send(client, endpoint, dumps(body)).status_code == 404
    assert send(client, endpoint, dumps({**body, "uid": "../x"})).status_code == 400
    assert files_of(path) == before


def test_an_archive_that_is_none_is_refused(served):
    client, path, _ = served
    before = files_of(path)
    for content in (b"", b"x", gzip.compress(b"x"), os.urandom(10_000)):
        answer = client.put(f"{PREFIX}/store/archive", content=content)
        assert answer.status_code == 400, answer.text
        assert json.loads(answer.content)["error"] == "InvalidArgument"
    assert files_of(path) == before
