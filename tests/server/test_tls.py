"""TLS of the server itself, as `runlore server` has it, and certificates that are changed meanwhile."""

from __future__ import annotations

import json
import signal
import ssl
import threading
from contextlib import contextmanager

import httpx
import pytest
from cryptography import x509
from tests.cli import processes
from tests.server.certificates import Authority


@pytest.fixture
def files(tmp_path):
    authority, certificate, key = Authority(tmp_path), tmp_path / "server.pem", tmp_path / "server.key"
    serial = authority.write(certificate, key)
    return authority, certificate, key, serial


@contextmanager
def server(tmp_path, *options):
    arguments = ("server", "--store", tmp_path / "store", "--port", "0", "--json", *options)
    with processes.spawn(*arguments) as process:
        told = process.stdout.readline()
        assert told, process.stderr.read()
        yield process, json.loads(told)


def tls(files):
    return ("--ssl-certfile", files[1], "--ssl-keyfile", files[2])


def trusting(files):
    return ssl.create_default_context(cafile=str(files[0].path))


def serial_of(address, context):
    with httpx.Client(verify=context) as client, client.stream("GET", f"{address}health") as answer:
        assert answer.status_code == 200
        socket = answer.extensions["network_stream"].get_extra_info("ssl_object")
        return x509.load_der_x509_certificate(socket.getpeercert(True)).serial_number


def test_it_answers_by_https_alone_and_cookies_are_for_it(tmp_path, files):
    with server(tmp_path, "--accounts", *tls(files)) as (_, told):
        address, account = told["address"], told["first_account"]
        assert address.startswith("https://")
        assert serial_of(address, trusting(files)) == files[3]
        with httpx.Client(verify=trusting(files)) as client:
            answer = client.post(f"{address}sign-in", data=account, headers={"origin": address.rstrip("/")})
            assert answer.status_code == 303, answer.text
            assert "; secure" in answer.headers["set-cookie"].lower()
            assert client.get(f"{address}api/v1/account").json()["name"] == "admin"
        with pytest.raises(httpx.HTTPError):
            httpx.get(address.replace("https:", "http:"), timeout=5)


@contextmanager
def recording(failed):
    try:
        yield
    except Exception as error:
        failed.append(error)
        raise


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_is_changed_without_losing_a_request(tmp_path, files, workers):
    authority, certificate, key, old = files
    context, failed, ending, asked = trusting(files), [], threading.Event(), []
    with server(tmp_path, "--workers", workers, *tls(files)) as (process, told):
        address = told["address"]

        def ask():
            while not ending.wait(0.05):  # the log goes into a pipe that nobody reads
                with recording(failed):
                    asked.append(serial_of(address, context))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            assert processes.until(lambda: old in asked or failed)
            certificate.write_text("no certificate")
            process.send_signal(signal.SIGHUP)
            seen = len(asked)
            assert processes.until(lambda: len(asked) > seen + 3)
            new = authority.write(certificate, key)
            process.send_signal(signal.SIGHUP)
            assert processes.until(lambda: asked[-6:] == [new] * 6)
        finally:
            ending.set()
            asking.join()
        assert failed == []
        assert process.poll() is None


@pytest.mark.parametrize("broken", ["none", "certificate", "key", "another key"])
def test_files_that_cannot_be_used_are_said_before_anything_listens(tmp_path, files, broken):
    authority, certificate, key, _ = files
    if broken == "none":
        certificate.unlink()
    elif broken == "another key":
        authority.write(tmp_path / "other.pem", key)
    else:
        {"certificate": certificate, "key": key}[broken].write_text("nothing of that kind")
    done = processes.run("server", "--store", tmp_path / "store", "--port", "0", *tls(files))
    assert done.returncode == 2
    assert "--ssl-certfile" in done.stderr
    assert "Traceback" not in done.stderr
