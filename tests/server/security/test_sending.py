"""Journals and contents that are sent by who may not do everything: they move no run, and give nobody others' contents.

What an attacker knows here is what leaks easily: a uid, a name of an experiment, a SHA-256.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib

import httpx
import pytest
from tests.server.security.conftest import PASSWORD, made_world
from tests.server.security.test_attacks import contract

import runlore
from runlore.journal import open_journal
from runlore.model import ARTIFACT, ATTRIBUTE, START, new_uid

SEND = "/api/v1/send"
OURS, THEIRS = "vision/cifar", "speech/digits"


@pytest.fixture(scope="module")
def own_world(tmp_path_factory):
    with made_world(tmp_path_factory.mktemp("sending")) as made:
        yield made


def bobs(world, content):
    """Contents that a run of Bob's has as an artifact; their digest."""
    with world.client("bob") as bob:
        assert put_content(bob, content).json()["complete"]
        digest = hashlib.sha256(content).hexdigest()
        body = f'{{"uid":"{world.runs[THEIRS]}","facts":[["artifact","x.txt",{{"digest":"{digest}"}}]]}}'
        assert contract(bob, "store/annotate", body.encode()).is_success
    return digest


class Sender:
    """A run that is sent by hand."""

    def __init__(self, client, folder, experiment=OURS):
        self.client, self.experiment, self.uid = client, experiment, new_uid()
        (folder / self.uid).mkdir()
        self.journal = open_journal(str(folder / self.uid), self.uid, "mmap")
        assert client.post(f"{SEND}/runs", json={"experiment": experiment, "uid": self.uid}).status_code == 200

    def content(self):
        self.journal.close()
        with open(self.journal.path, "rb") as file:
            return file.read()

    def put(self, content, offset=0):
        return self.client.put(
            f"{SEND}/runs/{self.uid}/journals/{self.journal.writer}", content=content,
            params={"experiment": self.experiment, "offset": offset},
            headers={"x-runlore-crc32": f"{zlib.crc32(content):08x}"},
        )  # fmt: skip


def put_content(client, content, digest=None, offset=0, size=None):
    known = digest or hashlib.sha256(content).hexdigest()
    parameters = {"size": len(content) if size is None else size, "offset": offset}
    return client.put(f"{SEND}/contents/{known}", params=parameters, content=content)


def is_missing(client, digest):
    return digest in client.post(f"{SEND}/contents/missing", json={"digests": [digest]}).json()["missing"]


def refresh(world):
    """Have the index know all that was recorded before."""
    with world.client("root") as root:
        assert contract(root, "index/refresh", b"{}", **{"runlore-fresh": "1"}).is_success


def content_of(client, run, name):
    return client.get(f"/api/v1/runs/{run}/artifacts/content", params={"name": name})


def reads(client, digest):
    answers = [client.get(f"/api/v1/{where}/{digest}") for where in ("contents", "store/contents")]
    assert len({answer.status_code for answer in answers}) == 1
    assert answers[0].status_code in {200, 404}
    return answers[0].status_code == 200


# -- experiments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [
    [(START, "start", {"experiment": THEIRS})],
    [(START, "start", {"experiment": OURS}), (ATTRIBUTE, "experiment", THEIRS)],
], ids=["start", "move"])  # fmt: skip
def test_a_journal_puts_no_run_where_its_sender_may_not_write(own_world, tmp_path, said):
    with own_world.client("ada") as ada, own_world.client("bob") as bob:
        sender = Sender(ada, tmp_path)
        for kind, key, value in said:
            sender.journal.event(kind, key, value)
        answer = sender.put(sender.content())
        assert answer.status_code == 403, answer.text
        assert THEIRS in answer.json()["detail"]
        assert bob.post("/api/v1/runs/table", json={}).json()["uids"] == [own_world.runs[THEIRS]]


