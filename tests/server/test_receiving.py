"""Receiving: journal bytes by offset and contents by digest, each repeated, torn, in the wrong place, or not ours."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.server.live import serving

import runlore
from runlore.housekeeping import doctor
from runlore.journal import open_journal
from runlore.model import new_uid
from runlore.reader.session import Session
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_store

SEND = "/api/v1/send"


class Sent:
    """A run that is written here and sent by hand."""

    def __init__(self, client, folder, experiment="iris/a"):
        self.client, self.experiment, self.uid = client, experiment, new_uid()
        folder.mkdir()
        self.journal = open_journal(str(folder), self.uid, "mmap")
        self.writer = self.journal.writer

    def announce(self):
        return self.client.post(f"{SEND}/runs", json={"experiment": self.experiment, "uid": self.uid})

    def bytes(self):
        self.journal.close()
        with open(self.journal.path, "rb") as file:
            return file.read()

    def address(self, what=""):
        return f"{SEND}/runs/{self.uid}/journals/{self.writer}{what}"

    def put(self, offset, content, *, check=None, encoding=None, beginning=None, experiment=None):
        headers = {"x-runlore-crc32": check or f"{zlib.crc32(content):08x}"}
        body = content
        if encoding:
            headers["content-encoding"] = encoding
            body = zlib.compress(content) if encoding == "deflate" else gzip.compress(content)
        if beginning is not None:
            headers["x-runlore-beginning"] = beginning
        parameters = {"experiment": experiment or self.experiment, "offset": offset}
        return self.client.put(self.address(), params=parameters, content=body, headers=headers)

    def end(self, content, **changes):
        body = {"size": len(content), "crc32": zlib.crc32(content[64:]), "beginning": content[:64].hex(), **changes}
        return self.client.post(self.address("/end"), params={"experiment": self.experiment}, json=body)


@pytest.fixture
def sent(client, tmp_path):
    made = Sent(client, tmp_path / "sender")
    yield made
    made.journal.close()


@pytest.fixture
def written(sent):
    sent.journal.event("start", "start", {"experiment": sent.experiment})
    for step in range(5000):
        sent.journal.scalar("loss", step / 3, step)
    sent.journal.stop("succeeded", {})
    assert sent.announce().status_code == 200
    return sent


def stored(store_path, sent):
    path = os.path.join(store_path, "runs", sent.experiment, sent.uid, "journal", f"{sent.writer}.rlj")
    with open(path, "rb") as file:
        return file.read()


def test_announcing_makes_a_run_once_and_gives_its_number_once(sent):
    first, again = sent.announce().json(), sent.announce().json()
    assert (first["number"], first["is_new"]) == (1, True)
    assert (again["number"], again["is_new"]) == (1, False)
    assert sent.client.get(f"{SEND}/runs/{sent.uid}").json()["number"] == 1


def test_of_many_that_announce_a_run_at_once_one_made_it_and_all_get_its_number(sent):
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: sent.announce(), range(24))]
    assert {answer["number"] for answer in answers} == {1}
    assert sum(answer["is_new"] for answer in answers) == 1


@pytest.mark.parametrize(("field", "value"), [
    ("uid", "x"), ("uid", "../../etc"), ("uid", "A" * 32), ("uid", 5), ("experiment", ""), ("experiment", "../x"),
    ("experiment", "a//b"), ("experiment", None), ("experiment", "a\0b"), ("experiment", "x" * 5000),
])  # fmt: skip
def test_names_that_are_none_are_refused_before_anything_is_made(client, store_path, field, value):
    body = {"experiment": "iris", "uid": new_uid(), field: value}
    answer = client.post(f"{SEND}/runs", json=body)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["detail"]
    assert os.listdir(os.path.join(store_path, "runs")) == []


def test_a_run_belongs_to_one_experiment(sent):
    sent.announce()
    sent.experiment = "other"
    answer = sent.announce()
    assert answer.status_code == 409
    assert "iris/a" in answer.json()["detail"]


def test_pieces_make_the_journal_and_readers_find_the_run(written, store_path):
    content = written.bytes()
    for offset in range(0, len(content), 40_000):
        encoding = ("deflate", "gzip", None)[offset // 40_000 % 3]
        answer = written.put(offset, content[offset : offset + 40_000], encoding=encoding)
        assert answer.json() == {"offset": min(offset + 40_000, len(content))}
    assert written.end(content).json() == {"offset": len(content)}
    assert stored(store_path, written) == content
    run = runlore.get_run(written.uid, store=store_path)
    assert (run.number, run.status, run.experiment) == (1, "succeeded", "iris/a")
    assert run.metrics == {"loss": 4999 / 3}


def test_bytes_that_are_there_change_nothing(written, store_path):
    content = written.bytes()
    assert written.put(0, content).json() == {"offset": len(content)}
    for offset, length in [(0, len(content)), (100, 50), (len(content) - 7, 7), (0, 0), (len(content), 0), (9, 9000)]:
        assert written.put(offset, content[offset : offset + length]).json() == {"offset": len(content)}
    assert stored(store_path, written) == content


def test_overlapping_bytes_go_on_where_those_end_that_are_there(written, store_path):
    content = written.bytes()
    written.put(0, content[:50_000])
    assert written.put(20_000, content[20_000:]).json() == {"offset": len(content)}
    assert stored(store_path, written) == content


def test_a_gap_is_refused_with_the_offset_to_go_on_from(written, store_path):
    content = written.bytes()
    answer = written.put(10, content[10:])
    assert (answer.status_code, answer.json()["offset"], answer.json()["reason"]) == (409, 0, "gap")
    written.put(0, content[:30_000])
    answer = written.put(30_001, content[30_001:])
    assert (answer.status_code, answer.json()["offset"]) == (409, 30_000)
    assert written.end(content).json()["offset"] == 30_000
    assert stored(store_path, written) == content[:30_000]


def test_other_bytes_are_refused(written, store_path):
    content = written.bytes()
    written.put(0, content[:60_000])
    other = bytearray(content)
    other[50_000] ^= 1
    for offset in (0, 50_000):
        answer = written.put(offset, bytes(other[offset:]))
        assert (answer.status_code, answer.json()["reason"]) == (409, "differs")
    assert stored(store_path, written) == content[:60_000]


def test_the_end_compares_everything(written, store_path):
    content = written.bytes()
    written.put(0, content)
    assert written.end(content, crc32=1).json()["reason"] == "differs"
    assert written.end(content, size=len(content) - 1).json()["reason"] == "differs"
    assert written.end(content, beginning="00" * 64).status_code == 400
    assert written.end(content).status_code == 200
    assert written.end(content).status_code == 200


def test_what_the_writer_changed_in_the_header_is_taken_over(written, store_path):
    first = Path(written.journal.path).read_bytes()[:20_000]
    written.put(0, first)
    written.journal._note_lost(7)
    written.journal._note_end("failed")
    content = Path(written.journal.path).read_bytes()[:40_000]
    assert written.put(20_000, content[20_000:], beginning=content[:64].hex()).status_code == 200
    assert stored(store_path, written) == content
    assert written.put(0, first).status_code == 200  # an older request that is repeated does not take it back
    assert stored(store_path, written) == content


@pytest.mark.parametrize("damage", ["magic", "uid", "writer", "short", "version", "none"])
def test_what_does_not_begin_this_journal_is_refused(written, store_path, damage):
    content = bytearray(written.bytes())
    if damage == "magic":
        content[0] ^= 1
    elif damage in ("uid", "writer"):
        old = (written.uid if damage == "uid" else written.writer).encode()
        content = bytearray(bytes(content).replace(old, new_uid().encode()))
    elif damage == "short":
        content = content[:100]
    elif damage == "version":
        content[8] = 9
    else:
        content = bytearray(b"hello")
    answer = written.put(0, bytes(content))
    assert answer.status_code == 400, answer.text
    folder = os.path.join(store_path, "runs/iris/a", written.uid, "journal")
    assert [name for name in os.listdir(folder) if written.writer in name] == []


def test_what_arrives_damaged_is_refused(written, store_path):
    content = written.bytes()
    assert written.put(0, content, check="00000000").json()["field"] == "x-runlore-crc32"
    address, parameters = written.address(), {"experiment": written.experiment, "offset": 0}
    check = {"x-runlore-crc32": f"{zlib.crc32(content):08x}"}
    for encoding, body, status in [
        ("deflate", zlib.compress(content)[:-9], 400), ("deflate", content, 400), ("gzip", b"", 400), ("br", b"x", 415),
    ]:  # fmt: skip
        headers = {**check, "content-encoding": encoding}
        assert written.client.put(address, params=parameters, content=body, headers=headers).status_code == status
    assert not os.path.exists(os.path.join(store_path, "runs/iris/a", written.uid, "journal", f"{written.writer}.rlj"))


def test_a_bomb_is_refused(written):
    bomb = zlib.compress(bytes(64 << 20))
    headers = {"content-encoding": "deflate", "x-runlore-crc32": "0" * 8}
    parameters = {"experiment": written.experiment, "offset": 0}
    assert written.client.put(written.address(), params=parameters, content=bomb, headers=headers).status_code == 413


def test_a_run_that_nobody_announced_is_not_found(sent):
    content = sent.bytes()
    assert sent.put(0, content).json()["error"] == "RunNotFound"
    assert sent.end(content).json()["error"] == "RunNotFound"
    assert sent.client.get(f"{SEND}/runs/{sent.uid}").status_code == 404


@pytest.mark.parametrize("writer", ["x", "..", "%2e%2e%2fx", "A" * 32])
def test_a_writer_that_is_none_is_refused(written, writer):
    written.writer = writer
    assert written.put(0, b"x").status_code in {400, 404, 405}


@pytest.mark.parametrize("offset", ["", "-1", "x", str(1 << 60), "1e3"])
def test_an_offset_that_is_none_is_refused(written, offset):
    assert written.put(offset, b"x").status_code == 400


def test_a_received_journal_lives_by_its_sender(written, store_path):
    written.put(0, Path(written.journal.path).read_bytes()[:30_000])
    folder = os.path.join(store_path, "runs/iris/a", written.uid, "journal")
    sender, journal = (os.path.join(folder, f"{written.writer}.{end}") for end in ("sender", "rlj"))
    assert runlore.get_run(written.uid, store=store_path).status == "running"
    for path in (sender, journal):
        os.utime(path, (1, 1))
    assert runlore.get_run(written.uid, store=store_path).status == "crashed"
    written.put(30_000, b"")  # a sign of life
    assert runlore.get_run(written.uid, store=store_path).status == "running"


def test_a_writer_that_died_has_crashed(sent, store_path):
    sent.announce()
    sent.journal.event("start", "start", {"experiment": sent.experiment})
    content = Path(sent.journal.path).read_bytes()[:30_000]
    sent.put(0, content)
    assert sent.end(content, died=True).status_code == 200
    run = runlore.get_run(sent.uid, store=store_path)
    assert run.status == "crashed"
    assert sent.put(0, content).status_code == 200
    assert runlore.get_run(sent.uid, store=store_path).status == "crashed"


def test_what_was_sealed_is_not_taken_again(written, store_path):
    content = written.bytes()
    written.put(0, content)
    written.end(content)
    assert seal_store(open_store(store_path)).outcomes == {"sealed": 1}
    before = runlore.get_run(written.uid, store=store_path)
    assert written.put(0, content[:30_000]).json() == {"offset": len(content)}
    assert written.end(content).status_code == 200
    assert written.announce().json()["number"] == 1
    after = runlore.get_run(written.uid, store=store_path)
    assert (after.number, after.metrics, after.status) == (before.number, before.metrics, "succeeded")
    assert not os.path.exists(os.path.join(store_path, "runs/iris/a", written.uid, "journal", f"{written.writer}.rlj"))


def test_a_received_store_has_no_damage(written, store_path):
    content = written.bytes()
    written.put(0, content[:30_000])
    assert doctor.examine(Session(store_path)) == []


@pytest.mark.parametrize("seed", range(4))
def test_what_a_hostile_sender_sends_harms_its_own_run_alone(written, store_path, tmp_path, seed):
    content = written.bytes()
    written.put(0, content)
    hostile = Sent(written.client, tmp_path / "hostile")
    hostile.announce()
    begun = hostile.bytes()[:2000]
    chance = random.Random(seed)
    noise = begun[:544] + chance.randbytes(60_000) + content[20_000:50_000]
    assert hostile.put(0, noise).status_code == 200
    assert hostile.end(noise, died=True).status_code == 200
    found = {run.uid: run for run in (runlore.get_run(uid, store=store_path) for uid in (written.uid, hostile.uid))}
    assert found[written.uid].metrics == {"loss": 4999 / 3}
    assert found[written.uid].number == 1
    assert found[hostile.uid].number == 2
    assert len(runlore.runs(store=store_path)) == 2


# -- contents -----------------------------------------------------------------------------------------------------


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def missing(client, *digests):
    return client.post(f"{SEND}/contents/missing", json={"digests": digests}).json()["missing"]


def put(client, content, digest=None, offset=0, size=None, part=None):
    digest = digest or digest_of(content)
    parameters = {"size": len(content) if size is None else size, "offset": offset}
    return client.put(
        f"{SEND}/contents/{digest}", params=parameters, content=content[offset:] if part is None else part
    )


def test_contents_arrive_and_are_not_sent_again(client, store_path):
    content = os.urandom(3_000_000)
    assert missing(client, digest_of(content)) == {digest_of(content): 0}
    assert put(client, content).json() == {"offset": len(content), "complete": True}
    assert missing(client, digest_of(content)) == {}
    assert put(client, content).json()["complete"]
    with open_store(store_path).open_content(digest_of(content)) as file:
        assert file.read() == content
    assert put(client, b"").json()["complete"]


def test_contents_go_on_where_they_broke_off(client, store_path):
    content = os.urandom(100_000)
    assert put(client, content, part=content[:30_000]).json() == {"offset": 30_000, "complete": False}
    assert missing(client, digest_of(content)) == {digest_of(content): 30_000}
    gap = put(client, content, offset=40_000)
    assert (gap.status_code, gap.json()["offset"]) == (409, 30_000)
    assert not open_store(store_path).has_content(digest_of(content))
    assert put(client, content, offset=30_000).json()["complete"]
    assert os.listdir(os.path.join(store_path, "incoming")) == []


def test_contents_that_do_not_match_are_thrown_away(client, store_path):
    content = b"right"
    assert put(client, b"wrong", digest_of(content)).status_code == 400
    assert missing(client, digest_of(content)) == {digest_of(content): 0}
    assert put(client, content).json()["complete"]


@pytest.mark.parametrize(("digest", "size", "status"), [
    ("x", 1, 400), ("A" * 64, 1, 400), (digest_of(b"x"), "", 400), (digest_of(b"x"), 1 << 50, 413),
    (digest_of(b"xy"), 1, 400),
])  # fmt: skip
def test_contents_that_cannot_be_are_refused(client, digest, size, status):
    parameters = {"size": size} if size != "" else {}
    assert client.put(f"{SEND}/contents/{digest}", params=parameters, content=b"xy").status_code == status


def test_the_server_may_lose_all_and_gets_it_again(written, store_path, tmp_path):
    content = written.bytes()
    written.put(0, content)
    with serving(open_store(tmp_path / "emptied", create=True).location) as address:
        answer = written.client.put(
            address + written.address(), params={"experiment": written.experiment, "offset": 500}, content=b"",
            headers={"x-runlore-crc32": "00000000"},
        )  # fmt: skip
        assert answer.json()["error"] == "RunNotFound"
