"""The page is served so that browsers keep it and nothing else runs in it; where it was not built, that is said."""

from __future__ import annotations

import gzip
import json
from contextlib import ExitStack

import httpx
import pytest
from tests.server.live import serving

from runlore.server.page import files

SCRIPT = b"console.log('page');\n" * 50


@pytest.fixture
def built(tmp_path, monkeypatch):
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><base href="/" /><script src="./assets/index-1.js"></script>')
    (folder / "assets/index-1.js").write_bytes(SCRIPT)
    (folder / "assets/inter.woff2").write_bytes(b"wOF2")
    (folder / "theme.js").write_bytes(b"1")
    (folder / "favicon.svg").write_bytes(b"<svg/>")
    (folder / "build.json").write_text('{"built": true}')
    monkeypatch.setattr(files, "STATIC", folder)
    files.find_page.cache_clear()
    yield folder
    files.find_page.cache_clear()


@pytest.fixture
def make_client(store_path):
    with ExitStack() as stack:

        def make(**options) -> httpx.Client:
            address = stack.enter_context(serving(store_path, **options))
            return stack.enter_context(
                httpx.Client(base_url=address.removesuffix(options.get("base_path", "")), timeout=30)
            )

        yield make


def test_every_view_gives_the_document_and_nothing_inline_may_run(built, make_client):
    client = make_client()
    for path in ("/", "/runs/0123", "/runs/0123/console", "/runs/vision%2Fcifar%231"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert client.get("/", headers={"if-none-match": client.get("/").headers["etag"]}).status_code == 304


def test_below_a_path_the_document_says_where_it_is(built, make_client):
    client = make_client(base_path="/team/runlore")
    assert '<base href="/team/runlore/" />' in client.get("/team/runlore/runs/1").text
    assert client.get("/team/runlore/assets/index-1.js").status_code == 200
    assert client.get("/runs/1").status_code == 404


def test_files_with_a_digest_are_kept_for_ever_and_sent_compressed(built, make_client):
    client = make_client()
    answer = client.get("/assets/index-1.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == SCRIPT
    plain = client.get("/assets/index-1.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == SCRIPT
    font = client.get("/assets/inter.woff2")
    assert (font.headers["content-type"], font.content) == ("font/woff2", b"wOF2")


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/..%2Findex.html", "/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/build.json"]
)
def test_only_files_of_the_page_are_given(built, make_client, path):
    answer = make_client().get(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


def test_without_a_page_it_is_said_why_and_what_to_do(tmp_path, monkeypatch, make_client):
    (tmp_path / "static").mkdir()
    (tmp_path / "static/build.json").write_text(json.dumps({"built": False, "why": "`npm ci` failed: <no network>"}))
    monkeypatch.setattr(files, "STATIC", tmp_path / "static")
    monkeypatch.setattr(files, "CLONE", tmp_path)
    files.find_page.cache_clear()
    client = make_client()
    answer = client.get("/")
    files.find_page.cache_clear()
    assert answer.status_code == 503
    assert "&lt;no network&gt;" in answer.text
    assert "pip install --force-reinstall" in answer.text
    assert client.get("/api/v1/info").status_code == 200


def test_a_clone_is_told_to_build_in_place(tmp_path, monkeypatch, make_client):
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui/package.json").write_text("{}")
    monkeypatch.setattr(files, "STATIC", tmp_path / "static")
    monkeypatch.setattr(files, "CLONE", tmp_path / "ui")
    files.find_page.cache_clear()
    answer = make_client().get("/")
    files.find_page.cache_clear()
    assert "npm run build" in answer.text


def test_compressing_is_left_where_it_saves_nothing():
    assert files.make_file(b"x", "a.js").compressed is None
    compressed = files.make_file(SCRIPT, "a.js").compressed
    assert compressed is not None
    assert gzip.decompress(compressed) == SCRIPT
