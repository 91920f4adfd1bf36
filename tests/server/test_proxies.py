"""The server behind nginx and Caddy, set up as its page in docs/how-to says: TLS, passwords, a path, streams."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from tests.reader.made_runs import make_run
from tests.server.live import serving

from runlore.store import open_store

PAGE = (Path(__file__).parents[2] / "docs/how-to/server.md").read_text("utf-8")
NAME = "ml.example.com"


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext",
         f"subjectAltName=DNS:{NAME}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@contextlib.contextmanager
def running(command, port, folder):
    """A proxy, once it listens."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
    try:
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)  # neither of them says when it listens
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def nginx(folder, upstream, port):
    certificate(folder)
    password = subprocess.run(["openssl", "passwd", "-apr1", "secret"], check=True, capture_output=True, text=True)
    (folder / "users").write_text(f"ada:{password.stdout}")
    (folder / "users").chmod(0o644)
    folder.chmod(0o755)
    site = block("nginx").replace("listen 443", f"listen 127.0.0.1:{port}").replace("127.0.0.1:5005", upstream)
    site = site.replace("/etc/ssl/certs/ml.example.com.pem", f"{folder}/cert.pem")
    site = site.replace("/etc/ssl/private/ml.example.com.key", f"{folder}/key.pem")
    site = site.replace("/etc/nginx/runlore.users", f"{folder}/users")
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "conf").write_text(
        f"user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error; events {{}}\n"
        f"http {{ access_log off; {places}\n{site}\n}}"
    )
    with running(["/usr/sbin/nginx", "-c", f"{folder}/conf", "-g", "daemon off;"], port, folder):
        yield


@contextlib.contextmanager
def caddy(folder, upstream, port):
    certificate(folder)
    hashed = subprocess.run(
        ["caddy", "hash-password", "--plaintext", "secret"], check=True, capture_output=True, text=True
    ).stdout.strip()
    site = block("caddy").replace("127.0.0.1:5005", upstream)
    site = re.sub(r"\$2a\$14\$REPLACE\S+", lambda _: hashed, site)
    site = site.replace(
        f"{NAME} {{", f"{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {folder}/cert.pem {folder}/key.pem", 1
    )
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    command = ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]
    with running(command, port, folder):
        yield


@pytest.fixture(params=[nginx, caddy], ids=lambda proxy: proxy.__name__)
def proxied(request, tmp_path, store_path):
    """A client that asks the proxy by the name that people type."""
    if shutil.which(request.param.__name__, path="/usr/sbin:/usr/bin:/bin") is None:
        pytest.skip(f"{request.param.__name__} is not installed")
    folder, port = tmp_path / "proxy", free_port()
    folder.mkdir()
    with (
        serving(store_path, base_path="/runlore", allowed_hosts=(NAME,), index_age_s=0) as address,
        request.param(folder, address.removeprefix("http://").removesuffix("/runlore"), port),
    ):
        trusted = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        host = f"{NAME}:{port}"
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}/runlore/", verify=trusted, auth=("ada", "secret"),
            headers={"host": host, "origin": f"https://{host}"}, timeout=20,
        ) as client:  # fmt: skip
            client.event_hooks["request"].append(lambda asked: asked.extensions.update(sni_hostname=NAME))
            yield client


def test_behind_a_proxy_as_the_document_says(proxied, store_path):
    store = open_store(store_path)
    uid = make_run(store, metrics={"loss": [1.0, 2.0]})
    assert proxied.get("api/v1/info", auth=("ada", "wrong")).status_code == 401
    assert proxied.get("api/v1/info").json()["name"] == "runlore"
    without_slash = str(proxied.base_url).rstrip("/")
    assert proxied.get(without_slash, follow_redirects=False).headers["location"].endswith("/runlore/")
    edited = proxied.post("api/v1/runs/edit", json={"runs": [uid], "tags": {"a": "b"}})
    assert edited.status_code == 200, edited.text
    foreign = proxied.post(
        "api/v1/runs/edit", json={"runs": [uid], "name": "x"}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403

    large = "x" * (5 << 20)
    answer = proxied.post("api/v1/query/check", json={"query": large})
    assert answer.status_code == 200, answer.text[:500]
    content = bytes(range(256)) * 40_000
    digest, _ = store.put_bytes(content)
    part = proxied.get(f"api/v1/contents/{digest}", headers={"range": "bytes=5000000-5000999"})
    assert (part.status_code, part.content) == (206, content[5_000_000:5_001_000])
    assert hashlib.sha256(proxied.get(f"api/v1/contents/{digest}").content).hexdigest() == digest

    with proxied.stream("GET", "api/v1/live") as stream:
        lines = stream.iter_lines()
        next(lines)
        begun = time.monotonic()
        store.open_run(uid).annotate([("tag", "seen", "yes")])
        assert any(uid in line for line in lines)
        assert time.monotonic() - begun < 5
