"""A server that is gone, slow, or answers nonsense: an error in words, within the time, and nothing stored twice."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import sys
import threading
from time import monotonic, sleep

import pytest
from tests.remote.faults import Losing, answering, saying
from tests.server.live import serving

import runlore
from runlore import registry
from runlore.cli import run as run_command
from runlore.errors import InvalidArgument, NotAllowed, NotReachable, NotStored, RunloreError, RunNotFound
from runlore.model import new_uid
from runlore.remote import connection, contents, tokens
from runlore.remote.address import Address
from runlore.remote.connection import Server
from runlore.remote.store import ServerStore
from runlore.server.contract.once import Answers
from runlore.server.recorders import Recorders
from runlore.store import open_store
from runlore.store.cards import CardName, read_card
from runlore.wire.text import dumps


def store_at(address: str, patience_s: float = 0.3, **options) -> ServerStore:
    return ServerStore(Server(Address.parse(address), patience_s, **options))


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


PROBLEM = "Content-Type: application/problem+json"
WIRE = "Runlore-Wire: 1"

NO_ANSWERS = {
    "garbage": (b"\x16\x03\x01 nonsense\r\n\r\n", NotReachable),
    "nothing": (b"", NotReachable),
    "500": (response("500 Oh", b"{}"), NotReachable),
    "500 with a problem": (response("500 Oh", b'{"detail": "a fault"}', PROBLEM), NotReachable),
    "401": (response("401 Who", b'{"detail": "who?"}', PROBLEM), NotAllowed),
    "403": (response("403 No"), NotAllowed),
    "404": (response("404 Not Found", b"<html>"), NotReachable),
    "413": (response("413 Large"), NotStored),
    "429": (response("429 Many"), NotReachable),
    "502": (response("502 Bad"), NotReachable),
    "redirect": (response("302 There", b"", "Location: http://127.0.0.1:9/"), NotReachable),
    "a page": (response("200 OK", b"<html>hello</html>", "Content-Type: text/html"), NotReachable),
    "another version": (response("200 OK", b"[]", "Runlore-Wire: 2"), NotReachable),
    "half a body": (response("200 OK", b"[" * 10, WIRE)[:-5], NotReachable),
    "no JSON": (response("200 OK", b"[1, 2", WIRE), NotReachable),
    "deep JSON": (response("200 OK", b"[" * 200_000, WIRE), NotReachable),
    "other JSON": (response("200 OK", b'{"fields": ["x"], "rows": [[1]]}', WIRE), NotReachable),
    "no gzip": (response("200 OK", b"[1, 2]", WIRE, "Content-Encoding: gzip"), NotReachable),
    "half a gzip": (response("200 OK", gzip.compress(b"[]")[:-9], WIRE, "Content-Encoding: gzip"), NotReachable),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000, NotReachable),
    "wrong problem": (response("400 Bad", b'{"error": "QuerySyntaxError", "detail": "x"}', PROBLEM), InvalidArgument),
    "strange problem": (response("400 Bad", b'{"error": "Exception", "detail": "x"}', PROBLEM), NotReachable),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_an_error_in_words(name):
    raw, kind = NO_ANSWERS[name]
    with answering(saying(raw)) as (address, _):
        store = store_at(address)
        begun = monotonic()
        with pytest.raises(kind) as raised:
            store.index().experiments()
        assert monotonic() - begun < 30
        assert len(str(raised.value)) < 1000
        with pytest.raises(RunloreError):
            store.create_run("e", new_uid())
        with pytest.raises(RunloreError):
            list(store.points(["0" * 32]))


def test_nobody_there(monkeypatch, capfd):
    monkeypatch.setattr(connection, "PATIENCE_S", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NotReachable, match="no server answers"):
            store_at(address).index().experiments()
        begun = monotonic()
        assert run_command(["ls", "--store", address]) == 1
        assert monotonic() - begun < 10
    printed = capfd.readouterr().err
    assert "no server answers" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("slowly", ["silent", "by and by", "headers by and by"])
def test_a_slow_server_does_not_keep_its_caller_for_ever(slowly):
    over = threading.Event()

    def answer(handler, *_):
        raw = response("200 OK", b"[" + b" " * 10_000 + b"]", WIRE)
        if slowly == "by and by":
            handler.wfile.write(raw[:100])
            raw = raw[100:]
        for byte in raw if slowly != "silent" else b"":
            handler.wfile.write(bytes([byte]))
            sleep(0.05)
        over.wait(60)
        return False

    with answering(answer) as (address, _):
        begun = monotonic()
        with pytest.raises(NotReachable, match=r"in time|within"):
            Server(Address.parse(address), 0.3).ask("index/keys", {}, limit_s=0.5)
        assert monotonic() - begun < 30
        over.set()


def test_a_server_that_asks_for_patience_gets_it():
    answers = [response("429 Many", b"", "Retry-After: 1"), response("200 OK", b'["a"]', WIRE)]

    def answer(handler, *_):
        handler.wfile.write(answers.pop(0))
        return True

    with answering(answer) as (address, seen):
        assert store_at(address).index().keys("params") == ["a"]
        assert len(seen) == 2


# -- answers that get lost --------------------------------------------------------------------------------------------


@pytest.fixture(params=["the same server", "a new server"])
def lossy(request, tmp_path):
    """A store whose answers get lost; after each, the server may have forgotten all that it knew."""
    contexts = []
    path = open_store(tmp_path / "store", create=True).location

    def forget():
        context = contexts[0]
        context._parts.pop(Answers, None)
        context.recorders.close()
        context.recorders = Recorders(context.store, context.index)

    with serving(path, contexts=contexts) as address:
        losing = Losing(address)
        losing.store = open_store(path)
        if request.param == "a new server":
            losing.between = forget
        with answering(losing) as (between, _):
            yield store_at(between, patience_s=5), losing


def test_what_was_done_is_not_done_again(lossy):
    store, losing = lossy
    uid = new_uid()
    losing.lose = 2
    assert store.create_run("e", uid)
    assert not store.create_run("e", uid)
    losing.lose = 2
    assert store.claim("names", "n", {"uid": uid})
    assert not store.claim("names", "n", {"uid": "other"})
    losing.lose = 1
    assert store.release("names", "n", {"uid": uid})
    run = store.open_run(uid)
    losing.lose = 2
    time = run.annotate([("note", "note", "once"), ("tag", "k", math_nan())])
    assert [(event.time_ns, event.key) for event in run.events()] == [(time, "note"), (time, "k")]


def test_facts_of_a_card_are_recorded_once(lossy):
    store, losing = lossy
    made = registry.register("model", "team", "net", tags={"stage": "new"}, store=store)
    losing.lose = 2
    time = store.annotate_card(
        CardName("model", "team", "net"), str(made.version), made.uid, [("note", "note", "once")]
    )
    place = losing.store.card_directory(CardName("model", "team", "net"), str(made.version))
    assert [(event.time_ns, event.value) for event in read_card(place).events if event.kind == "note"] == [
        (time, "once")
    ]


def math_nan() -> float:
    return float("nan")


def test_records_are_stored_once(lossy):
    store, losing = lossy
    uid = new_uid()
    store.create_run("e", uid)
    recorder = store.open_run(uid).record()
    recorder.columns({"fold": 1})
    expected = []
    for number in range(6):
        losing.lose = number % 3
        recorder.scalar("m", number, step=number)
        losing.lose = number % 2
        recorder.row({"a": -0.0, "b": math_nan()}, step=number)
        losing.lose = number % 2
        assert recorder.event("note", "k", number)
        expected.append(float(number))
    losing.lose = 1
    recorder.stop("succeeded", {"code": 0})
    recorder.close()
    assert recorder.lost == 0
    run = store.open_run(uid)
    points = run.points()
    assert points.value[points.key == points.names.index("m")].tolist() == expected
    assert len(points) == 18
    assert [event.value for event in run.events(["note"])] == list(range(6))
    assert all(event.extra == {"fold": 1} for event in run.events(["note"]))
    assert [event.value for event in run.events(["stop"])] == [{"status": "succeeded", "code": 0}]


def test_a_follower_loses_no_event(lossy):
    store, losing = lossy
    uid = new_uid()
    store.create_run("e", uid)
    run = store.open_run(uid)
    follower, recorder = run.follow(["note"]), run.record()
    found = []
    for number in range(4):
        recorder.event("note", "k", number)
        losing.lose = number % 2
        found += [event.value for event in follower.poll()]
    assert found == [0, 1, 2, 3]


def test_a_stream_that_breaks_off_is_taken_up(lossy):
    store, losing = lossy
    uids = [new_uid() for _ in range(5)]
    for uid in uids:
        store.create_run("e", uid)
        recorder = store.open_run(uid).record()
        recorder.scalar("m", 1.0)
        recorder.close()
    losing.cut = 900
    assert [uid for uid, _ in store.points(uids)] == uids


# -- a server that comes and goes -------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_server_that_was_started_anew_goes_on_with_everything(tmp_path):
    path, port = open_store(tmp_path / "store", create=True).location, free_port()
    uid = new_uid()
    with serving(path, port=port) as address:
        store = store_at(address, patience_s=10)
        store.create_run("e", uid)
        recorder = store.open_run(uid).record()
        recorder.columns({"fold": 2})
        recorder.scalar("m", 1.0)
        follower = store.open_run(uid).follow()
    with serving(path, port=port):
        recorder.scalar("m", 2.0)
        recorder.event("note", "k", 1)
        assert store.open_run(uid).points().value.tolist() == [1.0, 2.0]
        assert [event.value for event in follower.poll()] == [1]
        assert [event.extra for event in store.open_run(uid).events()] == [{"fold": 2}]
        recorder.close()


def test_a_recorder_does_not_raise_where_nobody_answers_and_counts(tmp_path, capfd, monkeypatch):
    path, port = open_store(tmp_path / "store", create=True).location, free_port()
    uid = new_uid()
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    with serving(path, port=port) as address:
        store = store_at(address)
        store.create_run("e", uid)
        recorder = store.open_run(uid).record()
        recorder.scalar("m", 1.0)
    recorder.scalar("m", 2.0)
    assert not recorder.event("note", "k", 1)
    assert recorder.lost == 2
    assert capfd.readouterr().err.count("could not be kept") == 1
    with serving(path, port=port):
        recorder.scalar("m", 3.0)
        recorder.close()
        assert store.open_run(uid).points().value.tolist() == [1.0, 3.0]


def test_a_run_that_was_removed_meanwhile_is_said(tmp_path):
    with serving(open_store(tmp_path / "store", create=True).location) as address:
        store, other = store_at(address), store_at(address)
        uid = new_uid()
        store.create_run("e", uid)
        recorder = store.open_run(uid).record()
        recorder.event("start", "start", {})
        recorder.close()
        run = store.open_run(uid)
        other.delete_experiment("e")
        for ask in (run.events, run.points, run.start, run.follow().poll):
            with pytest.raises(RunNotFound):
                ask()


def test_a_child_after_fork_has_a_writer_of_its_own(tmp_path):
    with serving(open_store(tmp_path / "store", create=True).location) as address:
        store = store_at(address)
        uid = new_uid()
        store.create_run("e", uid)
        recorder = store.open_run(uid).record()
        recorder.scalar("m", 1.0)
        child = os.fork()
        if child == 0:
            recorder.scalar("m", 2.0)
            recorder.close()
            os._exit(recorder.lost)
        assert os.waitpid(child, 0)[1] == 0
        recorder.scalar("m", 3.0)
        recorder.close()
        points = store.open_run(uid).points()
        assert points.value.tolist() == [1.0, 2.0, 3.0]
        assert len(points.writers) == 2


def test_idle_recorders_are_closed_and_opened_anew(tmp_path):
    contexts = []
    with serving(open_store(tmp_path / "store", create=True).location, contexts=contexts) as address:
        context = contexts[0]
        pool = context.recorders = Recorders(context.store, context.index, named_idle_s=0.05)
        store = store_at(address)
        uid = new_uid()
        store.create_run("e", uid)
        recorder = store.open_run(uid).record()
        recorder.scalar("m", 1.0)
        begun = monotonic()
        while pool.is_open(uid, recorder._writer):
            assert monotonic() - begun < 10
            sleep(0.01)
        assert not store.open_run(uid).is_alive()[0]
        recorder.scalar("m", 2.0)
        assert store.open_run(uid).points().value.tolist() == [1.0, 2.0]
        recorder.close()


# -- contents ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_CACHE", str(tmp_path / "cache"))
    path = open_store(tmp_path / "store", create=True).location
    with serving(path, max_upload_bytes=1 << 20) as address:
        yield open_store(path), address


def test_contents_that_break_off_are_fetched_to_the_end(served):
    store, address = served
    content = os.urandom(300_000)
    digest, _ = store.put_bytes(content)
    losing = Losing(address)
    with answering(losing) as (between, seen):
        losing.cut = 100_000
        with store_at(between).open_content(digest) as file:
            assert file.read() == content
        assert [headers.get("Range") for _, _, headers, _ in seen] == [None, "bytes=100000-"]


def test_other_contents_than_were_asked_for_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_CACHE", str(tmp_path / "cache"))
    with answering(saying(response("200 OK", b"other", WIRE))) as (address, _):
        digest = hashlib.sha256(b"wanted").hexdigest()
        with pytest.raises(NotReachable, match="as others"):
            store_at(address).content_path(digest)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_contents_under_another_digest_are_refused(served):
    server = Server(Address.parse(served[1]))
    with pytest.raises(NotReachable, match="SHA-256"):
        contents._put(server, "0" * 64, 4, lambda: iter([b"data"]))
    assert not served[0].has_content("0" * 64)


def test_too_large_contents_are_refused_in_words(served, tmp_path):
    store = store_at(served[1])
    (tmp_path / "large").write_bytes(b"x" * (3 << 20))
    with pytest.raises(NotStored, match="more than"):
        store.put_file(tmp_path / "large")
    with pytest.raises(InvalidArgument, match="directory"):
        store.put_file(tmp_path)


def test_the_cache_is_bounded(served, monkeypatch):
    store, address = served
    monkeypatch.setenv("RUNLORE_CACHE_BYTES", "5000")
    monkeypatch.setattr(contents, "_YOUNG_S", -1)
    paths = [store_at(address).content_path(store.put_bytes(bytes([n]) * 2000)[0]) for n in range(5)]
    assert [os.path.exists(path) for path in paths] == [False, False, False, True, True]
    monkeypatch.setenv("RUNLORE_CACHE_BYTES", "much")
    with pytest.raises(InvalidArgument, match="RUNLORE_CACHE_BYTES"):
        store_at(address).content_path(store.put_bytes(b"new")[0])


# -- tokens -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings_of_mine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "runlore" / "tokens.json"


def test_a_token_is_shown_to_its_server_alone(settings_of_mine, monkeypatch, capsys):
    good = saying(response("200 OK", dumps({"fields": ["name", "runs", "statuses", "updated_ns"], "rows": []}), WIRE))
    with answering(good) as (first, to_first), answering(good) as (second, to_second):
        monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": __import__("io").BytesIO(b"secret\n")})())
        assert run_command(["login", first, "--token-stdin"]) == 0
        assert "secret" not in capsys.readouterr().out
        assert json.loads(settings_of_mine.read_text()) == {first: "secret"}
        assert settings_of_mine.stat().st_mode & 0o777 == 0o600
        for address in (first, second):
            store_at(address).index().experiments()
        assert [headers["Authorization"] for _, _, headers, _ in to_first] == ["Bearer secret"] * 2
        assert [headers["Authorization"] for _, _, headers, _ in to_second] == [None]
        with answering(saying(response("307 There", b"", f"Location: {second}/"))) as (sending_on, _):
            monkeypatch.setenv("RUNLORE_TOKEN", "other")
            with pytest.raises(NotReachable, match="sends on"):
                store_at(sending_on).index().experiments()
            assert len(to_second) == 1
        monkeypatch.delenv("RUNLORE_TOKEN")
        assert run_command(["logout", first]) == 0
        store_at(first).index().experiments()
        assert to_first[-1][2]["Authorization"] is None


def test_a_token_that_is_not_taken_is_not_kept(settings_of_mine, monkeypatch, capsys):
    with answering(saying(response("401 Who", b'{"detail": "unknown token"}', PROBLEM))) as (address, _):
        monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": __import__("io").BytesIO(b"wrong")})())
        assert run_command(["login", address, "--token-stdin"]) == 1
    assert "unknown token" in capsys.readouterr().err
    assert not settings_of_mine.exists()


def test_a_token_is_not_sent_where_others_can_read_it(settings_of_mine, monkeypatch):
    monkeypatch.setenv("RUNLORE_TOKEN", "secret")
    assert tokens.token_of(Address.parse("http://ml.example.com")) is None
    assert tokens.token_of(Address.parse("https://ml.example.com")) == "secret"
    assert tokens.token_of(Address.parse("http://[::1]:5005")) == "secret"
    with pytest.raises(InvalidArgument, match="on the way"):
        tokens.keep(Address.parse("http://ml.example.com"), "secret")
    monkeypatch.setenv("RUNLORE_TOKEN", "a\nb")
    with pytest.raises(InvalidArgument, match="RUNLORE_TOKEN"):
        tokens.token_of(Address.parse("https://ml.example.com"))


@pytest.mark.parametrize(
    "address", ["ftp://host", "http://", "http://u:p@host", "https://host?x=1", "http://host:0x1", "http://h ost",
                "https://host#x", "s3://bucket"],
)  # fmt: skip
def test_what_is_no_address_is_said(address):
    with pytest.raises(InvalidArgument) as raised:
        runlore.experiments(store=address)
    assert "u:p" not in str(raised.value)