@pytest.mark.parametrize("piece", [1, 64, 4096])
def test_a_move_that_comes_in_pieces_is_seen_before_it_counts(own_world, tmp_path, piece):
    """However the bytes are cut, at the latest the piece that makes the record whole is refused."""
    with own_world.client("ada") as ada:
        sender = Sender(ada, tmp_path)
        sender.journal.event(START, "start", {"experiment": OURS})
        for step in range(200):
            sender.journal.scalar("loss", 0.5, step)
        sender.journal.event(ATTRIBUTE, "experiment", THEIRS)
        content = sender.content()
        at, size = content.index(THEIRS.encode()), len(content)
        cuts = [0, at - 100, *range(at - 3 * piece, at + 4 * piece, piece), size]
        cuts = sorted({min(max(cut, 0), size) for cut in cuts})
        cuts = [0, *(cut for cut in cuts if cut >= 600)]
        statuses = []
        for begin, end in itertools.pairwise(cuts):
            statuses.append(sender.put(content[begin:end], begin).status_code)
            if statuses[-1] != 200:
                break
        assert statuses[-1] == 403
        refresh(own_world)
        assert ada.get(f"/api/v1/runs/{sender.uid}").json()["experiment"] == OURS


def test_what_is_the_senders_own_arrives_and_may_be_moved_within_what_it_may_write(own_world, tmp_path):
    with own_world.client("ada") as ada, own_world.client("root") as root:
        sender = Sender(ada, tmp_path)
        sender.journal.event(START, "start", {"experiment": OURS})
        sender.journal.event(ATTRIBUTE, "experiment", "vision/other")
        assert sender.put(sender.content()).status_code == 200
        refresh(own_world)
        assert ada.get(f"/api/v1/runs/{sender.uid}").json()["experiment"] == "vision/other"
        by_root = Sender(root, tmp_path)
        by_root.journal.event(START, "start", {"experiment": THEIRS})
        assert by_root.put(by_root.content()).status_code == 200


def test_a_record_puts_no_run_elsewhere_either(own_world):
    with own_world.client("ada") as ada:
        uid, time_ns = own_world.runs[OURS], 1_900_000_000_000_000_000
        for event in ((ATTRIBUTE, "experiment", THEIRS), (START, "start", {"experiment": THEIRS})):
            records = f'[["event","{event[0]}","{event[1]}",{_json(event[2])},null,{time_ns},null]]'
            body = f'{{"uid":"{uid}","writer":"{new_uid()}","sequence":1,"records":{records}}}'
            assert contract(ada, "store/append", body.encode()).status_code == 403
        assert ada.get(f"/api/v1/runs/{uid}").json()["experiment"] == OURS


def _json(value):
    return f'"{value}"' if isinstance(value, str) else str(value).replace("'", '"')


# -- contents ---------------------------------------------------------------------------------------------------------


def test_who_knows_a_digest_gets_nothing_by_it(own_world):
    theirs, ours = own_world.digests[THEIRS], own_world.digests[OURS]
    with own_world.client("ada") as ada, own_world.client("bob") as bob, own_world.client("root") as root:
        assert (reads(ada, ours), reads(ada, theirs)) == (True, False)
        assert (reads(bob, ours), reads(bob, theirs)) == (False, True)
        assert reads(root, ours)
        assert reads(root, theirs)


def test_nobody_is_told_that_the_server_has_others_contents(own_world):
    content, never = b"a secret of Bob's", "0" * 64
    theirs = bobs(own_world, content)
    with own_world.client("ada") as ada:
        assert is_missing(ada, theirs)
        told = [contract(ada, "store/has_content", f'{{"digest":"{one}"}}'.encode()).json() for one in (theirs, never)]
        assert told == [False, False]
        some = put_content(ada, content[:4], theirs, size=len(content))
        assert some.json() == {"offset": 4, "complete": False}
        with own_world.client("bob") as bob:
            assert not is_missing(bob, theirs)


