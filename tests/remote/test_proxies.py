"""Sending and reading through TLS with an authority of one's own, and through proxies for HTTP."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

import pytest
import trustme
from tests.remote.proxies import HttpProxy, secured
from tests.server.live import serving
from tests.ship.trainings import Training, compare, sync

import runlore
from runlore.errors import NotReachable
from runlore.remote.address import Address
from runlore.remote.connection import Server
from runlore.remote.store import ServerStore
from runlore.store import open_store

NAME = "runlore.test"
"""A name that is found by a proxy alone."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(autouse=True)
def settings_of_mine(tmp_path, monkeypatch):
    for name in ("RUNLORE_STORE", "RUNLORE_TOKEN", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("RUNLORE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("RUNLORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def store_path(tmp_path):
    return open_store(tmp_path / "store", create=True).location


@pytest.fixture
def port(store_path):
    with serving(store_path, allowed_hosts=(NAME,)) as address:
        yield urlsplit(address).port


def trust(authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def impatient(address):
    """A store that does not try again for seconds where nobody answers."""
    return ServerStore(Server(Address.parse(address), 0.1))


def sent_and_read(address, tmp_path, store_path):
    """A run is sent from a process of its own, and read from here."""
    training = Training(address, 300, 0.0, 50_000)
    uid = training.uid()
    code, _, err = training.ended()
    assert (code, err) == (0, "")
    assert compare(tmp_path / "spool", store_path) == 1
    run = runlore.get_run(uid, store=address)
    assert (run.status, len(run.metric("loss"))) == ("succeeded", 300)
    assert len(run.artifact("file0.bin").read_bytes()) == 50_000
    run.set_tag("read", "through")
    assert runlore.get_run(uid, store=store_path).tags["read"] == "through"


def test_a_server_behind_tls_with_an_authority_of_one_s_own(authority, port, tmp_path, store_path, monkeypatch):
    trust(authority, tmp_path, monkeypatch)
    with secured(port, authority.issue_cert("localhost")) as there:
        sent_and_read(f"https://localhost:{there}", tmp_path, store_path)


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_trusted(authority, port, tmp_path, store_path, monkeypatch, wrong):
    trust(trustme.CA() if wrong == "authority" else authority, tmp_path, monkeypatch)
    with secured(port, authority.issue_cert("localhost" if wrong == "authority" else "another.test")) as there:
        address = f"https://localhost:{there}"
        with pytest.raises(NotReachable, match="is not trusted"):
            runlore.experiments(store=address)
        training = Training(address, 100, RUNLORE_SYNC_TIMEOUT="1")
        uid = training.uid()
        code, _, err = training.ended()
        assert code == 0
        assert "certificate verify failed" in err
        assert "still to be sent" in err
        trust(authority, tmp_path, monkeypatch)
        if wrong == "authority":
            assert sync(address)[0] == 0
            assert runlore.get_run(uid, store=store_path).status == "succeeded"
        else:
            assert sync(address)[0] == 1


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_proxy_with_a_password(authority, port, tmp_path, store_path, monkeypatch, scheme):
    trust(authority, tmp_path, monkeypatch)
    monkeypatch.setenv("RUNLORE_TOKEN", "a-secret-token")
    wants = f"Basic {base64.b64encode(b'ada:pass word').decode()}"
    with secured(port, authority.issue_cert(NAME)) as behind_tls:
        proxy = HttpProxy(behind_tls if scheme == "https" else port, wants)
        with proxy.open() as place:
            monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://ada:pass%20word@{place}")
            sent_and_read(f"{scheme}://{NAME}", tmp_path, store_path)
    assert proxy.heads
    assert "a-secret-token" not in "".join(proxy.heads)  # over http it is not even sent
    if scheme == "https":
        assert {head.split()[0] for head in proxy.heads} == {"CONNECT"}
        assert f"CONNECT {NAME}:443" in proxy.heads[0]
    else:
        assert all(f"Host: {NAME}\r\n" in head for head in proxy.heads)


def test_what_no_proxy_excepts_and_what_is_here_is_reached_directly(port, store_path, monkeypatch):
    proxy = HttpProxy(port)
    with proxy.open() as place:
        monkeypatch.setenv("HTTP_PROXY", f"http://{place}")
        assert runlore.experiments(store=f"http://localhost:{port}").empty
        monkeypatch.setenv("NO_PROXY", f"other.test,{NAME}")
        with pytest.raises(NotReachable):
            impatient(f"http://{NAME}:{port}").claims("n")
        assert proxy.heads == []
        monkeypatch.delenv("NO_PROXY")
        assert runlore.experiments(store=f"http://{NAME}:{port}").empty
        assert proxy.heads


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize(("variable", "says"), [
    ("http://127.0.0.1:9", "by the proxy 127.0.0.1:9: Connection refused"),
    ("socks5://127.0.0.1:9", "is no address of a proxy"), ("http://[", "is no address of a proxy"),
])  # fmt: skip
def test_a_proxy_that_is_none_is_named(monkeypatch, scheme, variable, says):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", variable)
    with pytest.raises((NotReachable, ValueError), match=says):
        impatient(f"{scheme}://{NAME}").claims("n")
    code, _, err = Training(f"{scheme}://{NAME}", 100, RUNLORE_SYNC_TIMEOUT="1").ended()
    assert code == 0
    assert says in err


def test_a_proxy_that_does_not_let_us_is_named(port, monkeypatch):
    proxy = HttpProxy(port, wants="Basic another")
    with proxy.open() as place:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{place}")
        with pytest.raises(NotReachable, match=f"by the proxy {place}: Tunnel connection failed: 407"):
            impatient(f"https://{NAME}").claims("n")