def test_contents_that_a_run_only_names_are_given_to_nobody(own_world, tmp_path):
    """Ada records an artifact with the SHA-256 of Bob's contents in a run of hers, by every way that there is."""
    theirs = own_world.digests[THEIRS]
    about = {"digest": theirs, "size": 25, "kind": "file"}
    with own_world.client("ada") as ada, own_world.client("eve") as eve:
        sender = Sender(ada, tmp_path)
        sender.journal.event(START, "start", {"experiment": OURS})
        sender.journal.event(ARTIFACT, "stolen.txt", about)
        assert sender.put(sender.content()).status_code == 200
        said = f'"facts":[["artifact","stolen.txt",{_json(about)}]]'
        assert contract(ada, "store/annotate", f'{{"uid":"{own_world.runs[OURS]}",{said}}}'.encode()).is_success
        record = f'["event","artifact","again.txt",{_json(about)},null,1900000000000000000,null]'
        body = f'{{"uid":"{own_world.runs[OURS]}","writer":"{new_uid()}","sequence":1,"records":[{record}]}}'
        assert contract(ada, "store/append", body.encode()).is_success
        refresh(own_world)
        for reader in (ada, eve):
            assert not reads(reader, theirs)
            for run in (sender.uid, own_world.runs[OURS]):
                listed = reader.get(f"/api/v1/runs/{run}/artifacts").json()["artifacts"]
                assert "stolen.txt" in {one["name"] for one in listed}
                assert content_of(reader, run, "stolen.txt").status_code == 404
                answer = reader.get("/get-artifact", params={"run_uuid": run, "path": "stolen.txt"})
                assert b"contents of speech" not in answer.content
                assert answer.status_code in {400, 404}
        upload = f"/api/2.0/mlflow-artifacts/mpu/complete/0/{own_world.runs[OURS]}/artifacts"
        parts = {"path": "mpu.txt", "upload_id": "0" * 32, "parts": [{"part_number": 1, "etag": theirs}]}
        ada.post(upload, json=parts)
        assert not reads(ada, theirs)


def test_a_card_that_only_names_contents_gives_them_to_nobody(own_world):
    theirs, uid = own_world.digests[THEIRS], new_uid()
    card = '"card":["model","vision","m"],"version":"1.0.0"'
    artifact = f'{{"name":"m","digest":"{theirs}","size":25,"kind":"file","metadata":{{}}}}'
    about = (
        f'{{"uid":"{uid}","kind":"model","space":"vision","name":"m","version":"1.0.0","created_ns":1,'
        f'"artifacts":[{artifact}],"metadata":{{}},"tags":{{}},"inputs":[]}}'
    )
    with own_world.client("ada") as ada:
        assert contract(ada, "store/claim_version", f"{{{card}}}".encode()).is_success
        made = contract(ada, "store/complete_card", f'{{{card},"about":{about}}}'.encode())
        assert made.is_success, made.text
        refresh(own_world)
        assert uid in contract(ada, "index/cards", b'{"wanted":{}}').text
        assert not reads(ada, theirs)


def test_nobody_casts_doubt_on_what_another_recorded(own_world):
    """Ada names Bob's run where she may say what refers to contents: what he may read, he reads still."""
    content = b"for all who may see Bob's run"
    theirs, run = bobs(own_world, content), own_world.runs[THEIRS]
    refresh(own_world)
    people = own_world.book.people
    people.add_user("friend", PASSWORD)
    people.grant(people.user("friend"), "speech/**", "viewer")
    token = own_world.book.keys.make_token(people.user("friend"), "tests")[1]
    card = '"card":["model","vision","doubt"],"version":"1.0.0"'
    about = (
        f'{{"uid":"{run}","kind":"model","space":"vision","name":"doubt","version":"1.0.0","created_ns":1,'
        f'"artifacts":[{{"name":"m","digest":"{theirs}"}}],"metadata":{{}},"tags":{{}},"inputs":[]}}'
    )
    record = f'["event","artifact","x.txt",{{"digest":"{theirs}"}},null,1900000000000000000,null]'
    with own_world.client("ada") as ada:
        contract(ada, "store/claim_version", f"{{{card}}}".encode())
        contract(ada, "store/complete_card", f'{{{card},"about":{about}}}'.encode())
        body = f'{{"uid":"{run}","writer":"{new_uid()}","sequence":1,"records":[{record}]}}'
        assert contract(ada, "store/append", body.encode()).status_code in {403, 404}
    with httpx.Client(base_url=own_world.address, headers={"authorization": f"Bearer {token}"}) as friend:
        assert reads(friend, theirs)


def test_who_shows_contents_has_them_and_may_name_them(own_world, tmp_path):
    """The same bytes as Bob's, sent by Ada: hers too from then on, also for what she recorded before."""
    content = b"both Bob and Ada have this"
    theirs = bobs(own_world, content)
    with own_world.client("ada") as ada, own_world.client("eve") as eve:
        sender = Sender(ada, tmp_path)
        sender.journal.event(START, "start", {"experiment": OURS})
        sender.journal.event(ARTIFACT, "mine.txt", {"digest": theirs, "size": len(content)})
        assert sender.put(sender.content()).status_code == 200
        assert not reads(eve, theirs)
        assert put_content(ada, content[:9], theirs, size=len(content)).json() == {"offset": 9, "complete": False}
        assert put_content(ada, content[9:], theirs, offset=9, size=len(content)).json()["complete"]
        assert not is_missing(ada, theirs)
        assert reads(ada, theirs)
        assert content_of(eve, sender.uid, "mine.txt").content == content


def test_nobody_goes_on_where_another_stopped(own_world):
    """The end of contents is no proof of the whole: two callers' pieces are kept apart."""
    content = b"secret weights " * 1000
    digest = hashlib.sha256(content).hexdigest()
    with own_world.client("ada") as ada, own_world.client("bob") as bob:
        assert put_content(bob, content[:9000], digest, size=len(content)).json()["offset"] == 9000
        assert ada.post(f"{SEND}/contents/missing", json={"digests": [digest]}).json()["missing"] == {digest: 0}
        gap = put_content(ada, content[9000:], digest, offset=9000, size=len(content))
        assert (gap.status_code, gap.json()["offset"]) == (409, 0)
        assert put_content(bob, content[9000:], digest, offset=9000, size=len(content)).json()["complete"]
        assert (reads(ada, digest), reads(bob, digest)) == (False, True)


def test_another_s_reference_stays_good_whoever_else_only_names_the_same(own_world):
    content = b"shared by both teams"
    digest = hashlib.sha256(content).hexdigest()
    people = own_world.book.people
    people.add_user("both", PASSWORD)
    for pattern in ("vision/**", "speech/**"):
        people.grant(people.user("both"), pattern, "editor")
    own_world.tokens["both"] = own_world.book.keys.make_token(people.user("both"), "tests")[1]
    with own_world.client("both") as bob, own_world.client("eve") as eve:
        assert put_content(bob, content).json()["complete"]
        said = f'"facts":[["artifact","shared.txt",{{"digest":"{digest}","size":20}}]]'
        assert contract(bob, "store/annotate", f'{{"uid":"{own_world.runs[OURS]}",{said}}}'.encode()).is_success
        assert reads(eve, digest)
    with own_world.client("ada") as ada:
        assert contract(ada, "store/annotate", f'{{"uid":"{own_world.runs[OURS]}",{said}}}'.encode()).is_success
        assert reads(ada, digest)


def test_a_training_job_with_a_token_that_only_writes_sends_its_artifacts(own_world, monkeypatch):
    monkeypatch.setenv("RUNLORE_TOKEN", own_world.tokens["ada writes"])
    with runlore.start("vision/job", store=own_world.address) as run:
        run.log_text("what the job made", "made.txt")
    refresh(own_world)
    with own_world.client("eve") as eve:
        assert content_of(eve, run.uid, "made.txt").content == b"what the job made"
